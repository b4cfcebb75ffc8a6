"""Messages to people: kept in the database, sealed to the Notificator, produced to its topic.

A message is one row of the same commit as what it tells of. It is deleted once the broker has it; a
process that dies between the two sends it again, which the Notificator takes as the same one. The
table SCHEMA.outbox is the service's own; what is personal in it is wrapped.
"""

import asyncio
import secrets
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import httpx2
import msgspec
from confluent_kafka import KafkaException, Producer

from gateways.http.problems import STORE_UNAVAILABLE, Problem
from gateways.http.store import Store
from gateways.sealing.keks import KeyEncryptionKeys
from processors.notificator.sealing import WEEK_MS, seal
from schemas.codec import frame
from schemas.generated.events import NotificationRequest, Sealed, SealedRecipient
from schemas.settings import KafkaSettings
from streams.broker import BrokerWatch, end_producer, make_client_settings

PAUSE_SECONDS = 0.2
BATCH = 200
DELIVERY_SECONDS = 10.0


class Letter(NamedTuple):
    """A row to be: the values of `Outbox.insert`."""

    type: str
    token: str
    locale: str
    content: bytes


class _Content(msgspec.Struct, frozen=True):
    contact: dict[str, str]
    data: dict[str, Any]
    sealed: dict[str, Any]


@dataclass(frozen=True, slots=True)
class Destination:
    """`notificators`: URLs of their private ports, of which the key of the week is asked."""

    kafka: KafkaSettings
    topic: str
    notificators: Sequence[str]


class Outbox:
    """`publish` runs in the background; `insert` is a statement for `write`'s values."""

    def __init__(
        self,
        schema: str,
        store: Store,
        keks: KeyEncryptionKeys,
        http: httpx2.AsyncClient,
        destination: Destination,
    ) -> None:
        table = f"{schema}.outbox"
        self.insert = (
            f"insert into {table} (type, token, locale, content)"  # noqa: S608
            " values (%s, %s, %s, %s)"
        )
        self._take = (
            "select id, type, token, locale, content,"  # noqa: S608 - the schema is a constant
            " floor(extract(epoch from caused_at) * 1000)::bigint"
            f" from {table} order by id limit %s"
        )
        self._drop = f"delete from {table} where id = any(%s)"  # noqa: S608
        self._store = store
        self._keks = keks
        self._http = http
        self._destination = destination
        self._watch = BrokerWatch("messages")
        self._producer: Producer | None = None
        self._key: tuple[int, bytes] | None = None

    def write(
        self,
        type_: str,
        contact: Mapping[str, str],
        locale: str = "",
        data: Mapping[str, Any] | None = None,
        *,
        sealed: Mapping[str, Any] | None = None,
        token: str | None = None,
    ) -> Letter:
        """`contact`: {"email": ...} or {"phone": ...}. `sealed`: more data
        that nobody may read on the way, as a code. `token`: unique for its type; the same one twice
        is one message.
        """
        name = token or secrets.token_hex(16)
        plain = _Content(dict(contact), dict(data or {}), dict(sealed or {}))
        content = self._keks.wrap(msgspec.json.encode(plain), f"outbox/{type_}/{name}")
        return Letter(type_, name, locale, content)

    async def publish(self) -> None:
        """What waits. Raises Problem or KafkaException while somebody is away."""
        rows = await self._store.execute(self._take, (BATCH,))
        if not rows:
            return
        epoch, public_key = await self._get_key()
        records = [self._seal(row, epoch, public_key) for row in rows]
        await asyncio.to_thread(self._produce, records)
        await self._store.execute(self._drop, ([row[0] for row in rows],))

    def close(self) -> None:
        if self._producer is not None:
            self._producer.purge()

    def _seal(self, row: Sequence[Any], epoch: int, public_key: bytes) -> tuple[bytes, bytes]:
        _, type_, token, locale, content, caused_at_ms = row
        plain = self._keks.unwrap(content, f"outbox/{type_}/{token}")
        opened = msgspec.json.decode(plain, type=_Content)

        def close(values: dict[str, Any]) -> Sealed:
            return seal(public_key, epoch, values)

        request = NotificationRequest(
            type_,
            token,
            SealedRecipient(close(opened.contact)),
            locale,
            msgspec.json.encode(opened.data),
            close(opened.sealed) if opened.sealed else None,
            caused_at_ms,
        )
        return token.encode(), frame(request)

    async def _get_key(self) -> tuple[int, bytes]:
        """Of the week, from whichever Notificator answers. Raises Problem."""
        epoch = time.time_ns() // 1_000_000 // WEEK_MS
        if self._key is not None and self._key[0] == epoch:
            return self._key
        for url in self._destination.notificators:
            try:
                answer = await self._http.get(f"{url}/v1/sealing-key")
                answer.raise_for_status()
                found = answer.json()
                self._key = (int(found["epoch"]), bytes.fromhex(found["public_key"]))
            except (httpx2.HTTPError, ValueError, KeyError):
                continue
            return self._key
        raise Problem(STORE_UNAVAILABLE, "no Notificator tells its key: messages wait")

    def _produce(self, records: Sequence[tuple[bytes, bytes]]) -> None:
        if self._producer is not None and self._watch.is_lost:
            end_producer([self._producer])
            self._producer = None
            self._watch.note_rebuilt()
        if self._producer is None:
            client = make_client_settings(self._destination.kafka, "messages", self._watch)
            self._producer = Producer({**client, "enable.idempotence": True, "acks": "all"})
        problems: list[str] = []

        def note(error: Any, _: Any) -> None:
            if error is not None:
                problems.append(str(error))

        for key, value in records:
            self._producer.produce(self._destination.topic, value, key=key, on_delivery=note)
        left = self._producer.flush(DELIVERY_SECONDS)
        if left or problems:
            raise KafkaException(problems[0] if problems else "the broker does not answer")
