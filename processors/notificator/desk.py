"""What operators do with the book: look, send again, preview, choose, subscribe. Over the private
port; the public routes for owners come with the API service, which uses that port too.
"""

import secrets
import time
from collections.abc import Sequence
from typing import Any

import msgspec
from psycopg.types.json import Jsonb

from processors.notificator.channels.base import Provider
from processors.notificator.message_types import SAMPLES, TYPES, Channel
from processors.notificator.rows import INSERT, NewMessage, make_row
from processors.notificator.sealing import Vault
from processors.notificator.store import Store
from processors.notificator.subscriptions import Filters
from processors.notificator.targets import TargetRefused
from processors.notificator.templates import LOCALES, Templates, Unrenderable
from processors.notificator.webhooks import WebhookSender, make_secret
from schemas.strkey import StrkeyError, decode_account_id, encode_account_id

PAGE_MAX = 500
MESSAGE = """
SELECT id, type, token, source, state, reason, provider, provider_id, tries, locale, changes,
    account_id, created_at, next_at, expires_at, ended_at
FROM notificator.messages"""
ATTEMPTS = """
SELECT provider, worker, outcome, reason, provider_id, started_at, ended_at
FROM notificator.attempts WHERE message_id = %s ORDER BY id"""
REDRIVE = """
WITH again AS (
    UPDATE notificator.messages SET state = 'QUEUED', reason = '', tries = 0, channel = 0,
        next_at = clock_timestamp(), ended_at = NULL,
        expires_at = greatest(expires_at, clock_timestamp() + interval '1 day')
    WHERE state IN ('DEAD', 'FAILED') AND (%(id)s::bigint IS NULL OR id = %(id)s)
    AND (%(type)s::text IS NULL OR type = %(type)s)
    AND (%(reason)s::text IS NULL OR reason = %(reason)s)
    RETURNING id
), closed AS (
    UPDATE notificator.attempts SET outcome = 'redriven'
    WHERE message_id IN (SELECT id FROM again) AND (outcome IS NULL OR outcome = 'unknown')
)
SELECT count(*) AS count FROM again"""
FORGET = (
    "DELETE FROM notificator.messages WHERE account_id = %s",
    "DELETE FROM notificator.choices WHERE account_id = %s",
    "DELETE FROM notificator.subscriptions WHERE owner = %s",
)
SUBSCRIPTION = """
SELECT id, owner, url, filters, cursor, state, failing_since, failures, reason, created_at
FROM notificator.subscriptions"""


class Wrong(Exception):
    """A request that cannot be done; the text says what to do."""

    def __init__(self, text: str, status: int = 400) -> None:
        super().__init__(text)
        self.status = status


class SendRequest(msgspec.Struct, forbid_unknown_fields=True):
    """A message that an operator sends to an account."""

    type: str
    account: str
    data: dict[str, Any] = {}
    token: str | None = None
    locale: str = ""


class PreviewRequest(msgspec.Struct, forbid_unknown_fields=True):
    """`data`: the sample's where it is not given."""

    type: str
    locale: str = "en"
    data: dict[str, Any] = {}


class RedriveRequest(msgspec.Struct, forbid_unknown_fields=True):
    """Those that meet all that is given; at least one thing must be."""

    id: int | None = None
    type: str | None = None
    reason: str | None = None
    all: bool = False


class SubscribeRequest(msgspec.Struct, forbid_unknown_fields=True):
    """`start_ledger`: the first whose events are delivered; None: the next to come."""

    url: str
    filters: Filters = Filters()
    start_ledger: int | None = None
    owner: str | None = None


def decode_account(text: str) -> bytes:
    """Raises `Wrong`."""
    try:
        return bytes(decode_account_id(text))
    except StrkeyError:
        raise Wrong("an account is a G... key") from None


