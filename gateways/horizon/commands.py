"""POST /v3/commands/{operation}: readable JSON in; an unsigned transaction and a preview out."""

import base64
import secrets
from collections.abc import Iterator
from typing import Annotated, Any

import msgspec
from starlette.responses import Response

from gateways.horizon.contract_types import shows
from gateways.horizon.problems import VIEW_UNAVAILABLE
from gateways.horizon.responses import Meta, respond_one
from gateways.horizon.service import Horizon
from gateways.horizon.settings import SUBMISSIONS
from gateways.http.bodies import read_body
from gateways.http.jsonapi import Document, Resource
from gateways.http.parameter_types import choice
from gateways.http.problems import (
    BAD_REQUEST,
    CONTENT_TOO_LARGE,
    UNSUPPORTED_MEDIA_TYPE,
    Problem,
)
from gateways.http.routes import UNCACHED, Call, Parameter, Route
from schemas.binary import Unencodable
from schemas.codec import encode
from schemas.contract import OPERATIONS
from schemas.generated.transactions import Transaction, TransactionEnvelope
from schemas.preview import describe_operation
from schemas.readable import Scales, Unreadable, read_value, show_value
from schemas.strkey import StrkeyError, decode_balance_id
from streams.ledger.hashes import compute_transaction_hash
from streams.ledger.values import is_asset_code

LIFETIME_MS = 5 * 60_000
NAMES_MAX = 200
"""How many assets and balances one command may name."""


class Command(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """`body`: the operation's members, as `/openapi.json` and schemas/operations describe them."""

    source_account: str
    body: dict[str, Any]
    memo: str = ""


class CommandAttributes(msgspec.Struct, frozen=True):
    """`envelope`: TransactionEnvelope bytes in base64, without a signature. Sign its hash, and
    verify by `transaction` that it says what was meant. `preview`: the same in words, by line.
    """

    envelope: str
    transaction: Annotated[dict[str, Any], shows("transactions.Transaction")]
    preview: list[str]
    valid_until_ms: str


async def build(call: Call) -> Response:
    """Raises Problem with the place of what is wrong."""
    horizon: Horizon = call.service
    command: Command = await read_body(call)
    scales = await _get_scales(horizon, command.body)
    snapshot = await horizon.database.get_points()
    valid_until_ms = str(snapshot.close_time_ms + LIFETIME_MS)
    document = {
        "network_id": horizon.network_id.hex(),
        "source_account": command.source_account,
        "salt": str(secrets.randbits(64)),
        "min_time_ms": "0",
        "max_time_ms": valid_until_ms,
        "memo": command.memo,
        "operations": [{"body": {**command.body, "type": call.path["operation"]}}],
    }
    try:
        transaction = read_value(Transaction, document, scales)
        raw = encode(transaction)
    except (Unreadable, Unencodable) as error:
        raise Problem(BAD_REQUEST, f"the command: {error}") from None
    shown = show_value(transaction, scales)
    attributes = CommandAttributes(
        envelope=base64.b64encode(encode(TransactionEnvelope(raw, ()))).decode(),
        transaction=shown,
        preview=list(describe_operation(call.path["operation"], shown["operations"][0]["body"])),
        valid_until_ms=valid_until_ms,
    )
    identifier = compute_transaction_hash(horizon.network_id, raw).hex()
    return respond_one(call, Resource("commands", identifier, attributes), snapshot)


async def _get_scales(horizon: Horizon, body: dict[str, Any]) -> Scales:
    """Of every asset and balance that the body names."""
    texts = set(_find_texts(body))
    codes = {each for each in texts if is_asset_code(each)}
    balances = {each for each in map(_read_balance, texts) if each is not None}
    if len(codes) + len(balances) > NAMES_MAX:
        raise Problem(BAD_REQUEST, f"the command names more than {NAMES_MAX} assets and balances")
    return await horizon.scales.get(codes, balances=balances)


def _find_texts(value: Any) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict):
        for each in value.values():
            yield from _find_texts(each)
    elif isinstance(value, list):
        for each in value:
            yield from _find_texts(each)


def _read_balance(text: str) -> bytes | None:
    try:
        return decode_balance_id(text)
    except StrkeyError:
        return None


ROUTES = (
    Route(
        "/v3/commands/{operation}",
        "POST",
        build,
        "Build a transaction of one operation from readable JSON. It is not signed or submitted.",
        rate_class=SUBMISSIONS,
        response=Document[CommandAttributes, Meta],
        path_parameters=(
            Parameter("operation", choice(*(row.stem for row in OPERATIONS)), "What to do."),
        ),
        accepts={"application/json": Command},
        problems=(
            BAD_REQUEST,
            CONTENT_TOO_LARGE,
            UNSUPPORTED_MEDIA_TYPE,
            VIEW_UNAVAILABLE,
        ),
        tag="commands",
        cache_control=UNCACHED,
    ),
)
