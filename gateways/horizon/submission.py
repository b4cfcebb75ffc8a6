"""POST /v3/transactions: check what needs no ledger, make the envelope durable, tell what came.

A rejection here is final: the envelope can never enter a ledger. What nodes reject is provisional.
Nothing is said to be accepted before the broker has it.
"""

import asyncio
import base64
import binascii
from typing import Any

import msgspec
from starlette.responses import Response

from gateways.horizon.attributes import TransactionAttributes
from gateways.horizon.resources import render_codes, render_transaction
from gateways.horizon.service import Horizon
from gateways.horizon.status import Expectation, Status, get_status
from gateways.http import problems
from gateways.http.jsonapi import Document, Links, Meta, Resource, respond
from gateways.http.listener import Channel
from gateways.http.problems import Problem
from gateways.http.routes import Call
from gateways.ingest import IngestError
from schemas.generated.events import RejectionCode
from schemas.values import format_time
from streams.ledger.admission import Candidate, RejectionReason, validate_envelope
from streams.ledger.operations.table import OPERATIONS
from streams.ledger.signatures import is_valid_signature

JSON_TYPES = ("application/json", "application/vnd.api+json")
AVRO_TYPE = "application/avro"
LOOK_SECONDS = 2.0


class SubmissionAttributes(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """`envelope`: TransactionEnvelope bytes in base64."""

    envelope: str


class SubmissionData(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """JSON:API's resource to be."""

    attributes: SubmissionAttributes
    type: str = "transactions"


class Submission(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The body of a submission as JSON."""

    data: SubmissionData


async def post_transaction(call: Call) -> Response:
    """200 with the first result if there is one, 202 while there is none. Raises Problem."""
    horizon: Horizon = call.service
    try:
        response = await _submit(call, horizon)
    except Problem as problem:
        horizon.metrics.submissions.labels(problem.kind.slug).inc()
        raise
    horizon.metrics.submissions.labels(str(response.status_code)).inc()
    return response


async def _submit(call: Call, horizon: Horizon) -> Response:
    candidate = _admit(await _read_envelope(call), horizon)
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


async def _read_envelope(call: Call) -> bytes:
    headers = call.request.headers
    media_type = headers.get("content-type", "").partition(";")[0].strip().lower()
    if headers.get("content-encoding", "identity") != "identity":
        raise Problem(problems.UNSUPPORTED_MEDIA_TYPE, "send the body without content encoding")
    if media_type == AVRO_TYPE:
        return await call.request.body()
    if media_type not in JSON_TYPES:
        known = ", ".join((*JSON_TYPES, AVRO_TYPE))
        raise Problem(problems.UNSUPPORTED_MEDIA_TYPE, f"this route reads {known}")
    try:
        submission = msgspec.json.decode(await call.request.body(), type=Submission)
        return base64.b64decode(submission.data.attributes.envelope, validate=True)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise Problem(problems.BAD_REQUEST, f"the body: {error}") from None
    except (binascii.Error, ValueError):
        raise Problem(problems.BAD_REQUEST, "the body: `envelope` is no base64") from None


def _admit(envelope: bytes, horizon: Horizon) -> Candidate:
    admitted = validate_envelope(envelope, horizon.network_id)
    if isinstance(admitted, RejectionReason):
        transaction_hash = admitted.transaction_hash
        members: dict[str, Any] = {"code": admitted.code.name, "provisional": False}
        if transaction_hash is not None:
            members["transaction_hash"] = transaction_hash.hex()
        raise Problem(problems.TRANSACTION_REJECTED, admitted.detail, members)
    return admitted


def _reject(candidate: Candidate, code: RejectionCode, detail: str) -> None:
    members = {
        "code": code.name,
        "provisional": False,
        "transaction_hash": candidate.transaction_hash.hex(),
    }
    raise Problem(problems.TRANSACTION_REJECTED, detail, members)


def _check_signatures(candidate: Candidate) -> None:
    """At most 20 of 30 us each: not worth a worker process."""
    for number, (signer, signature) in enumerate(
        zip(candidate.signers, candidate.signatures, strict=True)
    ):
        if not is_valid_signature(signer, candidate.transaction_hash, signature):
            detail = f"signature {number} is not over this transaction's hash on this network"
            _reject(candidate, RejectionCode.BAD_SIGNATURE, detail)


def _check_operations(candidate: Candidate) -> None:
    operations = candidate.transaction.operations
    codes = [OPERATIONS[type(each.body)].validate(each.body) for each in operations]
    if any(codes):
        names = [None if code is None else code.name for code in codes]
        raise Problem(
            problems.OPERATION_INVALID,
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
        raise Problem(problems.BROKER_UNAVAILABLE, f"not durable: {error}") from None


async def _wait(horizon: Horizon, expectation: Expectation) -> Status:
    """Until there is something to tell, or the time for a request is over."""
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
    resource = make_resource(status, expectation)
    attributes = resource.attributes
    if status.word in ("failed", "rejected"):
        kind = problems.TRANSACTION_FAILED if status.row else problems.TRANSACTION_REJECTED
        members = {
            "transaction_hash": attributes.hash,
            "code": attributes.code,
            "provisional": not attributes.is_final,
            "operations": attributes.operations,
            "ledger_sequence": attributes.ledger_sequence,
            "rejections": attributes.rejections,
        }
        raise Problem(kind, status.detail, members, {"Location": location})
    document = Document(
        resource, Links(location), Meta(str(status.sequence), format_time(status.close_time_ms))
    )
    code = 202 if status.word == "pending" else 200
    return respond(document, status.sequence, code, headers={"Location": location})


def make_resource(status: Status, expectation: Expectation) -> Resource[TransactionAttributes]:
    """The transaction as its ledger has it, or what is known of it on its way."""
    if status.row is not None:
        return render_transaction(status.row)
    max_time, envelope_hash = expectation.max_time_ms, expectation.envelope_hash
    attributes = TransactionAttributes(
        hash=expectation.transaction_hash.hex(),
        status=status.word,
        is_final=status.word == "expired",
        code=status.code,
        max_time=None if max_time is None else format_time(max_time),
        envelope_hash=None if envelope_hash is None else envelope_hash.hex(),
        rejections=list(status.rejections),
    )
    return Resource("transactions", attributes.hash, attributes)
