"""Follows the verified ledger: events of accounts that asked for them become messages.

Messages, the headers that were verified and how far the feed has come are one commit. Each instance
follows by itself; that two insert the same message is settled by its token. Only the newest process
of an instance's name can commit.
"""

from collections import OrderedDict
from collections.abc import Callable, Iterable, Mapping
from threading import Lock
from typing import Any

import psycopg
import structlog

from processors.ledger_feed.feed import LedgerFeed
from processors.ledger_feed.network import Network
from processors.ledger_feed.topic import Message
from processors.notificator.config import NotificatorSettings
from processors.notificator.events import (
    Event,
    LedgerEvents,
    compute_token,
    format_amount,
    list_events,
)
from processors.notificator.rows import INSERT, OPERATORS, NewMessage, make_row
from schemas.codec import decode, encode
from schemas.generated.common import Hash
from schemas.generated.consensus import QuorumSet
from schemas.settings import ConfigError
from streams.ledger.chain import ChainPosition, VerifiedLedger, get_genesis_position

log = structlog.get_logger()
Connection = psycopg.Connection[Any]
LEDGERS_A_COMMIT = 200
REMEMBERED = 512

TAKE_OVER = """
UPDATE notificator.feeds SET writer_epoch = writer_epoch + 1 WHERE name = %s
RETURNING network_id, sequence, header_hash, close_time_ms, quorum_set, genesis_hash, kafka_topic,
    kafka_offset, writer_epoch"""
ADVANCE = """
INSERT INTO notificator.feeds AS f (name, network_id, genesis_hash, sequence, header_hash,
    close_time_ms, quorum_set, kafka_topic, kafka_offset, writer_epoch)
VALUES (%s, %s, %s, %s, %s, %s, %s, %s, %s, %s)
ON CONFLICT (name) DO UPDATE SET sequence = excluded.sequence, header_hash = excluded.header_hash,
    close_time_ms = excluded.close_time_ms, quorum_set = excluded.quorum_set,
    kafka_topic = excluded.kafka_topic, kafka_offset = excluded.kafka_offset
WHERE f.writer_epoch = excluded.writer_epoch"""
NOTE_LEDGER = """
INSERT INTO notificator.ledgers (sequence, header_hash) VALUES (%s, %s) ON CONFLICT DO NOTHING"""
NOTE_ASSET = """
INSERT INTO notificator.assets (code, decimals) VALUES (%s, %s)
ON CONFLICT (code) DO UPDATE SET decimals = excluded.decimals"""
CHOICES = "SELECT account_id, type FROM notificator.choices WHERE account_id = ANY(%s)"


class Fenced(Exception):
    """Another process has this instance's name now: this one must stop."""


class RecentEvents:
    """Events of the newest ledgers, for subscriptions: most never read a ledger twice."""

    def __init__(self) -> None:
        self._lock = Lock()
        self._ledgers: OrderedDict[int, LedgerEvents] = OrderedDict()

    def add(self, ledgers: Iterable[LedgerEvents]) -> None:
        with self._lock:
            for each in ledgers:
                self._ledgers[each.sequence] = each
            while len(self._ledgers) > REMEMBERED:
                self._ledgers.popitem(last=False)

    def get(self, sequence: int) -> LedgerEvents | None:
        with self._lock:
            return self._ledgers.get(sequence)


