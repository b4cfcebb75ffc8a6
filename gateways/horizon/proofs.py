"""Proofs of balances, from the core node: entry, path, header and certificate together."""

from typing import Any

import msgspec
from starlette.responses import Response

from gateways.horizon.balances import ID, guard_balance
from gateways.horizon.database import Snapshot
from gateways.horizon.problems import CORE_UNAVAILABLE
from gateways.horizon.resource import one_route
from gateways.horizon.responses import respond_one
from gateways.horizon.service import Horizon
from gateways.http.jsonapi import Resource, relate
from gateways.http.problems import Problem
from gateways.http.routes import Call
from schemas.codec import Malformed, decode
from schemas.generated.keys import balance_key
from schemas.generated.ledger import Certificate, LedgerEntry, LedgerHeader
from schemas.readable import show_value
from schemas.strkey import encode_balance_id


class ProofAttributes(msgspec.Struct, frozen=True):
    """Proves an entry, or its absence, to anybody who has the genesis.

    The first four are bytes in hex, to be verified. The decoded fields show what they say.
    """

    header: str
    certificate: str
    entry: str | None
    proof: str
    key: str
    decoded_header: dict[str, Any]
    decoded_certificate: dict[str, Any]
    decoded_entry: dict[str, Any] | None


async def get_balance_proof(call: Call) -> Response:
    """The core proves at its newest certified ledger, which can be ahead of the views."""
    horizon: Horizon = call.service
    key = balance_key(call.path["id"])
    answer = await horizon.core.get_proof(key)
    try:
        header = decode(LedgerHeader, bytes.fromhex(answer.header))
        certificate = decode(Certificate, bytes.fromhex(answer.certificate))
        entry = None if answer.entry is None else decode(LedgerEntry, bytes.fromhex(answer.entry))
    except (Malformed, ValueError):
        raise Problem(CORE_UNAVAILABLE, "its proof cannot be read") from None
    data: Any = None if entry is None else entry.data
    scales = await horizon.scales.get([] if data is None else [data.asset])
    attributes = ProofAttributes(
        header=answer.header,
        certificate=answer.certificate,
        entry=answer.entry,
        proof=answer.proof,
        key=key.hex(),
        decoded_header=show_value(header, scales),
        decoded_certificate=show_value(certificate, scales),
        decoded_entry=None if entry is None else show_value(entry, scales),
    )
    balance = encode_balance_id(call.path["id"])
    relationships = {"balance": relate("balances", balance)}
    proof = Resource("balance-proofs", balance, attributes, relationships)
    return respond_one(call, proof, Snapshot(header.sequence, header.close_time_ms, []))


ROUTES = (
    one_route(
        "/v3/balances/{id}/proof",
        get_balance_proof,
        ProofAttributes,
        "Proves a balance, or that there is none, to anybody who has the genesis.",
        ID,
        guard=guard_balance,
        problems=(CORE_UNAVAILABLE,),
    ),
)
