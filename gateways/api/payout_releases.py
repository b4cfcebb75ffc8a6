"""Who is behind a payout account, told to who pays it out, by the private port.

Only who has read the hash on the ledger can ask, because a salt makes it impossible to guess; and
every release is in the audit trail of the account before it is answered.
"""

from typing import Annotated

import msgspec
from starlette.requests import Request
from starlette.responses import Response

from gateways.api.audit import note_actor
from gateways.http.store import Store
from gateways.sealing.keks import KeyEncryptionKeys
from schemas.codec import decode
from schemas.generated.common import PayoutDetails
from schemas.settings import Secret
from streams.private_port import has_token, read_content, respond

BODY_BYTES_MAX = 1024
ACTION = "payout"
FIND = "select account_id, signer, sealed from api.payout_accounts where account_hash = %s"


class ReleaseRequest(msgspec.Struct, forbid_unknown_fields=True):
    """`account_hash`, hexadecimal; `instance`: who asks; `purpose`: for which request."""

    account_hash: Annotated[str, msgspec.Meta(pattern="^[0-9a-f]{64}$")]
    instance: Annotated[str, msgspec.Meta(pattern="^[a-z0-9-]{1,32}$")]
    purpose: Annotated[str, msgspec.Meta(pattern="^[a-z0-9 -]{1,64}$")]


class PayoutReleases:
    """`token`: of services that pay out; None: nobody may ask."""

    def __init__(self, token: Secret | None, store: Store, keks: KeyEncryptionKeys) -> None:
        self._token = token
        self._store = store
        self._keks = keks

    async def release(self, request: Request) -> Response:
        """Raises Problem."""
        if self._token is None or not has_token(request, self._token.reveal()):
            return respond({"error": "the bearer token is missing or wrong"}, 401)
        try:
            content = await read_content(request, BODY_BYTES_MAX)
            asked = msgspec.json.decode(content, type=ReleaseRequest)
        except (msgspec.DecodeError, ValueError):
            return respond({"error": "expected {account_hash, instance, purpose}"}, 400)
        account_hash = bytes.fromhex(asked.account_hash)
        rows = await self._store.execute(FIND, (account_hash,))
        if not rows:
            return respond({"details": None})
        ((account_id, signer, sealed),) = rows
        seen = [(account_id, signer)]
        await note_actor(self._store, asked.instance, ACTION, asked.purpose, seen)
        details = open_details(self._keks, account_hash, sealed)
        shown = {
            "salt": details.salt.hex(),
            "iban": details.iban,
            "bic": details.bic,
            "holder": details.holder,
        }
        return respond({"details": shown})


def open_details(keks: KeyEncryptionKeys, account_hash: bytes, sealed: bytes) -> PayoutDetails:
    """Raises Unopenable."""
    return decode(PayoutDetails, keks.unwrap(sealed, make_name(account_hash)))


def make_name(account_hash: bytes) -> str:
    return f"payout-accounts/{account_hash.hex()}"
