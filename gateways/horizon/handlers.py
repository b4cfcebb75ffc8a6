"""Routes that answer one resource: a ledger, a transaction, an account, a proof, the network."""

import time
from typing import Any

from starlette.responses import Response

from gateways.horizon import collections, queries, resources
from gateways.horizon.attributes import InfoAttributes, ProofAttributes
from gateways.horizon.authorization import make_not_found
from gateways.horizon.collections import respond_one
from gateways.horizon.database import PageQuery, PointQuery, Snapshot
from gateways.horizon.render import render_value
from gateways.horizon.service import Horizon
from gateways.horizon.status import Expectation, get_status
from gateways.horizon.submission import make_resource
from gateways.http.jsonapi import Resource, relate
from gateways.http.middleware import ADDRESS_BYTES_MAX, BODY_BYTES_MAX, HEADER_BYTES_MAX
from gateways.http.parameter_types import LIMIT_MAX
from gateways.http.problems import CORE_UNAVAILABLE, NOT_FOUND, Problem
from gateways.http.routes import Call
from gateways.http.signatures import LIFETIME_SECONDS
from schemas.codec import Malformed, decode
from schemas.generated.ledger import Certificate, LedgerEntry, LedgerHeader
from schemas.strkey import encode_account_id, encode_balance_id
from schemas.values import format_time
from streams.consensus.quorum_set import get_nodes
from streams.ledger.admission import ENVELOPE_BYTES_MAX
from streams.ledger.keys import balance_key


async def get_ledger(call: Call) -> Response:
    row, snapshot = await _get_one(call, queries.LEDGER, "sequence", "ledger")
    return respond_one(call, resources.render_ledger(row), snapshot)


async def get_transaction(call: Call) -> Response:
    """Also of one on its way, for those who ask at the address that its submission gave."""
    horizon: Horizon = call.service
    recent = horizon.recent.get(call.path["hash"], (None, None))
    expectation = Expectation(
        call.path["hash"],
        call.query.get("envelope_hash", recent[0]),
        call.query.get("max_time_ms", recent[1]),
    )
    status = await get_status(horizon, expectation)
    if status.word == "unknown":
        detail = f"no ledger up to {status.sequence} holds a transaction with this hash"
        raise Problem(NOT_FOUND, detail, headers={"Latest-Ledger": str(status.sequence)})
    return respond_one(call, make_resource(status, expectation), status)


async def get_operation(call: Call) -> Response:
    row, snapshot = await _get_one(call, queries.OPERATION, "id", "operation")
    (resource,) = await collections.render_operations(call.service, [row])
    return respond_one(call, resource, snapshot)


async def get_account(call: Call) -> Response:
    horizon: Horizon = call.service
    key, include = call.path["id"], call.query.get("include", frozenset())
    wanted = [(queries.ACCOUNT, key)]
    if "balances" in include:
        wanted.append((queries.ACCOUNT_BALANCES, key))
    if "signers" in include:
        wanted.append((queries.ACCOUNT_SIGNERS, key))
    snapshot = await horizon.database.get_points(*wanted)
    rows = {query: found for (query, _), found in zip(wanted, snapshot.rows, strict=True)}
    if not rows[queries.ACCOUNT]:
        raise make_not_found("account", snapshot)
    balances, signers = rows.get(queries.ACCOUNT_BALANCES), rows.get(queries.ACCOUNT_SIGNERS)
    resource = resources.render_account(rows[queries.ACCOUNT][0], balances, signers)
    included: list[Resource[Any]] = await collections.render_balances(horizon, balances or [])
    included += [resources.render_signer(row) for row in signers or []]
    return respond_one(call, resource, snapshot, included)


async def get_balance(call: Call) -> Response:
    row, snapshot = await _get_one(call, queries.BALANCE, "id", "balance")
    (resource,) = await collections.render_balances(call.service, [row])
    return respond_one(call, resource, snapshot)


