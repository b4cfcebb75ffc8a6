"""Follows a node's ledgers topic, and accepts only what the network's validators signed.

For integrators with Kafka: the log itself, verified from the genesis on, ledger after ledger.
"""

from collections.abc import Iterator

from gateways.client.errors import ClientError
from processors.ledger_feed.follow import Gap, Repeat, follow
from processors.ledger_feed.topic import TopicReader, TopicUnavailable
from schemas.codec import decode
from schemas.generated.common import Hash
from schemas.generated.ledger import AppliedTransaction, LedgerBody
from schemas.settings import KafkaSettings
from streams.ledger.chain import ForgedLedger, VerifiedLedger, get_genesis_position
from streams.ledger.errors import GenesisError
from streams.ledger.genesis import decode_genesis, open_genesis

REMEMBERED = 4_096  # ledgers, to know a repeat: one comes within moments of the first
FETCH_WAIT_MS = 500


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
        self._reader = TopicReader(kafka, topic, FETCH_WAIT_MS)
        self._offset = 0

    def close(self) -> None:
        self._reader.close()

    def follow(self, wait_seconds: float) -> Iterator[VerifiedLedger]:
        """Ends when nothing came for `wait_seconds`; may be called again. Raises ClientError for a
        forged record, if ledgers are missing, or if the topic cannot be read.
        """
        while (record := self._read(wait_seconds)) is not None:
            try:
                found = follow(self.position, record, self._genesis_hash, self._hashes.get)
            except ForgedLedger as forged:
                raise ClientError(f"{self._topic} is not true: {forged}") from None
            if isinstance(found, Gap):
                raise ClientError(f"{self._topic} lacks ledgers {found.first} to {found.last}")
            if not isinstance(found, Repeat):
                self.position = found.position
                self._hashes[found.header.sequence] = found.header_hash
                self._hashes.pop(found.header.sequence - REMEMBERED, None)
                yield found

    def _read(self, wait_seconds: float) -> bytes | None:
        try:
            messages = self._reader.read(self._offset, 1, wait_seconds)
        except TopicUnavailable as error:
            raise ClientError(str(error)) from None
        if not messages:
            return None
        self._offset = messages[0].offset + 1
        return messages[0].value


def get_transactions(ledger: VerifiedLedger) -> tuple[AppliedTransaction, ...]:
    """The transactions of a ledger with their results, changes and effects, as applied."""
    return decode(LedgerBody, ledger.record.body).transactions
