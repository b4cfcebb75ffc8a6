"""Deletes objects that were announced and never committed, or that no blob keeps any more."""

from gateways.api.documents import Documents
from gateways.api.usage import give_back
from gateways.http.store import Store

PAUSE_SECONDS = 15.0
LEFT = (
    "select upload_id, account_id, bytes, upload_key, object_key from api.uploads"
    " where not is_kept and expires_at < clock_timestamp() - make_interval(secs => %s)"
    " order by expires_at limit 100"
)
SPARE_SECONDS = 60.0  # a commit that began in time may still copy
FORGET = "delete from api.uploads where upload_id = %s and not is_kept returning has_room"


class Collector:
    """`collect` runs in the background of every instance; doing it twice is harmless."""

    def __init__(self, store: Store, documents: Documents) -> None:
        self._store = store
        self._documents = documents

    async def collect(self) -> None:
        """Raises Problem."""
        rows = await self._store.execute(LEFT, (SPARE_SECONDS,))
        for upload_id, account_id, length, *object_keys in rows:
            await self._documents.delete(*object_keys)
            async with self._store.transact() as transaction:
                if (True,) in await transaction.execute(FORGET, (upload_id,)):
                    await give_back(transaction, account_id, length)
