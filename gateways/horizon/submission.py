"""POST /v3/transactions: check what needs no ledger, make the envelope durable, answer the outcome.

A rejection of the gateway's own is final: the envelope can never enter a ledger. Nodes' rejections
are provisional, and so is the rejection of a body that could not be decoded, which may have been
damaged on its way. Nothing is accepted before the broker has it.
"""

import asyncio
import base64
import binascii
from typing import Any

import msgspec
from starlette.responses import Response

from gateways.horizon.problems import (
    BROKER_UNAVAILABLE,
    OPERATION_INVALID,
    TRANSACTION_FAILED,
    TRANSACTION_REJECTED,
    VIEW_UNAVAILABLE,
)
from gateways.horizon.responses import Meta, make_meta, respond
from gateways.horizon.service import Horizon
from gateways.horizon.settings import SUBMISSIONS
from gateways.horizon.status import Expectation, Status, get_status
from gateways.horizon.transactions import TransactionAttributes, render_codes, render_status
from gateways.http.bodies import read_body
from gateways.http.jsonapi import Document, Links
from gateways.http.listener import Channel
from gateways.http.parameter_types import choice
from gateways.http.problems import (
    BAD_REQUEST,
    CONTENT_TOO_LARGE,
    UNSUPPORTED_MEDIA_TYPE,
    Problem,
)
from gateways.http.routes import UNCACHED, Call, Parameter, Route
from gateways.ingest import IngestError
from schemas.codec import strip_frame
from schemas.generated.events import RejectionCode
from schemas.generated.transactions import TransactionEnvelope
from schemas.readable import show_account
from streams.ledger.admission import Candidate, RejectionReason, validate_envelope
from streams.ledger.operations.table import OPERATIONS
from streams.ledger.signatures import is_valid_signature

JSON_TYPES = ("application/json", "application/vnd.api+json")
AVRO_TYPE = "application/avro"
LOOK_SECONDS = 2.0


