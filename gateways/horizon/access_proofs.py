"""Proofs of who may do what: accounts, signers, roles and rules, as the core node proves them.

For services that trust no Horizon, such as the KeyChain: they verify what they get. Only keys that
the settings name may ask, because whose signer is whose is not for everybody.
"""

import base64
from typing import Annotated

import msgspec
from starlette.responses import Response

from gateways.horizon.core import Proof
from gateways.horizon.database import Snapshot
from gateways.horizon.problems import CORE_UNAVAILABLE
from gateways.horizon.proofs import Base64
from gateways.horizon.responses import Meta, respond_one
from gateways.horizon.service import Horizon
from gateways.http.bodies import read_body
from gateways.http.jsonapi import Document, Resource
from gateways.http.problems import (
    BAD_REQUEST,
    FORBIDDEN,
    UNSUPPORTED_MEDIA_TYPE,
    Problem,
)
from gateways.http.routes import UNCACHED, Call, Route
from schemas.codec import Malformed, decode
from schemas.generated import keys
from schemas.generated.ledger import LedgerHeader
from schemas.strkey import encode_account_id

JSON = "application/json"
KEYS_MAX = 256
BODY_BYTES_MAX = 256 * 1024
PROVED = (
    keys.ACCOUNT,
    keys.SIGNER,
    keys.ACCOUNT_ROLE,
    keys.SIGNER_ROLE,
    keys.ACCOUNT_RULE,
    keys.SIGNER_RULE,
    keys.DEFAULT_SIGNER_RULES,
    keys.VALIDATORS,
    keys.NETWORK_SETTINGS,
)
"""What keys of these entries begin with."""
KeyText = Annotated[str, msgspec.Meta(pattern=r"\A([0-9a-f]{2}){1,100}\Z")]


class AccessProofRequest(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """`keys`: LedgerKey bytes in hex."""

    keys: Annotated[tuple[KeyText, ...], msgspec.Meta(min_length=1, max_length=KEYS_MAX)]


class AccessEntryAttributes(msgspec.Struct, frozen=True):
    """`entry`: LedgerEntry bytes, null where there is none. `proof`: StateProof bytes."""

    key: str
    entry: Base64 | None
    proof: Base64


class AccessProofAttributes(msgspec.Struct, frozen=True):
    """Entries, or their absence, under one header."""

    sequence: str
    header: Base64
    certificate: Base64
    entries: list[AccessEntryAttributes]


async def guard_reader(call: Call) -> None:
    horizon: Horizon = call.service
    signer = None if call.signer is None else encode_account_id(call.signer)
    if signer not in horizon.settings.proof_readers:
        raise Problem(FORBIDDEN, "this key is not among `proof_readers` of the settings")


async def prove_access(call: Call) -> Response:
    horizon: Horizon = call.service
    wanted: AccessProofRequest = await read_body(call)
    asked = [bytes.fromhex(each) for each in dict.fromkeys(wanted.keys)]
    if not all(each.startswith(PROVED) for each in asked):
        raise Problem(BAD_REQUEST, "keys: of accounts, signers, roles, rules, validators alone")
    proof = await horizon.core.get_proof(*asked)
    try:
        header = decode(LedgerHeader, proof.header)
    except Malformed:
        raise Problem(CORE_UNAVAILABLE, "its proof cannot be read") from None
    resource = Resource("access-proofs", str(header.sequence), _render(proof, header.sequence))
    return respond_one(call, resource, Snapshot(header.sequence, header.close_time_ms, []))


def _render(proof: Proof, sequence: int) -> AccessProofAttributes:
    return AccessProofAttributes(
        sequence=str(sequence),
        header=_encode(proof.header),
        certificate=_encode(proof.certificate),
        entries=[
            AccessEntryAttributes(
                each.key.hex(),
                None if each.entry is None else _encode(each.entry),
                _encode(each.proof),
            )
            for each in proof.entries
        ],
    )


def _encode(data: bytes) -> str:
    return base64.b64encode(data).decode()


ROUTES = (
    Route(
        "/v3/access-proofs",
        "POST",
        prove_access,
        "Proves accounts, signers, roles and rules, or their absence, at the newest ledger.",
        guard_reader,
        response=Document[AccessProofAttributes, Meta],
        accepts={JSON: AccessProofRequest},
        body_bytes_max=BODY_BYTES_MAX,
        problems=(BAD_REQUEST, FORBIDDEN, UNSUPPORTED_MEDIA_TYPE, CORE_UNAVAILABLE),
        tag="proofs",
        cache_control=UNCACHED,
    ),
)
