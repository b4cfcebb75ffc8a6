"""A node's ledgers topic, verified from the genesis on and counted, as far as it was asked for.

What was read once is remembered, so that a deployment that serves many tests is read once. It knows
nothing of processes.
"""

from dataclasses import dataclass, field

from confluent_kafka import Consumer, TopicPartition

from schemas.codec import decode, unframe
from schemas.generated.common import Hash
from schemas.generated.ledger import LedgerBody, LedgerRecord
from schemas.settings import KafkaSettings
from streams.ledger.chain import ChainPosition, verify_record
from tests.support.workload import get_reader_settings

RECORD_S = 60


@dataclass
class LedgerReader:
    """`position`: before the genesis at first. `counts`: how often each transaction stands in the
    ledgers up to it."""

    kafka: KafkaSettings
    topic: str
    genesis_hash: Hash
    position: ChainPosition
    counts: dict[Hash, int] = field(default_factory=dict)
    headers: dict[int, bytes] = field(default_factory=dict)
    next_offset: int = 0

    def read_to(self, last: int) -> None:
        """Up to ledger `last`. An acknowledgement may have been lost: a repeat must be equal."""
        consumer = Consumer(get_reader_settings(self.kafka))
        consumer.assign([TopicPartition(self.topic, 0, self.next_offset)])
        try:
            while self.position.sequence < last:
                self._take(consumer)
        finally:
            consumer.close()

    def _take(self, consumer: Consumer) -> None:
        message = consumer.poll(RECORD_S)
        assert message is not None, f"{self.topic} ends at ledger {self.position.sequence}"
        assert message.error() is None, f"{self.topic}: {message.error()}"
        self.next_offset = (message.offset() or 0) + 1
        record = unframe(LedgerRecord, message.value() or b"")
        sequence = int.from_bytes(message.key() or b"", "big")
        if sequence in self.headers:
            assert self.headers[sequence] == record.header, f"{self.topic}: two ledgers {sequence}"
            return
        self.position = verify_record(self.position, record, self.genesis_hash).position
        self.headers[sequence] = record.header
        for applied in decode(LedgerBody, record.body).transactions:
            counts = self.counts.get(applied.transaction_hash, 0)
            self.counts[applied.transaction_hash] = counts + 1