class FeedWriter:
    """Writes what comes on the ledgers topic. `next_offset`: of the record to come; `hint`: where
    that was when the feed last stopped. `close_time_ms`: of the newest ledger."""

    def __init__(
        self,
        connection: Connection,
        settings: NotificatorSettings,
        network: Network,
        recent: RecentEvents,
        wake: Callable[[], None],
    ) -> None:
        self._connection = connection
        self._name = settings.name
        self._topic = settings.ledgers_topic
        self._network = network
        self._recent = recent
        self._wake = wake
        self.next_offset = 0
        self.hint: int | None = None
        self._epoch = 1
        self.feed = LedgerFeed(
            settings.kafka,
            settings.peer_topics,
            network.genesis_hash,
            self._take_over(),
            self._get_header_hash,
            settings.archives,
        )

    def _take_over(self) -> ChainPosition:
        """Where the feed stands; fences every older process of the name. Raises `ConfigError`."""
        row = self._connection.execute(TAKE_OVER, (self._name,)).fetchone()
        if row is None:
            return get_genesis_position(self._network.network_id)
        network_id, sequence, header_hash, close_time_ms, quorum_set, genesis_hash, *rest = row
        if (network_id, genesis_hash) != (self._network.network_id, self._network.genesis_hash):
            raise ConfigError("database: it belongs to another network: name an empty one")
        topic, offset, self._epoch = rest
        self.hint = offset if topic == self._topic else None
        return ChainPosition(
            network_id, sequence, header_hash, close_time_ms, decode(QuorumSet, quorum_set)
        )

    def _get_header_hash(self, sequence: int) -> Hash | None:
        query = "SELECT header_hash FROM notificator.ledgers WHERE sequence = %s"
        row = self._connection.execute(query, (sequence,)).fetchone()
        return None if row is None else Hash(row[0])

    def write(self, messages: list[Message]) -> None:
        """All ledgers of `messages`. Raises what `LedgerFeed.receive` raises, and `Fenced`."""
        for verified, offset in self.feed.receive_batches(messages, LEDGERS_A_COMMIT):
            self.next_offset = offset
            self._commit(verified)
        self.next_offset = messages[-1].offset + 1

    def _commit(self, verified: list[VerifiedLedger]) -> None:
        ledgers = [
            list_events(v.header.sequence, v.header.close_time_ms, v.record.body) for v in verified
        ]
        position = verified[-1].position
        with self._connection.transaction(), self._connection.cursor() as cursor:
            done = cursor.execute(
                ADVANCE,
                (
                    self._name,
                    position.network_id,
                    self._network.genesis_hash,
                    position.sequence,
                    position.header_hash,
                    position.close_time_ms,
                    encode(position.quorum_set),
                    self._topic,
                    self.next_offset,
                    self._epoch,
                ),
            )
            if done.rowcount != 1:
                raise Fenced(f"another process is called {self._name}: give each its own name")
            headers = [(v.header.sequence, v.header_hash) for v in verified]
            cursor.executemany(NOTE_LEDGER, headers)
            assets = {code: digits for each in ledgers for code, digits in each.assets.items()}
            if assets:
                cursor.executemany(NOTE_ASSET, sorted(assets.items()))
            rows = [make_row(each) for each in self._find_messages(ledgers)]
            if rows:
                cursor.executemany(INSERT, rows)
        self._recent.add(ledgers)
        self._wake()

    def _find_messages(self, ledgers: list[LedgerEvents]) -> list[NewMessage]:
        """For accounts that asked, of what is not too old; halts and alarms go to the operators."""
        accounts = list({e.account_id for each in ledgers for e in each.events})
        found = self._connection.execute(CHOICES, (accounts,)).fetchall() if accounts else []
        choices = {(bytes(account_id), type_) for account_id, type_ in found}
        decimals = get_decimals(self._connection) if choices else {}
        messages = []
        for ledger in ledgers:
            messages += [
                NewMessage(
                    event.type,
                    compute_token(ledger.sequence, event, event.account_id),
                    "ledger",
                    event.account_id,
                    describe(event, decimals),
                    ledger.close_time_ms,
                )
                for event in ledger.events
                if (event.account_id, event.type) in choices
            ]
            messages += self._find_halts(ledger)
            messages += self._find_alarms(ledger)
        return [each for each in messages if not is_old(each)]

    def _find_halts(self, ledger: LedgerEvents) -> list[NewMessage]:
        network = self._network.network_id.hex()[:16]
        return [
            NewMessage(
                "asset_halted",
                f"halt-{network}-{ledger.sequence}-{index}",
                OPERATORS,
                None,
                {
                    "asset": halt.asset,
                    "issuance": halt.issuance,
                    "withdrawal": halt.withdrawal,
                    "ledger": str(ledger.sequence),
                },
                ledger.close_time_ms,
            )
            for index, halt in enumerate(ledger.halts)
        ]

    def _find_alarms(self, ledger: LedgerEvents) -> list[NewMessage]:
        network = self._network.network_id.hex()[:16]
        return [
            NewMessage(
                "alarm",
                f"alarm-{network}-{ledger.sequence}-{index}",
                OPERATORS,
                None,
                {"name": name, "problem": problem, "is_over": False},
                ledger.close_time_ms,
            )
            for index, (name, problem) in enumerate(ledger.alarms)
        ]


def is_old(message: NewMessage) -> bool:
    """Replays do not fill the book with what nobody will be told."""
    return bool(make_row(message)["reason"] == "TOO_OLD")


def get_decimals(connection: Connection) -> dict[str, int]:
    """Of all assets that the ledgers so far have defined."""
    return dict(connection.execute("SELECT code, decimals FROM notificator.assets").fetchall())


def describe(event: Event, decimals: Mapping[str, int]) -> dict[str, Any]:
    """An event's data with its amount as people write it."""
    if event.amount is None or event.asset is None:
        return dict(event.data)
    return {**event.data, "amount": format_amount(event.amount, decimals.get(event.asset, 0))}
