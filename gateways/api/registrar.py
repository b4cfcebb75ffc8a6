"""The registrar: creates the ledger accounts that registrations ask for.

A registration is a row; whoever holds its lease submits a transaction for it, outside of any
database transaction. The ledger makes it happen once: an account that is there is not created
again. So a worker that dies anywhere, or two at once, cost a repetition and nothing else.
"""

import asyncio
import time
from typing import Any, NamedTuple

import structlog
from nacl.signing import SigningKey

from gateways.api.ledger import LedgerReader
from gateways.client.asynchronous.horizon import AsyncHorizonClient
from gateways.client.errors import ProblemError
from gateways.client.transactions import build_transaction, sign_transaction
from gateways.http.problems import Problem
from gateways.http.store import Store
from schemas.generated.common import AccountID, Hash, PublicKey, SignerData
from schemas.generated.operations import CreateAccount
from schemas.strkey import encode_account_id
from streams.ledger.values import DEFAULT_SIGNER_ROLE, OWNER_SIGNER_ROLE, SIGNATURE_THRESHOLD

PAUSE_SECONDS = 0.5
BATCH = 16
LEASE_SECONDS = 60.0
RETRY_SECONDS, RETRY_SECONDS_MAX = 1.0, 60.0
LIFETIME_MS = 60_000
POLL_SECONDS = 0.2
ROLE_KEY = "account_role:unverified"
NO_ROLE = "NO_ROLE"
TAKEN = "ACCOUNT_TAKEN"

CLAIM = """
update api.registrations set tries = tries + 1,
    lease_until = clock_timestamp() + make_interval(secs => %s)
where account_id in (
    select account_id from api.registrations
    where state = 'PENDING' and next_at <= clock_timestamp() and lease_until < clock_timestamp()
    and (%s::bytea is null or account_id = %s)
    order by next_at limit %s for update skip locked
) returning account_id, signer, tries"""
END = (
    "update api.registrations set state = %s, reason = %s, ended_at = clock_timestamp()"
    " where account_id = %s and state = 'PENDING'"
)
POSTPONE = (
    "update api.registrations set reason = %s, lease_until = '-infinity',"
    " next_at = clock_timestamp() + make_interval(secs => %s)"
    " where account_id = %s and state = 'PENDING'"
)
STATE = "select state from api.registrations where account_id = %s"

log = structlog.get_logger("registrar")


class Claimed(NamedTuple):
    """A registration whose lease we hold."""

    account_id: bytes
    signer: bytes
    tries: int


class Registrar:
    """`work` runs in the background. `key` signs for the account `operator`."""

    def __init__(
        self, store: Store, ledger: LedgerReader, key: SigningKey, network_id: Hash, operator: bytes
    ) -> None:
        self._store = store
        self._ledger = ledger
        self._key = key
        self._network_id = network_id
        self._operator = AccountID(operator)

    async def work(self) -> None:
        """All that is due, by whichever instance. Raises Problem."""
        while claimed := await self._claim(None):
            await asyncio.gather(*(self._attempt(each) for each in claimed))

    async def settle(self, account_id: bytes, seconds: float) -> None:
        """Returns when the registration has ended, or after `seconds`. Raises Problem."""
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            for claimed in await self._claim(account_id):
                await self._attempt(claimed)
            ((state,),) = await self._store.execute(STATE, (account_id,))
            if state != "PENDING":
                return
            await asyncio.sleep(POLL_SECONDS)

    async def _claim(self, account_id: bytes | None) -> list[Claimed]:
        values = (LEASE_SECONDS, account_id, account_id, BATCH)
        return [Claimed(*row) for row in await self._store.execute(CLAIM, values)]

    async def _attempt(self, claimed: Claimed) -> None:
        try:
            state, reason = await self._create(claimed)
        except Problem as problem:
            state, reason = "PENDING", problem.kind.slug
        if state == "PENDING":
            pause = min(RETRY_SECONDS * 2 ** min(claimed.tries, 16), RETRY_SECONDS_MAX)
            await self._store.execute(POSTPONE, (reason, pause, claimed.account_id))
        else:
            await self._store.execute(END, (state, reason, claimed.account_id))
        account = encode_account_id(claimed.account_id)
        log.info("registration", account=account, state=state, reason=reason)

    async def _create(self, claimed: Claimed) -> tuple[str, str]:
        """The registration's new state, and why. Raises Problem."""
        account = encode_account_id(claimed.account_id)
        found = await self._ledger.get_account(account)
        if found is not None:
            is_theirs = encode_account_id(claimed.signer) in found.signers
            return ("CREATED", "") if is_theirs else ("REFUSED", TAKEN)
        role_id = await self._ledger.get_key_value(ROLE_KEY)
        if role_id is None:
            return "PENDING", NO_ROLE
        envelope = await self._make_envelope(claimed, role_id)

        async def submit(client: AsyncHorizonClient) -> dict[str, Any]:
            return await client.submit(envelope)

        try:
            result = await self._ledger.ask(submit)
        except ProblemError as error:  # that it is there already shows when it is tried again
            return "PENDING", str(error.problem.get("code") or error.kind)[:64]
        return ("CREATED", "") if result["status"] == "success" else ("PENDING", "")

    async def _make_envelope(self, claimed: Claimed, role_id: int) -> bytes:
        now_ms = await self._ledger.ask(lambda client: client.get_network_time_ms())
        body = CreateAccount(
            AccountID(claimed.account_id), None, role_id, make_signers(*claimed[:2])
        )
        transaction = build_transaction(
            self._network_id, self._operator, [body], now_ms, lifetime_ms=LIFETIME_MS
        )
        return sign_transaction(transaction, self._key)


def make_signers(account_id: bytes, signer: bytes) -> tuple[SignerData, ...]:
    """Of a new account: the key that names it owns it, and is for recovery; `signer` is the one for
    every day, which cannot remove it.
    """
    owner = SignerData(PublicKey(account_id), OWNER_SIGNER_ROLE, SIGNATURE_THRESHOLD, 1, b"")
    daily = SignerData(PublicKey(signer), DEFAULT_SIGNER_ROLE, SIGNATURE_THRESHOLD, 2, b"")
    return (owner,) if account_id == signer else (owner, daily)
