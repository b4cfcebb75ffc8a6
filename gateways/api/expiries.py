"""Tells people, and whoever follows kyc.events, that what they have shown ends soon or has ended.

Only what was approved last counts. What a role means afterwards is the operator's affair: nothing
on the ledger changes by itself.
"""

from datetime import date
from hashlib import sha256
from typing import NamedTuple

from gateways.api.kyc_events import tell
from gateways.api.people import EMAIL, open_address
from gateways.http.store import Store
from gateways.identity.outbox import Outbox
from gateways.sealing.keks import KeyEncryptionKeys
from schemas.generated.events import KycEventKind

PAUSE_SECONDS = 15.0
STAGES = (30, 7, 1, 0)
"""Days before the end; 0: it is over."""
DUE = """
select commitment, account_id, valid_until, valid_until - current_date, coalesce(reminded, 1000000)
from api.submissions where erased_at is null and valid_until <= current_date + %s
and coalesce(reminded, 1000000) > 0 order by valid_until, number limit 500"""
APPROVED = (
    "select commitment from kyc.cases where account_id = %s and state = 'APPROVED'"
    " and commitment is not null order by changed_at_ms desc, request_id desc limit 1"
)
NOTE = (
    "update api.submissions set reminded = %s where commitment = %s"
    " and coalesce(reminded, 1000000) > %s returning 1"
)
ADDRESS = (
    "select l.address_hash, l.sealed, p.locale from api.people p join api.links l using (person_id)"
    " where p.account_id = %s and l.kind = 'email' order by p.person_id limit 1"
)


class Due(NamedTuple):
    """A submission that ends soon, and the last stage that was told."""

    commitment: bytes
    account_id: bytes
    valid_until: date
    days: int
    told: int

    @property
    def stage(self) -> int:
        return min(each for each in STAGES if self.days <= each)


class Expiries:
    """`remind` runs in the background of every instance; doing it twice is harmless."""

    def __init__(
        self, store: Store, cases: Store | None, keks: KeyEncryptionKeys, outbox: Outbox
    ) -> None:
        self._store = store
        self._cases = cases
        self._keks = keks
        self._outbox = outbox

    async def remind(self) -> None:
        """Raises Problem."""
        if self._cases is None:
            return
        for row in await self._store.execute(DUE, (max(STAGES),)):
            due = Due(*row)
            if due.stage < due.told:
                found = await self._cases.execute(APPROVED, (due.account_id,))
                if found == [(due.commitment,)]:
                    await self._tell(due)

    async def _tell(self, due: Due) -> None:
        kind = KycEventKind.EXPIRING if due.stage else KycEventKind.EXPIRED
        codes = (f"DAYS_{due.stage}",) if due.stage else ()
        name = sha256(due.commitment + bytes([due.stage])).digest()
        async with self._store.transact() as transaction:
            if not await transaction.execute(NOTE, (due.stage, due.commitment, due.stage)):
                return  # another instance was faster
            await tell(transaction, kind, due.account_id, due.commitment, codes, name)
            for address_hash, sealed, locale in await transaction.execute(
                ADDRESS, (due.account_id,)
            ):
                address = open_address(self._keks, EMAIL, address_hash, sealed)
                data = {"days": max(due.days, 0), "until": due.valid_until.isoformat()}
                letter = self._outbox.write(
                    "kyc_expiring", {"email": address}, locale, data, token=name.hex()
                )
                await transaction.execute(self._outbox.insert, letter)
