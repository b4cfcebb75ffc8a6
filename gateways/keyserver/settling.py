"""Changes that the ledger decides: taken into force, or dropped, when and only when it has decided.

A wallet has one version. The next one waits beside it with the transaction that rotates the signer;
whoever dies meanwhile, the transaction is submitted again until it is in a ledger or expired. One
statement replaces the version.
"""

from typing import Any
from uuid import UUID

from gateways.keyserver import messages
from gateways.keyserver.ledger import EXPIRED, FAILED, SUCCESS, Submission
from gateways.keyserver.names import name_email
from gateways.keyserver.service import KeyServer
from streams.kill_points import kill_points

PASSWORD, RECOVERY = "password", "recovery"
FIND = (
    "select c.id, c.kind, c.transaction, c.transaction_hash, c.envelope_hash, c.max_time_ms,"
    " w.email_lookup, w.email, w.locale from keyserver.changes c"
    " join keyserver.wallets w on w.id = c.wallet where c.wallet = %s order by c.created_at"
)
FIND_WALLETS = "select distinct wallet from keyserver.changes"
DROP = "delete from keyserver.changes where id = %s"
# A recovery is for somebody who has lost devices and second factor, or whose secret others have.
ACTIVATE = (
    "with gone as (delete from keyserver.changes where id = %s returning *),"
    " told as (insert into keyserver.outbox (type, token, locale, content)"
    "  select %s, %s, %s, %s from gone on conflict do nothing),"
    " noted as (insert into keyserver.history (wallet, event)"
    "  select wallet, 'CHANGED_BY_' || upper(kind) from gone),"
    " strangers as (delete from keyserver.devices using gone"
    "  where gone.kind = 'recovery' and devices.wallet = gone.wallet),"
    " codes as (delete from keyserver.recovery_codes using gone"
    "  where gone.kind = 'recovery' and recovery_codes.wallet = gone.wallet)"
    " update keyserver.wallets w set version = w.version + 1, entry = gone.id, kdf = gone.kdf,"
    "  signer = gone.signer, verifier = gone.verifier, envelope = gone.envelope,"
    "  totp_secret = case when gone.kind = 'recovery' then null else w.totp_secret end"
    " from gone where w.id = gone.wallet"
)


async def settle_changes(keyserver: KeyServer, wallet: UUID) -> None:
    """Asks the ledger about all changes of a wallet. Raises Problem."""
    for row in await keyserver.store.execute(FIND, (wallet,)):
        await _settle(keyserver, *row)


async def settle_all(keyserver: KeyServer) -> None:
    """Runs in the background. Raises Problem."""
    for (wallet,) in await keyserver.store.execute(FIND_WALLETS):
        await settle_changes(keyserver, wallet)


async def _settle(keyserver: KeyServer, change: UUID, kind: str, *row: Any) -> None:
    *parts, lookup, wrapped, locale = row
    submission = Submission(*parts)
    outcome = await keyserver.ledger.get_outcome(submission)
    if outcome == SUCCESS:
        email = keyserver.keks.unwrap(wrapped, name_email(lookup)).decode()
        event = "password_changed" if kind == PASSWORD else "recovered"
        letter = messages.write_notice(
            keyserver.outbox, email, locale, event, token=f"change-{change}"
        )
        kill_points.note("before-activate")
        await keyserver.store.execute(ACTIVATE, (change, *letter))
        kill_points.note("after-activate")
    elif outcome in (FAILED, EXPIRED):
        await keyserver.store.execute(DROP, (change,))
    else:
        await keyserver.ledger.submit(submission)
