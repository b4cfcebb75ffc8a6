"""Erases what is known of an account's people, wherever it lies, unless the law holds it.

The KeyChain's keys go first: from then on nobody can read the documents, whatever copies there are.
Then objects, salts, look-up values, addresses, wallets and messages. Every step may be repeated; a
tombstone of ids stays. What is in backups ends with the key-encryption keys of their time.
"""

from collections.abc import Sequence

import httpx2
import msgspec
import structlog
from nacl.signing import SigningKey

from gateways.api.form_types import FormRequest
from gateways.api.kyc_events import tell
from gateways.api.objects import Objects
from gateways.api.settings import ErasureSettings, HorizonSettings, NotificatorSettings
from gateways.client.request_signing import RequestSigner
from gateways.http.problems import Problem
from gateways.http.store import Store
from schemas.generated.events import KycEventKind
from schemas.strkey import encode_account_id

PAUSE_SECONDS = 1.0
LEASE_SECONDS = 120
RETRY_SECONDS, RETRY_SECONDS_MAX = 2.0, 300.0
HELD = "HELD"
CLAIM = """
update api.erasures set tries = tries + 1,
    next_at = clock_timestamp() + make_interval(secs => %s)
where account_id in (
    select account_id from api.erasures where state = 'ASKED' and next_at <= clock_timestamp()
    order by next_at limit 1 for update skip locked
) returning account_id, tries"""
HOLD = "select 1 from api.holds where account_id = %s and until > current_date"
POSTPONE = (
    "update api.erasures set reason = %s, next_at = clock_timestamp() + make_interval(secs => %s)"
    " where account_id = %s and state = 'ASKED'"
)
END = (
    "update api.erasures set state = 'ERASED', reason = '', erased_at = clock_timestamp()"
    " where account_id = %s and state = 'ASKED' returning 1"
)
FORMS = "select content from api.forms"
OBJECTS = (
    "select unnest(array_remove(tried_keys || upload_key, null)) from api.documents"
    " where account_id = %(account)s"
    " union select unnest(array_remove(tried_keys || upload_key, null)) from api.uploads"
    " where account_id = %(account)s"
    " union select object_key from api.blobs"
    " where account_id = %(account)s and object_key is not null"
)
FORGET = (
    "delete from api.submission_documents where commitment in"
    " (select commitment from api.submissions where account_id = %(account)s)",
    "update api.submissions set form = null, salt = null, valid_until = null,"
    " erased_at = coalesce(erased_at, clock_timestamp()) where account_id = %(account)s",
    "delete from api.documents where account_id = %(account)s",
    "delete from api.blobs where account_id = %(account)s",
    "delete from api.uploads where account_id = %(account)s",
    "delete from api.payout_accounts where account_id = %(account)s",
    "delete from api.usage where account_id = %(account)s",
    "delete from api.statements s using api.links l, api.people p"
    " where l.address_hash = s.address_hash and l.person_id = p.person_id"
    " and p.account_id = %(account)s",
    "delete from api.invitations where account_id = %(account)s or address_hash in"
    " (select l.address_hash from api.links l join api.people p using (person_id)"
    " where p.account_id = %(account)s)",
    "delete from api.person_statements where account_id = %(account)s",
    "delete from api.people where account_id = %(account)s",
)

log = structlog.get_logger("eraser")


class Refused(Exception):
    """A service does not erase now; the text is a code."""


class Eraser:
    """`work` runs in the background of every instance. `key` signs, as the registrar's does."""

    def __init__(
        self,
        store: Store,
        objects: Objects,
        http: httpx2.AsyncClient,
        key: SigningKey,
        settings: ErasureSettings,
        notificators: NotificatorSettings,
    ) -> None:
        self._store = store
        self._objects = objects
        self._http = http
        self._key = key
        self._settings = settings
        self._notificators = notificators

    async def work(self) -> None:
        """All that is due. Raises Problem."""
        while rows := await self._store.execute(CLAIM, (LEASE_SECONDS,)):
            ((account_id, tries),) = rows
            try:
                await self._erase(account_id)
            except (Refused, Problem) as error:
                reason = error.kind.slug if isinstance(error, Problem) else str(error)
                pause = min(RETRY_SECONDS * 2 ** min(tries, 12), RETRY_SECONDS_MAX)
                await self._store.execute(POSTPONE, (reason, pause, account_id))
                account = encode_account_id(account_id)
                log.info("erasure_waits", account=account, reason=reason)

    async def _erase(self, account_id: bytes) -> None:
        if await self._store.execute(HOLD, (account_id,)):
            raise Refused(HELD)
        account, values = encode_account_id(account_id), {"account": account_id}
        of_account = f"/v1/accounts/{account}"
        for class_ in await self._find_classes():
            await self._delete(self._settings.keychains, f"{of_account}/classes/{class_}")
        await self._delete(self._settings.keyservers, f"{of_account}/wallets")
        await self._forget_messages(account)
        found = await self._store.execute(OBJECTS, values)
        await self._objects.delete(*(key for (key,) in found))
        async with self._store.transact() as transaction:
            for statement in FORGET:
                await transaction.execute(statement, values)
            if await transaction.execute(END, (account_id,)):
                await tell(transaction, KycEventKind.ERASED, account_id)
        log.info("erased", account=account)

    async def _find_classes(self) -> list[str]:
        """All that forms name: also keys of which nothing was handed in are erased."""
        rows = await self._store.execute(FORMS)
        forms = [msgspec.json.decode(content, type=FormRequest) for (content,) in rows]
        slots = (slot.class_ for each in forms for slot in each.documents.values())
        return sorted({each.class_ for each in forms} | set(slots))

    async def _delete(self, addresses: Sequence[HorizonSettings], path: str) -> None:
        """By whichever instance answers. Raises Refused, also where the key has no right to it."""
        code = "NO_SERVICE"
        for each in addresses:
            signer = RequestSigner(self._key, public_url=each.public_url)
            try:
                answer = await self._http.delete(each.url + path, auth=signer)
            except httpx2.TransportError:
                continue
            if answer.status_code == 204:
                return
            code = f"STATUS_{answer.status_code}"
        if addresses:
            raise Refused(code)

    async def _forget_messages(self, account: str) -> None:
        """At the Notificator. Raises Refused."""
        settings = self._notificators
        headers = {"Authorization": f"Bearer {settings.token.reveal()}"}
        for url in settings.urls:
            try:
                answer = await self._http.delete(f"{url}/v1/accounts/{account}", headers=headers)
            except httpx2.TransportError:
                continue
            if answer.status_code == 200:
                return
        raise Refused("NOTIFICATOR_UNAVAILABLE")