async def get_asset(call: Call) -> Response:
    row, snapshot = await _get_one(call, queries.ASSET, "code", "asset")
    return respond_one(call, resources.render_asset(row), snapshot)


async def get_balance_proof(call: Call) -> Response:
    """The core proves at its newest certified ledger, which may be ahead of the views."""
    horizon: Horizon = call.service
    key = balance_key(call.path["id"])
    answer = await horizon.core.get_proof(key)
    try:
        header = decode(LedgerHeader, bytes.fromhex(answer.header))
        certificate = decode(Certificate, bytes.fromhex(answer.certificate))
        entry = None if answer.entry is None else _decode_entry(answer.entry)
    except (Malformed, ValueError):
        raise Problem(CORE_UNAVAILABLE, "its proof cannot be read") from None
    assets = [] if entry is None else [entry.data.asset]
    scales = await horizon.get_scales(assets)
    attributes = ProofAttributes(
        header=answer.header,
        certificate=answer.certificate,
        entry=answer.entry,
        proof=answer.proof,
        key=key.hex(),
        decoded_header=render_value(header, scales),
        decoded_certificate=render_value(certificate, scales),
        decoded_entry=None if entry is None else render_value(entry, scales),
    )
    balance = encode_balance_id(call.path["id"])
    relationships = {"balance": relate("balances", balance)}
    proof = Resource("balance-proofs", balance, attributes, relationships)
    return respond_one(call, proof, Snapshot(header.sequence, header.close_time_ms, []))


def _decode_entry(text: str) -> Any:
    return decode(LedgerEntry, bytes.fromhex(text))


async def get_info(call: Call) -> Response:
    """Clients set their clocks by it. The core node's silence is told, not an error."""
    horizon: Horizon = call.service
    snapshot = await horizon.database.get_pages(PageQuery(queries.PROGRESS))
    settings, quorum_set = await horizon.get_network()
    core: dict[str, Any] | None = None
    core_problem: str | None = None
    try:
        core = await horizon.core.get_status()
    except Problem as problem:
        core_problem = problem.detail
    progress = snapshot.rows[0][0]
    now_ms = time.time_ns() // 1_000_000
    attributes = InfoAttributes(
        network_id=horizon.network_id.hex(),
        network_passphrase=horizon.genesis.network_passphrase,
        genesis_hash=horizon.genesis_hash.hex(),
        master_account=encode_account_id(settings.master_account),
        latest_ledger=str(progress.sequence),
        latest_header_hash=progress.header_hash.hex(),
        latest_ledger_closed_at=format_time(progress.close_time_ms),
        latest_ledger_close_time_ms=str(progress.close_time_ms),
        server_time=format_time(now_ms),
        server_time_ms=str(now_ms),
        ingest_topic=horizon.settings.ingest_topic,
        validators=[encode_account_id(node) for node in sorted(get_nodes(quorum_set))],
        settings=render_value(settings, horizon.scales),
        limits=_get_limits(horizon),
        core=core,
        core_problem=core_problem,
    )
    return respond_one(call, Resource("info", "horizon", attributes), snapshot)


def _get_limits(horizon: Horizon) -> dict[str, int]:
    return {
        "page": LIMIT_MAX,
        "streams": horizon.settings.streams_max,
        "streams_per_client": horizon.settings.streams_per_client_max,
        "body_bytes": BODY_BYTES_MAX,
        "header_bytes": HEADER_BYTES_MAX,
        "address_bytes": ADDRESS_BYTES_MAX,
        "envelope_bytes": ENVELOPE_BYTES_MAX,
        "result_seconds": horizon.settings.result_seconds_max,
        "signature_seconds": LIFETIME_SECONDS,
    }


async def _get_one(call: Call, query: PointQuery, name: str, word: str) -> tuple[Any, Snapshot]:
    horizon: Horizon = call.service
    snapshot = await horizon.database.get_points((query, call.path[name]))
    if not snapshot.rows[0]:
        raise make_not_found(word, snapshot)
    return snapshot.rows[0][0], snapshot
