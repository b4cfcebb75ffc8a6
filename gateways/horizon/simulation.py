"""POST /v3/transactions/simulate: what a transaction would do now, without submitting it."""

from enum import Enum
from typing import Annotated, Any

import msgspec
from starlette.responses import Response

from gateways.horizon.access import may_read, require_transaction_read
from gateways.horizon.authorization import SIGNERS_OF_ACCOUNT
from gateways.horizon.contract_types import shows, shows_one_of
from gateways.horizon.core import Simulation
from gateways.horizon.database import Snapshot
from gateways.horizon.operations import get_code
from gateways.horizon.problems import CORE_UNAVAILABLE, TRANSACTION_REJECTED, VIEW_UNAVAILABLE
from gateways.horizon.responses import Meta, respond_one
from gateways.horizon.scales import find_assets
from gateways.horizon.service import Horizon
from gateways.horizon.settings import SUBMISSIONS
from gateways.horizon.submission import AVRO_TYPE, JSON_TYPES, Submission, admit, read_envelope
from gateways.horizon.transactions import OperationCodeAttributes, render_codes
from gateways.http.jsonapi import Document, Resource
from gateways.http.problems import (
    BAD_REQUEST,
    CONTENT_TOO_LARGE,
    FORBIDDEN,
    UNSUPPORTED_MEDIA_TYPE,
    Problem,
)
from gateways.http.routes import UNCACHED, Call, Route
from schemas.codec import Malformed, decode
from schemas.generated.ledger import ParticipantEffect
from schemas.generated.transactions import TransactionResult
from schemas.readable import show_value
from schemas.values import format_time
from streams.ledger.admission import Candidate


class SimulationAttributes(msgspec.Struct, frozen=True):
    """What would come of the transaction, if it were alone in the next ledger.

    `code`: of the transaction. `operations`: their codes. `results`: what each would return; null
    for those that are refused. `details`: what a program needs to know of a refusal, as the fee
    that is due. `effects`: what it would mean to whom, fees included; empty if it would fail.
    Signatures are not judged.
    """

    code: str
    operations: list[OperationCodeAttributes]
    results: list[Annotated[dict[str, Any], shows_one_of("outcome")] | None]
    details: list[dict[str, Any] | None]
    effects: list[Annotated[dict[str, Any], shows("ledger.ParticipantEffect")]]
    ledger_sequence: str
    close_time: str


async def guard_signer(call: Call) -> None:
    """Whose transaction it is stands in the body: the handler asks."""
    if call.signer is None:
        raise Problem(FORBIDDEN, "sign the request")


async def simulate(call: Call) -> Response:
    """Raises Problem, also if the transaction could not enter the next ledger."""
    horizon: Horizon = call.service
    envelope = await read_envelope(call)
    candidate = admit(envelope, horizon)
    await _require_owner(call, candidate)
    simulation = await horizon.core.simulate(envelope)
    if simulation.rejection is not None:
        members = {
            "code": simulation.rejection,
            "provisional": True,
            "transaction_hash": candidate.transaction_hash.hex(),
        }
        raise Problem(TRANSACTION_REJECTED, "it could not enter the next ledger", members)
    attributes = await _render(horizon, candidate, simulation)
    resource = Resource("simulations", candidate.transaction_hash.hex(), attributes)
    snapshot = Snapshot(simulation.sequence, simulation.close_time_ms, [])
    return respond_one(call, resource, snapshot)


async def _require_owner(call: Call, candidate: Candidate) -> None:
    """Refusals tell what others have: only who signs for every source may ask what would come of
    it, and who may read transactions."""
    horizon: Horizon = call.service
    transaction = candidate.transaction
    sources = {each.source or transaction.source_account for each in transaction.operations}
    wanted = [(SIGNERS_OF_ACCOUNT, each) for each in {*sources, transaction.source_account}]
    snapshot = await horizon.database.get_points(*wanted)
    if all(any(row.public_key == call.signer for row in rows) for rows in snapshot.rows):
        return
    if not await may_read(horizon, call.signer, require_transaction_read({})):
        detail = "the request is not signed by a signer of every source account"
        raise Problem(FORBIDDEN, detail)


async def _render(
    horizon: Horizon, candidate: Candidate, simulation: Simulation
) -> SimulationAttributes:
    try:
        result = decode(TransactionResult, simulation.result)
        effects = [decode(ParticipantEffect, each) for each in simulation.effects]
    except Malformed:
        raise Problem(CORE_UNAVAILABLE, "its answer cannot be read") from None
    outcomes = [each.outcome for each in result.operations]
    shown = [*outcomes, *(each.detail for each in effects)]
    scales = await horizon.scales.get(find_assets(shown))
    return SimulationAttributes(
        code=result.code.name,
        operations=render_codes(candidate.transaction, [get_code(e) for e in result.operations]),
        results=[None if isinstance(each, Enum) else show_value(each, scales) for each in outcomes],
        details=[
            None if each.detail is None else show_value(each.detail.data, scales)
            for each in result.operations
        ],
        effects=[show_value(each, scales) for each in effects],
        ledger_sequence=str(simulation.sequence),
        close_time=format_time(simulation.close_time_ms),
    )


ROUTES = (
    Route(
        "/v3/transactions/simulate",
        "POST",
        simulate,
        "What a transaction would do now: results, effects and fees. Nothing is submitted.",
        guard_signer,
        rate_class=SUBMISSIONS,
        response=Document[SimulationAttributes, Meta],
        accepts={**dict.fromkeys(JSON_TYPES, Submission), AVRO_TYPE: bytes},
        problems=(
            BAD_REQUEST,
            TRANSACTION_REJECTED,
            FORBIDDEN,
            CONTENT_TOO_LARGE,
            UNSUPPORTED_MEDIA_TYPE,
            CORE_UNAVAILABLE,
            VIEW_UNAVAILABLE,
        ),
        tag="transactions",
        cache_control=UNCACHED,
    ),
)