class SubmissionAttributes(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """`envelope`: TransactionEnvelope bytes in base64, framed or not."""

    envelope: str


class SubmissionData(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The resource to create."""

    attributes: SubmissionAttributes
    type: str = "transactions"


class Submission(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The body of a submission in JSON."""

    data: SubmissionData


async def post_transaction(call: Call) -> Response:
    """200 with the first result if there is one, else 202. Raises Problem."""
    horizon: Horizon = call.service
    try:
        response = await _submit(call, horizon)
    except Problem as problem:
        horizon.metrics.submissions.labels(problem.kind.slug).inc()
        raise
    horizon.metrics.submissions.labels(str(response.status_code)).inc()
    return response


async def _submit(call: Call, horizon: Horizon) -> Response:
    candidate = admit(await read_envelope(call), horizon)
    expectation = Expectation(
        candidate.transaction_hash, candidate.envelope_hash, candidate.transaction.max_time_ms
    )
    status = await get_status(horizon, expectation)
    if status.row is None and status.word == "expired":
        _reject(candidate, RejectionCode.TOO_LATE, f"the ledger is at {status.closed_at}")
    if status.row is None:
        _check_signatures(candidate)
        _check_operations(candidate)
        await _produce(candidate, horizon)
        if call.query.get("wait") == "result":
            status = await _wait(horizon, expectation)
        else:
            status = Status("pending", None, (), status.sequence, status.close_time_ms)
    return _answer(call, expectation, status)


async def read_envelope(call: Call) -> bytes:
    """Unframed, whichever form was sent."""
    body = await read_body(call)
    if isinstance(body, bytes):
        return strip_frame(TransactionEnvelope, body)
    try:
        envelope = base64.b64decode(body.data.attributes.envelope, validate=True)
        return strip_frame(TransactionEnvelope, envelope)
    except (binascii.Error, ValueError):
        raise Problem(BAD_REQUEST, "the body: `envelope` is not base64") from None


def admit(envelope: bytes, horizon: Horizon) -> Candidate:
    admitted = validate_envelope(envelope, horizon.network_id)
    if isinstance(admitted, RejectionReason):
        transaction_hash = admitted.transaction_hash
        is_unparsed = transaction_hash is None
        members: dict[str, Any] = {"code": admitted.code.name, "provisional": is_unparsed}
        if transaction_hash is not None:
            members["transaction_hash"] = transaction_hash.hex()
        raise Problem(TRANSACTION_REJECTED, admitted.detail, members)
    return admitted


def _reject(candidate: Candidate, code: RejectionCode, detail: str) -> None:
    members = {
        "code": code.name,
        "provisional": False,
        "transaction_hash": candidate.transaction_hash.hex(),
    }
    raise Problem(TRANSACTION_REJECTED, detail, members)


def _check_signatures(candidate: Candidate) -> None:
    """At most 20, and one an operation, of 30 us each: not worth a worker process."""
    for number, (signer, signature) in enumerate(
        zip(candidate.signers, candidate.signatures, strict=True)
    ):
        if not is_valid_signature(signer, candidate.transaction_hash, signature):
            detail = f"signature {number} is not over this transaction's hash on this network"
            _reject(candidate, RejectionCode.BAD_SIGNATURE, detail)
    for each in candidate.signed_messages:
        if not is_valid_signature(each.public_key, each.message, each.signature):
            key = show_account(each.public_key)
            detail = f"the signature of {key} in an operation is not over what it should be"
            _reject(candidate, RejectionCode.BAD_SIGNATURE, detail)


def _check_operations(candidate: Candidate) -> None:
    operations = candidate.transaction.operations
    codes = [OPERATIONS[type(each.body)].validate(each.body) for each in operations]
    if any(codes):
        names = [None if code is None else code.name for code in codes]
        raise Problem(
            OPERATION_INVALID,
            f"{sum(code is not None for code in codes)} of {len(codes)} operations are invalid",
            {
                "transaction_hash": candidate.transaction_hash.hex(),
                "operations": render_codes(candidate.transaction, names),
            },
        )


async def _produce(candidate: Candidate, horizon: Horizon) -> None:
    try:
        await horizon.produce(candidate)
    except IngestError as error:
        raise Problem(BROKER_UNAVAILABLE, f"not durable: {error}") from None


async def _wait(horizon: Horizon, expectation: Expectation) -> Status:
    """Until there is an outcome, or the time for a request is over."""
    try:
        async with asyncio.timeout(horizon.settings.result_seconds_max):
            while True:
                ledgers, rejections = horizon.ledger_channel.count, horizon.rejection_channel.count
                status = await get_status(horizon, expectation)
                if status.word != "pending":
                    return status
                await _wait_for_any(
                    (horizon.ledger_channel, ledgers), (horizon.rejection_channel, rejections)
                )
    except TimeoutError:
        return await get_status(horizon, expectation)


async def _wait_for_any(*channels: tuple[Channel, int]) -> None:
    tasks = [asyncio.create_task(channel.wait(seen, LOOK_SECONDS)) for channel, seen in channels]
    try:
        await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for task in tasks:
            task.cancel()


def _answer(call: Call, expectation: Expectation, status: Status) -> Response:
    location = f"{call.public_url}{expectation.get_path()}"
    resource = render_status(status, expectation)
    attributes = resource.attributes
    if status.word in ("failed", "rejected"):
        problem_type = TRANSACTION_FAILED if status.row else TRANSACTION_REJECTED
        members = {
            "transaction_hash": attributes.hash,
            "code": attributes.code,
            "provisional": not attributes.is_final,
            "operations": attributes.operations,
            "ledger_sequence": attributes.ledger_sequence,
            "rejections": attributes.rejections,
        }
        raise Problem(problem_type, status.detail, members, {"Location": location})
    meta = make_meta(status.sequence, status.close_time_ms)
    code = 202 if status.word == "pending" else 200
    document = Document(resource, Links(location), meta)
    return respond(document, status.sequence, code, {"Location": location})


ROUTES = (
    Route(
        "/v3/transactions",
        "POST",
        post_transaction,
        "Submit a signed transaction. 202: durable and pending, see Location. 200: its result.",
        rate_class=SUBMISSIONS,
        response=Document[TransactionAttributes, Meta],
        parameters=(
            Parameter(
                "wait",
                choice("ingest", "result"),
                "`ingest` (default): answer when it is durable. `result`: when a ledger has it, "
                "most nodes have rejected it, or the time for a request is over.",
            ),
        ),
        accepts={**dict.fromkeys(JSON_TYPES, Submission), AVRO_TYPE: bytes},
        statuses=(200, 202),
        problems=(
            BAD_REQUEST,
            TRANSACTION_REJECTED,
            OPERATION_INVALID,
            TRANSACTION_FAILED,
            CONTENT_TOO_LARGE,
            UNSUPPORTED_MEDIA_TYPE,
            BROKER_UNAVAILABLE,
            VIEW_UNAVAILABLE,
        ),
        tag="transactions",
        cache_control=UNCACHED,
    ),
)
