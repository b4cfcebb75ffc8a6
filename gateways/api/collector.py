"""Deletes objects that were announced and never committed, or that nothing keeps any more."""

from typing import Any

from gateways.api.objects import Objects
from gateways.api.usage import give_back
from gateways.http.store import Store

PAUSE_SECONDS = 15.0
LEFT = (
    "select upload_id, account_id, bytes, upload_key, tried_keys from api.uploads"
    " where not is_kept and expires_at < clock_timestamp() - make_interval(secs => %s)"
    " order by expires_at limit 100"
)
SPARE_SECONDS = 60.0  # a commit that began in time may still copy
FORGET = "delete from api.uploads where upload_id = %s and not is_kept returning has_room"
LEFT_OVER = (
    "select upload_id, object_key, upload_key, tried_keys from api.uploads"
    " where is_kept and upload_key is not null"
    " and expires_at < clock_timestamp() - make_interval(secs => %s) limit 100"
)
TIDIED_UPLOAD = "update api.uploads set tried_keys = %s, upload_key = null where upload_id = %s"
ADDRESS_SECONDS = 7_200.0  # until then somebody may send or copy once more
OVER = (
    "select document_id, account_id, bytes, multipart_id, upload_key, tried_keys from api.documents"
    " where expires_at < clock_timestamp() - make_interval(secs => %s)"
    " order by expires_at limit 100"
)
FORGET_DOCUMENT = "delete from api.documents where document_id = %s returning 1"
SPARE = (
    "select document_id, object_key, upload_key, tried_keys from api.documents"
    " where object_key is not null and upload_key is not null"
    " and created_at < clock_timestamp() - make_interval(secs => %s) limit 100"
)
TIDIED = "update api.documents set tried_keys = %s, upload_key = null where document_id = %s"


class Collector:
    """`collect` runs in the background of every instance; doing it twice is harmless."""

    def __init__(self, store: Store, objects: Objects) -> None:
        self._store = store
        self._objects = objects

    async def collect(self) -> None:
        """Raises Problem."""
        rows = await self._store.execute(LEFT, (SPARE_SECONDS,))
        for upload_id, account_id, length, upload_key, tried in rows:
            await self._objects.delete(*tried, *filter(None, (upload_key,)))
            async with self._store.transact() as transaction:
                if (True,) in await transaction.execute(FORGET, (upload_id,)):
                    await give_back(transaction, account_id, length)
        for row in await self._store.execute(OVER, (SPARE_SECONDS,)):
            await self._drop(*row)
        await self._tidy(LEFT_OVER, SPARE_SECONDS, TIDIED_UPLOAD)
        await self._tidy(SPARE, ADDRESS_SECONDS, TIDIED)

    async def _tidy(self, query: str, seconds: float, tidied: str) -> None:
        """Of what is kept, everything but the one copy that is."""
        for id_, object_key, upload_key, tried in await self._store.execute(query, (seconds,)):
            await self._objects.delete(upload_key, *(each for each in tried if each != object_key))
            await self._store.execute(tidied, ([object_key], id_))

    async def _drop(
        self,
        document_id: Any,
        account_id: bytes,
        length: int,
        multipart_id: str | None,
        upload_key: str | None,
        tried: list[str],
    ) -> None:
        if multipart_id is not None and upload_key is not None:
            await self._objects.drop_parts(upload_key, multipart_id)
        await self._objects.delete(*tried, *filter(None, (upload_key,)))
        async with self._store.transact() as transaction:
            if await transaction.execute(FORGET_DOCUMENT, (document_id,)):
                await give_back(transaction, account_id, length)