class Desk:
    """All of it, on the database. Raises `Wrong`."""

    def __init__(
        self, store: Store, vault: Vault, sender: WebhookSender, providers: Sequence[Provider]
    ) -> None:
        self._store = store
        self._vault = vault
        self._sender = sender
        self._providers = providers
        self._templates = Templates()

    async def send(self, request: SendRequest) -> dict[str, Any]:
        if request.type not in TYPES:
            raise Wrong(f"type: one of {', '.join(TYPES)}")
        token = request.token or secrets.token_hex(16)
        if not 16 <= len(token) <= 64 or not token.isascii() or not token.isprintable():
            raise Wrong("token: 16 to 64 printable ASCII characters")
        now_ms = time.time_ns() // 1_000_000
        account_id = decode_account(request.account)
        message = NewMessage(
            request.type, token, "operator", account_id, request.data, now_ms, request.locale
        )
        is_new = await self._store.count(INSERT, make_row(message)) == 1
        return {"type": request.type, "token": token, "is_new": is_new}

    async def show(self, type_: str, token: str) -> dict[str, Any]:
        rows = await self._store.query(f"{MESSAGE} WHERE type = %s AND token = %s", (type_, token))
        if not rows:
            raise Wrong("there is no such message", 404)
        attempts = await self._store.query(ATTEMPTS, (rows[0].id,))
        return {**_show(rows[0]), "attempts": [_show(each) for each in attempts]}

    async def list_dead(self, limit: int) -> list[dict[str, Any]]:
        where = f"{MESSAGE} WHERE state IN ('DEAD', 'FAILED') ORDER BY id DESC LIMIT %s"
        return [_show(each) for each in await self._store.query(where, (min(limit, PAGE_MAX),))]

    async def list_unreadable(self, limit: int) -> list[dict[str, Any]]:
        sql = (
            "SELECT source, encode(digest, 'hex') AS digest, reason, seen_at"
            " FROM notificator.unreadable ORDER BY seen_at DESC LIMIT %s"
        )
        return [_show(each) for each in await self._store.query(sql, (min(limit, PAGE_MAX),))]

    async def redrive(self, request: RedriveRequest) -> dict[str, Any]:
        chosen = {"id": request.id, "type": request.type, "reason": request.reason}
        if not request.all and not any(chosen.values()):
            raise Wrong("name an id, a type or a reason, or all of them by `all`")
        return {"redriven": (await self._store.query(REDRIVE, chosen))[0].count}

    async def preview(self, request: PreviewRequest) -> dict[str, Any]:
        if request.type not in TYPES:
            raise Wrong(f"type: one of {', '.join(TYPES)}")
        if request.locale not in LOCALES:
            raise Wrong(f"locale: one of {', '.join(LOCALES)}")
        data = {**SAMPLES[request.type], **request.data}
        try:
            return dict(self._templates.render(request.type, request.locale, data)._asdict())
        except Unrenderable as error:
            raise Wrong(str(error)) from None

    async def list_providers(self) -> list[dict[str, Any]]:
        breakers = await self._store.get_breakers()
        shown = []
        for each in self._providers:
            breaker = breakers.get(each.name)
            shown.append(
                {
                    "name": each.name,
                    "channel": each.channel,
                    "circuit": "open" if breaker is not None and breaker.is_open else "closed",
                    "failures": 0 if breaker is None else breaker.failures,
                    "reason": "" if breaker is None else breaker.reason,
                }
            )
        return shown

    async def count_states(self) -> dict[str, int]:
        sql = "SELECT state, count(*) AS count FROM notificator.messages GROUP BY state"
        return {row.state: row.count for row in await self._store.query(sql)}

    async def choose(self, account: str, types: Sequence[str]) -> dict[str, Any]:
        """From now on the account is told of events of these types, and of no others."""
        known = {name for name, row in TYPES.items() if row.is_optional}
        if not set(types) <= known:
            raise Wrong(f"types: of {', '.join(sorted(known))}")
        account_id = decode_account(account)
        async with self._store.pool.connection() as connection, connection.transaction():
            await connection.execute(
                "DELETE FROM notificator.choices WHERE account_id = %s", (account_id,)
            )
            await connection.execute(
                "INSERT INTO notificator.choices SELECT %s, unnest(%s::text[])"
                " ON CONFLICT DO NOTHING",
                (account_id, list(types)),
            )
        return {"account": account, "types": sorted(set(types))}

    async def leave(self, key: str) -> dict[str, Any]:
        """By the key of a message: the account is told of no more events of its type."""
        account, _, rest = key.partition(".")
        type_ = rest.partition(".")[0]
        expected = self._vault.make_leaving_key(account, type_)
        if not secrets.compare_digest(key.encode(), expected.encode()):
            raise Wrong("the key is of no message", 404)
        sql = "DELETE FROM notificator.choices WHERE account_id = %s AND type = %s"
        await self._store.count(sql, (decode_account(account), type_))
        return {"account": account, "type": type_}

    async def show_choices(self, account: str) -> dict[str, Any]:
        """Of which types of events the account is told, and of which it could be."""
        sql = "SELECT type FROM notificator.choices WHERE account_id = %s ORDER BY type"
        rows = await self._store.query(sql, (decode_account(account),))
        known = sorted(name for name, row in TYPES.items() if row.is_optional)
        return {"account": account, "types": [row.type for row in rows], "known": known}

    async def suppress(self, channel: str, address: str, *, is_lifted: bool) -> dict[str, Any]:
        if channel not in tuple(Channel):
            raise Wrong(f"channel: one of {', '.join(Channel)}")
        hashed = self._vault.hash_address(channel, address)
        if is_lifted:
            sql = "DELETE FROM notificator.suppressions WHERE channel = %s AND address = %s"
            return {"lifted": await self._store.count(sql, (channel, hashed)) == 1}
        await self._store.suppress(channel, hashed, "OPERATOR")
        return {"suppressed": True}

    async def subscribe(self, request: SubscribeRequest) -> dict[str, Any]:
        """The secret is shown here and never again."""
        try:
            await self._sender.check(request.url)
        except TargetRefused as error:
            raise Wrong(f"url: {error}") from None
        owner = None if request.owner is None else decode_account(request.owner)
        for account in request.filters.accounts:
            decode_account(account)
        cursor = await self._get_cursor(request.start_ledger)
        secret, id_ = make_secret(), f"sub_{secrets.token_hex(8)}"
        await self._store.count(
            "INSERT INTO notificator.subscriptions (id, owner, url, secret, filters, cursor)"
            " VALUES (%s, %s, %s, %s, %s, %s)",
            (
                id_,
                owner,
                request.url,
                self._vault.encrypt(secret.encode()),
                Jsonb(msgspec.to_builtins(request.filters)),
                cursor,
            ),
        )
        return {"id": id_, "secret": secret, "cursor": str(cursor)}

    async def _get_cursor(self, start_ledger: int | None) -> int:
        if start_ledger is not None:
            if not 1 <= start_ledger < 2**62:
                raise Wrong("start_ledger: 1 or more")
            return start_ledger - 1
        sql = "SELECT coalesce(max(sequence), 0) AS head FROM notificator.ledgers"
        return int((await self._store.query(sql))[0].head)

    async def list_subscriptions(self, owner: str | None = None) -> list[dict[str, Any]]:
        """`owner`: an account whose they are; all without it."""
        known = None if owner is None else decode_account(owner)
        where = " WHERE %s::bytea IS NULL OR owner = %s ORDER BY created_at"
        rows = await self._store.query(SUBSCRIPTION + where, (known, known))
        return [_show(each) for each in rows]

    async def show_subscription(self, id_: str) -> dict[str, Any]:
        rows = await self._store.query(f"{SUBSCRIPTION} WHERE id = %s", (id_,))
        if not rows:
            raise Wrong("there is no such subscription", 404)
        return _show(rows[0])

    async def redeliver(self, id_: str, from_ledger: int | None) -> dict[str, Any]:
        """Goes on from `from_ledger`, or from where it was; also if it was disabled."""
        cursor = None if from_ledger is None else await self._get_cursor(from_ledger)
        count = await self._store.count(
            "UPDATE notificator.subscriptions SET cursor = coalesce(%s, cursor),"
            " batch_end = CASE WHEN %s::bigint IS NULL THEN batch_end END, state = 'ACTIVE',"
            " failing_since = NULL, failures = 0, next_at = clock_timestamp(), worker = NULL,"
            " lease_until = NULL WHERE id = %s",
            (cursor, cursor, id_),
        )
        if not count:
            raise Wrong("there is no such subscription", 404)
        return await self.show_subscription(id_)

    async def forget(self, account: str) -> dict[str, Any]:
        """Everything of an account: its messages, what it chose, where it wanted webhooks."""
        account_id = decode_account(account)
        for statement in FORGET:
            await self._store.count(statement, (account_id,))
        return {"forgotten": account}

    async def unsubscribe(self, id_: str) -> dict[str, Any]:
        sql = "DELETE FROM notificator.subscriptions WHERE id = %s"
        if not await self._store.count(sql, (id_,)):
            raise Wrong("there is no such subscription", 404)
        return {"removed": id_}


def _show(row: Any) -> dict[str, Any]:
    """A row for people: accounts as G..., no empty values."""
    shown = {}
    for name, value in row._asdict().items():
        if isinstance(value, bytes | memoryview):
            shown[name] = encode_account_id(bytes(value))
        elif value is not None:
            shown[name] = value
    return shown
