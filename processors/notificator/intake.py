"""The way in: records of a service's topic become rows, in one commit, before Kafka is told.

A topic belongs to one service, which is the source of what comes by it. What cannot be read is
kept beside the queue for an operator, and counted.
"""

from collections.abc import Callable
from hashlib import sha256
from typing import Any

import msgspec
import psycopg
import structlog

from processors.ledger_feed.topic import Message
from processors.notificator.metrics import Metrics
from processors.notificator.rows import (
    INSERT,
    LOCALE,
    OPERATORS,
    TOKEN,
    NewMessage,
    make_row,
)
from schemas.codec import Malformed, unframe
from schemas.generated.events import (
    AccountRecipient,
    NotificationRequest,
    OperatorsRecipient,
    SealedRecipient,
)

log = structlog.get_logger()
SUFFIX = ".notifications"
KEPT_BYTES = 1_024
NOTE_UNREADABLE = """
INSERT INTO notificator.unreadable (source, digest, record, reason) VALUES (%s, %s, %s, %s)
ON CONFLICT DO NOTHING"""


class Unreadable(Exception):
    """A record that is no request; the text says why."""


def get_writer(
    connection: "psycopg.Connection[Any]", topic: str, metrics: Metrics, wake: Callable[[], None]
) -> Callable[[list[Message]], None]:
    """What writes the records of one service's topic."""
    source = topic.removesuffix(SUFFIX)

    def write(messages: list[Message]) -> None:
        try:
            count = _insert(connection, source, messages)
        except psycopg.DataError:  # JSON that a database cannot hold; which one is found alone
            count = sum(_insert_alone(connection, source, each) for each in messages)
        metrics.taken_in.labels(topic).inc(count)
        metrics.unreadable.labels(topic).inc(len(messages) - count)
        wake()

    return write


def _insert(connection: "psycopg.Connection[Any]", source: str, messages: list[Message]) -> int:
    """In one commit; how many were requests."""
    rows, unreadable = [], []
    for message in messages:
        try:
            rows.append(make_row(read_request(message.value, source)))
        except Unreadable as error:
            unreadable.append(_describe(source, message, str(error)))
    with connection.transaction(), connection.cursor() as cursor:
        if rows:
            cursor.executemany(INSERT, rows)
        if unreadable:
            cursor.executemany(NOTE_UNREADABLE, unreadable)
    return len(rows)


def _insert_alone(connection: "psycopg.Connection[Any]", source: str, message: Message) -> int:
    try:
        return _insert(connection, source, [message])
    except psycopg.DataError as error:
        row = _describe(source, message, f"data: {type(error).__name__}")
        connection.execute(NOTE_UNREADABLE, row)
        return 0


def _describe(source: str, message: Message, reason: str) -> tuple[str, bytes, bytes, str]:
    log.warning("unreadable", source=source, offset=message.offset, reason=reason)
    digest = sha256(message.value).digest()
    return source, digest, message.value[:KEPT_BYTES], reason


def read_request(record: bytes, source: str) -> NewMessage:
    """A record as a message of `source`. Raises `Unreadable`."""
    try:
        request = unframe(NotificationRequest, record)
    except Malformed as error:
        raise Unreadable(f"no NotificationRequest: {error}") from None
    if not TOKEN.fullmatch(request.token):
        raise Unreadable("token: 16 to 64 printable characters without spaces")
    if not LOCALE.fullmatch(request.locale):
        raise Unreadable("locale: a language, perhaps with a region")
    try:
        data = msgspec.json.decode(request.data or b"{}", type=dict[str, Any])
    except (msgspec.DecodeError, RecursionError):
        raise Unreadable("data: no JSON object") from None
    recipient, sealed = request.recipient, request.sealed_data
    contact = recipient.contact if isinstance(recipient, SealedRecipient) else None
    epochs = {each.epoch for each in (contact, sealed) if each is not None}
    if len(epochs) > 1:
        raise Unreadable("contact and data are sealed to keys of different weeks")
    return NewMessage(
        type=request.type,
        token=request.token,
        source=OPERATORS if isinstance(recipient, OperatorsRecipient) else source,
        account_id=recipient.account_id if isinstance(recipient, AccountRecipient) else None,
        data=data,
        caused_at_ms=request.caused_at_ms,
        locale=request.locale,
        contact=None if contact is None else contact.box,
        sealed_data=None if sealed is None else sealed.box,
        epoch=next(iter(epochs), None),
    )
