"""From records to views: verify, fold, write in batches. Shared by the live processor and replay.

It knows neither Faust nor where records come from.
"""

from collections.abc import Iterable
from concurrent.futures import Executor, Future

from processors.horizon.config import HorizonSettings
from processors.horizon.fold import LedgerRows, fold_ledger
from processors.horizon.schema import Connection
from processors.horizon.store import Batch, LedgerStore, Progress, read_header_hash
from processors.ledger_feed.feed import LedgerFeed, UnfilledGap
from processors.ledger_feed.network import Network
from processors.ledger_feed.topic import Message
from schemas.settings import ConfigError
from streams.kill_points import kill_points
from streams.ledger.chain import ForgedLedger, VerifiedLedger, get_genesis_position

TRANSACTIONS_A_COMMIT = 5_000
LEDGERS_A_COMMIT = 500
BODY_BYTES_A_COMMIT = 32 * 1024 * 1024


class LedgerWriter:
    """Writes what comes on the ledgers topic. `next_offset`: of the record to come.

    `history_from`: the first ledger whose transactions are written; state is folded from all.
    `transactions`: how many were written so far. With a `committer` (one thread) ledgers are folded
    while those before are written; `write` then returns before all is durable, `flush` after.
    """

    def __init__(
        self,
        feed: LedgerFeed,
        store: LedgerStore,
        topic: str,
        next_offset: int,
        *,
        is_live: bool = True,
        history_from: int = 1,
        committer: Executor | None = None,
    ) -> None:
        self.feed = feed
        self.store = store
        self.topic = topic
        self.next_offset = next_offset
        self.is_live = is_live
        self.history_from = history_from
        self.committer = committer
        self.committing: Future[None] | None = None
        self.transactions = 0
        self.pending: list[LedgerRows] = []
        self.pending_bytes = 0
        self.position = feed.position

    def write(self, messages: Iterable[Message]) -> None:
        """All ledgers of `messages`, in as few commits as is good. What was verified before a
        record that is not true is written. Raises what `LedgerFeed.receive` raises.
        """
        for message in messages:
            try:
                for verified in self.feed.receive(message.value):
                    self._take(verified)
            except (ForgedLedger, UnfilledGap):
                self._commit()
                self.flush()
                raise
            self.next_offset = message.offset + 1
        self._commit()

    def _take(self, verified: VerifiedLedger) -> None:
        """Commits before folding, so that `position` is always that of the last pending ledger."""
        if self._is_full():
            self._commit()
        rows = fold_ledger(verified)
        if rows.sequence < self.history_from:
            rows = rows._replace(transactions=[], operations=[], participants=[], movements=[])
        self.pending.append(rows)
        self.pending_bytes += len(verified.record.body)
        self.position = verified.position

    def _is_full(self) -> bool:
        return (
            len(self.pending) >= LEDGERS_A_COMMIT
            or self.pending_bytes >= BODY_BYTES_A_COMMIT
            or sum(len(rows.transactions) for rows in self.pending) >= TRANSACTIONS_A_COMMIT
        )

    def _commit(self) -> None:
        if self.pending:
            batch = Batch(self.pending, self.position, self.topic, self.next_offset)
            self.flush()
            if self.committer is None:
                self._write(batch)
            else:
                self.committing = self.committer.submit(self._write, batch)
            self.transactions += sum(len(rows.transactions) for rows in self.pending)
            self.pending = []
            self.pending_bytes = 0

    def _write(self, batch: Batch) -> None:
        kill_points.note("before-fold")
        self.store.commit(batch, is_live=self.is_live)
        kill_points.note("after-fold")

    def flush(self) -> None:
        """Returns when all that was committed is durable. Raises what the store raises."""
        if self.committing is not None:
            committing, self.committing = self.committing, None
            committing.result()


def get_feed(
    settings: HorizonSettings,
    network: Network,
    connection: Connection,
    schema: str,
    progress: Progress | None,
) -> LedgerFeed:
    """Goes on from `progress`, or begins at the genesis. `connection` and `schema`: where hashes of
    older ledgers are. Raises `ConfigError`."""
    position = get_genesis_position(network.network_id)
    if progress is not None:
        position = progress.position
        known = (position.network_id, progress.genesis_hash)
        if known != (network.network_id, network.genesis_hash):
            raise ConfigError(
                "database: it holds the views of another network: name that network's genesis file"
                " or an empty database"
            )
    return LedgerFeed(
        settings.kafka,
        settings.peer_topics,
        network.genesis_hash,
        position,
        lambda sequence: read_header_hash(connection, sequence, schema),
        settings.archives,
    )
