"""A ledgers topic as verified ledgers, in order and without gaps: what every processor folds.

Shell around `follow`. Gaps are filled from the topics of other nodes, and from archives where no
topic has the ledgers any more; both prove their ledgers like any other. It knows nothing of what is
done with a ledger.
"""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field

import structlog

from processors.ledger_feed.follow import Gap, Repeat, follow
from processors.ledger_feed.topic import Message, TopicReader, TopicUnavailable, open_topic
from schemas.generated.common import Hash
from schemas.settings import BucketSettings, KafkaSettings
from streams.archive.archive import Archive
from streams.archive.history import History, HistoryUnavailable
from streams.ledger.chain import ChainPosition, ForgedLedger, VerifiedLedger

log = structlog.get_logger()
READ_AT_ONCE = 100
REMEMBERED = 4_096


class UnfilledGap(Exception):
    """Ledgers are missing on the topic and no other node's topic has them."""


@dataclass(slots=True)
class LedgerFeed:
    """`position`: the last ledger given out. `get_header_hash`: of a ledger folded before.

    Hashes of the newest ledgers are remembered, because what was given out may not be written yet.
    """

    kafka: KafkaSettings
    peer_topics: tuple[str, ...]
    genesis_hash: Hash
    position: ChainPosition
    get_header_hash: Callable[[int], Hash | None]
    archives: tuple[BucketSettings, ...] = ()
    remembered: dict[int, Hash] = field(default_factory=dict)

    def receive(self, data: bytes) -> Iterator[VerifiedLedger]:
        """The ledgers that the record `data` lets go on with: none if it is a repeat, several if
        a gap was filled before it. Raises `ForgedLedger`, `UnfilledGap` and `TopicUnavailable`.
        """
        found = self._follow(data)
        while isinstance(found, Gap):
            yield from self._fill(found)
            found = self._follow(data)
        if isinstance(found, VerifiedLedger):
            yield self._advance(found)

    def receive_batches(
        self, messages: Iterable[Message], most: int
    ) -> Iterator[tuple[list[VerifiedLedger], int]]:
        """The ledgers of several records, at most so many at once: what one commit takes. Each with
        the offset from which a reader of the topic goes on after that commit."""
        batch: list[VerifiedLedger] = []
        for message in messages:
            for each in self.receive(message.value):
                batch.append(each)
                if len(batch) >= most:
                    yield batch, message.offset  # of which there may be more
                    batch = []
        if batch:
            yield batch, message.offset + 1

    def _advance(self, verified: VerifiedLedger) -> VerifiedLedger:
        self.position = verified.position
        self.remembered[self.position.sequence] = verified.header_hash
        self.remembered.pop(self.position.sequence - REMEMBERED, None)
        return verified

    def _follow(self, data: bytes) -> VerifiedLedger | Repeat | Gap:
        return follow(self.position, data, self.genesis_hash, self._get_header_hash)

    def _get_header_hash(self, sequence: int) -> Hash | None:
        return self.remembered.get(sequence) or self.get_header_hash(sequence)

    def _fill(self, gap: Gap) -> Iterator[VerifiedLedger]:
        """All of `gap`, from as many peers as it takes, else from archives."""
        log.warning("ledgers_missing", first=gap.first, last=gap.last)
        unavailable: TopicUnavailable | None = None
        for topic in self.peer_topics:
            try:
                with open_topic(self.kafka, topic) as reader:
                    yield from self._read_peer(reader, gap.last)
            except (ForgedLedger, TopicUnavailable) as error:
                log.error("peer_topic_unusable", topic=topic, reason=str(error))  # noqa: TRY400
                if isinstance(error, TopicUnavailable):
                    unavailable = error
            if self.position.sequence == gap.last:
                log.info("ledgers_filled", first=gap.first, last=gap.last, topic=topic)
                return
        if self.archives:
            yield from self._read_archives(gap.last)
            log.info("ledgers_filled", first=gap.first, last=gap.last, topic=None)
            return
        if unavailable is not None:
            raise unavailable  # it may have them: whoever starts again will see
        raise UnfilledGap(
            f"ledgers {self.position.sequence + 1} to {gap.last} are missing, also on the topics"
            f" of other nodes ({', '.join(self.peer_topics) or 'none configured'}):"
            " name a topic that has them in `peer_topics`, or an archive in `archives`"
        )

    def _read_archives(self, last: int) -> Iterator[VerifiedLedger]:
        """Raises `TopicUnavailable` where they do not reach `last`: they may, later."""
        archives = [Archive(each) for each in self.archives]
        history = History(archives, self.position, self.genesis_hash)
        try:
            for verified in history.read_on(last):
                yield self._advance(verified)
        except HistoryUnavailable as error:
            raise TopicUnavailable(f"no topic has the missing ledgers, and {error}") from None
        finally:
            history.close()

    def _read_peer(self, reader: TopicReader, last: int) -> Iterator[VerifiedLedger]:
        """From where the chain stands up to `last`, or as far as the peer has it."""
        offset = reader.locate(self.position.sequence + 1)
        _, end = reader.get_range()
        while offset < end and self.position.sequence < last:
            messages = reader.read(offset, min(READ_AT_ONCE, end - offset))
            if not messages:
                return
            for message in messages:
                offset = message.offset + 1
                found = self._follow(message.value)
                if isinstance(found, Gap):
                    return
                if isinstance(found, VerifiedLedger) and self.position.sequence < last:
                    yield self._advance(found)
