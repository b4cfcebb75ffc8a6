"""Follows a node's ledgers topic, and accepts only what the network's validators signed.

For integrators with Kafka: the log itself, verified from the genesis on, ledger after ledger.
"""

from collections.abc import Iterator

from confluent_kafka import Consumer, KafkaException, TopicPartition

from gateways.client.errors import ClientError
from processors.ledger_feed.follow import Gap, Repeat, follow
from schemas.codec import decode
from schemas.generated.common import Hash
from schemas.generated.ledger import AppliedTransaction, LedgerBody
from schemas.settings import KafkaSettings
from schemas.topics import MESSAGE_BYTES_MAX
from streams.ledger.chain import ForgedLedger, VerifiedLedger, get_genesis_position
from streams.ledger.errors import GenesisError
from streams.ledger.genesis import decode_genesis, open_genesis

REMEMBERED = 4_096  # ledgers, to know a repeat: one comes within moments of the first


class LedgerFollower:
    """Ledgers of `topic` in order, each once. `genesis`: the content of the network's genesis file,
    which is all that it trusts.
    """

    def __init__(self, kafka: KafkaSettings, topic: str, genesis: bytes) -> None:
        try:
            opened = open_genesis(decode_genesis(genesis))
        except GenesisError as error:
            raise ClientError(f"the genesis file: {error}") from None
        self.position = get_genesis_position(opened.closed.header.network_id)
        self._genesis_hash = opened.closed.header_hash
        self._hashes: dict[int, Hash] = {}
        self._topic = topic
        self._consumer = Consumer(
            {
                **kafka.get_client_settings(),
                "group.id": f"{kafka.user}.followers",  # commits nothing: a name must be given
                "enable.auto.commit": False,
                "auto.offset.reset": "earliest",
                "fetch.message.max.bytes": MESSAGE_BYTES_MAX,
                "log_level": 0,
            }
        )
        self._consumer.assign([TopicPartition(topic, 0, 0)])

    def close(self) -> None:
        self._consumer.close()

    def follow(self, wait_seconds: float) -> Iterator[VerifiedLedger]:
        """Ends when nothing came for `wait_seconds`; may be called again. Raises ClientError for a
        forged record, or if ledgers are missing.
        """
        while (message := self._consumer.poll(wait_seconds)) is not None:
            error = message.error()
            if error is not None:
                raise ClientError(f"{self._topic}: {error.str()}") from KafkaException(error)
            try:
                found = follow(
                    self.position, message.value() or b"", self._genesis_hash, self._hashes.get
                )
            except ForgedLedger as forged:
                raise ClientError(f"{self._topic} is not true: {forged}") from None
            if isinstance(found, Gap):
                raise ClientError(f"{self._topic} lacks ledgers {found.first} to {found.last}")
            if not isinstance(found, Repeat):
                self.position = found.position
                self._hashes[found.header.sequence] = found.header_hash
                self._hashes.pop(found.header.sequence - REMEMBERED, None)
                yield found


def get_transactions(ledger: VerifiedLedger) -> tuple[AppliedTransaction, ...]:
    """The transactions of a ledger with their results, changes and effects, as applied."""
    return decode(LedgerBody, ledger.record.body).transactions
