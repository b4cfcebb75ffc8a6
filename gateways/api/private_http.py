"""The private port: where the Notificator asks for people's addresses, and who pays out for payees.
Each has a bearer token of its own."""

import asyncio
import socket
from collections.abc import Sequence
from typing import Any

import msgspec
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from gateways.api.audit import note_actor
from gateways.api.ledger import LedgerReader
from gateways.api.payout_releases import PayoutReleases
from gateways.api.people import open_address
from gateways.http.problems import Problem
from gateways.http.store import Store
from gateways.sealing.keks import KeyEncryptionKeys
from schemas.strkey import StrkeyError, decode_account_id, encode_account_id
from streams.private_port import PrivateServer, has_token, make_server, read_content, respond

BODY_BYTES_MAX = 4 * 1024
NOTIFICATOR = "notificator"
FIND = (
    "select p.signer, p.locale, l.kind, l.address_hash, l.sealed from api.people p"
    " join api.links l using (person_id) where p.account_id = %s order by p.person_id, l.link_id"
)


class ContactRequest(msgspec.Struct, forbid_unknown_fields=True):
    """Whose addresses are wanted, and for which message."""

    account: str
    purpose: str = ""


class Contact(msgspec.Struct, frozen=True):
    """Of one person; null where there is none."""

    email: str | None = None
    phone: str | None = None
    locale: str = ""


class PrivateHttp:
    """Answers from the database; the ledger says who still signs for an account."""

    def __init__(
        self,
        token: str,
        store: Store,
        ledger: LedgerReader,
        keks: KeyEncryptionKeys,
        releases: PayoutReleases,
    ) -> None:
        self._token = token
        self._store = store
        self._ledger = ledger
        self._keks = keks
        self._server: PrivateServer | None = None
        self._serving: asyncio.Task[None] | None = None
        self.app = Starlette(
            routes=[
                Route("/v1/contacts", self._find_contact, methods=["POST"]),
                Route("/v1/payees", releases.release, methods=["POST"]),
            ],
            exception_handlers={Problem: _answer_problem},
        )

    async def start(self, listen: str) -> None:
        """Raises OSError if the port is taken."""
        host, _, port = listen.rpartition(":")
        taken = socket.create_server((host, int(port)))
        self._server = make_server(self.app, listen)
        self._serving = asyncio.create_task(self._server.serve([taken]))

    async def stop(self) -> None:
        if self._serving is not None and self._server is not None:
            self._server.should_exit = True
            await self._serving

    async def _find_contact(self, request: Request) -> Response:
        if not has_token(request, self._token):
            return respond({"error": "the bearer token is missing or wrong"}, 401)
        try:
            asked = msgspec.json.decode(
                await read_content(request, BODY_BYTES_MAX), type=ContactRequest
            )
            account_id = decode_account_id(asked.account)
        except (ValueError, StrkeyError, RecursionError):
            return respond({"error": "expected {account: G...}"}, 400)
        found = await self._ledger.get_account(asked.account)
        rows = await self._store.execute(FIND, (account_id,))
        signers = set() if found is None else set(found.signers)
        own = [row for row in rows if encode_account_id(row[0]) in signers]
        if not own and found is not None and len({row[0] for row in rows}) == 1:
            own = rows  # the account's only person, under a new key
        if not own:
            return respond({"contact": None})
        first = own[0][0]
        await note_actor(
            self._store, NOTIFICATOR, "message", asked.purpose[:64], [(account_id, first)]
        )
        return respond({"contact": self._open([row for row in own if row[0] == first])})

    def _open(self, rows: Sequence[Sequence[Any]]) -> Contact:
        addresses = {kind: open_address(self._keks, kind, h, s) for _, _, kind, h, s in rows}
        return Contact(addresses.get("email"), addresses.get("phone"), rows[0][1])


async def _answer_problem(_: Request, error: Exception) -> Response:
    return respond({"error": str(error)}, 503)
