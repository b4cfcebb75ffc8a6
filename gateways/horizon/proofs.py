"""Proofs of balances, from the core node: entries, paths, header and certificate together."""

import base64
from typing import Annotated, Any

import msgspec
from starlette.responses import Response

from gateways.horizon.balances import ID, guard_balance
from gateways.horizon.contract_types import shows
from gateways.horizon.core import EntryProof, Proof
from gateways.horizon.database import Snapshot
from gateways.horizon.problems import CORE_UNAVAILABLE
from gateways.horizon.resource import one_route
from gateways.horizon.responses import respond_one
from gateways.horizon.service import Horizon
from gateways.http.jsonapi import Resource, relate
from gateways.http.problems import Problem
from gateways.http.routes import Call
from schemas.codec import Malformed, decode
from schemas.generated.entries import Asset, Balance
from schemas.generated.keys import asset_key, balance_key
from schemas.generated.ledger import Certificate, LedgerEntry, LedgerHeader
from schemas.readable import Scales, show_value
from schemas.strkey import encode_balance_id

Base64 = Annotated[str, msgspec.Meta(extra_json_schema={"contentEncoding": "base64"})]


class EntryProofAttributes(msgspec.Struct, frozen=True):
    """An entry under the header, or its absence (`entry` is null). `key`: LedgerKey bytes, `entry`:
    LedgerEntry bytes, `proof`: StateProof bytes. `decoded` shows what `entry` says.
    """

    key: Base64
    entry: Base64 | None
    proof: Base64
    decoded: Annotated[dict[str, Any], shows("ledger.LedgerEntry")] | None


class ProofAttributes(msgspec.Struct, frozen=True):
    """Proves a balance, or its absence, to anybody who has the genesis.

    `asset_entry` proves the decimals of its amounts; it is null where there is no balance.
    Bytes are to be verified (PROTOCOL.md); the decoded members show what they say.
    """

    header: Base64
    certificate: Base64
    balance_entry: EntryProofAttributes
    asset_entry: EntryProofAttributes | None
    decoded_header: Annotated[dict[str, Any], shows("ledger.LedgerHeader")]
    decoded_certificate: Annotated[dict[str, Any], shows("ledger.Certificate")]


async def get_balance_proof(call: Call) -> Response:
    """The core proves at its newest certified ledger, which can be ahead of the views."""
    horizon: Horizon = call.service
    try:
        proof, scales = await _get_proof(horizon, balance_key(call.path["id"]))
        header = decode(LedgerHeader, proof.header)
        shown = [_show_entry(each, scales) for each in proof.entries]
        attributes = ProofAttributes(
            header=_encode(proof.header),
            certificate=_encode(proof.certificate),
            balance_entry=shown[0],
            asset_entry=shown[1] if len(shown) > 1 else None,
            decoded_header=show_value(header, scales),
            decoded_certificate=show_value(decode(Certificate, proof.certificate), scales),
        )
    except Malformed:
        raise Problem(CORE_UNAVAILABLE, "its proof cannot be read") from None
    balance = encode_balance_id(call.path["id"])
    relationships = {"balance": relate("balances", balance)}
    resource = Resource("balance-proofs", balance, attributes, relationships)
    return respond_one(call, resource, Snapshot(header.sequence, header.close_time_ms, []))


async def _get_proof(horizon: Horizon, key: bytes) -> tuple[Proof, Scales]:
    """Of the balance and, if there is one, of its asset under the same header. The first answer
    says which asset that is: a balance never changes it."""
    proof = await horizon.core.get_proof(key)
    scales = Scales()
    balance = _decode_entry(proof.entries[0])
    if isinstance(balance, Balance):
        proof = await horizon.core.get_proof(key, asset_key(balance.asset))
        asset = _decode_entry(proof.entries[1])
        if isinstance(asset, Asset):
            scales.digits[asset.code] = asset.trailing_digits
    return proof, scales


def _decode_entry(proof: EntryProof) -> Any:
    return None if proof.entry is None else decode(LedgerEntry, proof.entry).data


def _show_entry(proof: EntryProof, scales: Scales) -> EntryProofAttributes:
    entry = proof.entry
    return EntryProofAttributes(
        key=_encode(proof.key),
        entry=None if entry is None else _encode(entry),
        proof=_encode(proof.proof),
        decoded=None if entry is None else show_value(decode(LedgerEntry, entry), scales),
    )


def _encode(data: bytes) -> str:
    return base64.b64encode(data).decode()


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
