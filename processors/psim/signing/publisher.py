"""Produces what an instance tells: evidence and signatures to its peers, envelopes to the network,
alarms to the Notificator. Shell.

Nothing is waited for: what is lost is repeated by the rules, and everything may arrive twice. A
client that has lost its brokers is replaced.
"""

import json
from hashlib import sha256

import structlog
from confluent_kafka import KafkaException, Producer

from processors.psim.reserves.rules import LedgerFacts
from processors.psim.signing.rules import Output, Submit
from schemas.codec import FRAME_MARKER, frame
from schemas.generated import FINGERPRINTS
from schemas.generated.common import U64, AccountID
from schemas.generated.events import (
    NotificationRequest,
    OperatorsRecipient,
    ReserveLiabilities,
    SignedRateQuote,
    SignedReserveReport,
)
from schemas.generated.transactions import TransactionEnvelope
from schemas.settings import KafkaSettings
from schemas.topics import (
    EVIDENCE_TOPIC,
    INGEST_TOPIC,
    LIABILITIES_TOPIC,
    PSIM_NOTIFICATIONS,
    QUOTES_TOPIC,
    RESERVES_TOPIC,
    SIGNATURES_TOPIC,
)
from streams.broker import BrokerWatch, end_producer, make_client_settings
from streams.ledger.sum_tree import NODE_BYTES

log = structlog.get_logger()
ENVELOPE_FRAME = FRAME_MARKER + FINGERPRINTS[TransactionEnvelope]
LEAVES_BYTES = 20_000 * NODE_BYTES


class Publisher:
    """To be called from one thread; `poll` now and then."""

    def __init__(self, kafka: KafkaSettings, source: AccountID) -> None:
        self._kafka = kafka
        self._source = source
        self._watch = BrokerWatch("psim publisher")
        self._producers: list[Producer] = []
        self.failed = 0

    def perform(self, outputs: list[Output]) -> None:
        for each in outputs:
            if isinstance(each, Submit):
                self._produce(INGEST_TOPIC, ENVELOPE_FRAME + each.envelope, self._source)
                continue
            key = each.signature.key
            if each.evidence is not None:
                self._produce(EVIDENCE_TOPIC, frame(each.evidence), key)
            self._produce(SIGNATURES_TOPIC, frame(each.signature), key)

    def tell_quote(self, pair: str, quote: SignedRateQuote) -> None:
        self._produce(QUOTES_TOPIC, frame(quote), pair.encode())
        self.poll()

    def tell_reserve(
        self, asset: str, told: SignedReserveReport, facts: LedgerFacts | None
    ) -> None:
        """`facts`: what it is of, if the leaves of their tree are to go out too."""
        if facts is not None:
            for at in range(0, len(facts.leaves), LEAVES_BYTES):
                part = facts.leaves[at : at + LEAVES_BYTES]
                first = U64(at // NODE_BYTES)
                leaves = ReserveLiabilities(facts.asset, U64(facts.sequence), first, part)
                self._produce(LIABILITIES_TOPIC, frame(leaves), facts.asset.encode())
        self._produce(RESERVES_TOPIC, frame(told), asset.encode())
        self.poll()

    def submit(self, account: AccountID, envelope: bytes) -> None:
        """A transaction of another account than the shared one."""
        self._produce(INGEST_TOPIC, ENVELOPE_FRAME + envelope, account)

    def alarm(self, name: str, problem: str, caused_at_ms: int) -> None:
        """The same alarm of the same hour is one message, whoever of the instances tells it."""
        hour = caused_at_ms // 3_600_000
        token = sha256(f"{name}\n{problem}\n{hour}".encode()).hexdigest()
        data = json.dumps({"name": name, "problem": problem[:1_000], "is_over": False}).encode()
        request = NotificationRequest(
            "alarm", token, OperatorsRecipient(), "", data, None, caused_at_ms
        )
        self._produce(PSIM_NOTIFICATIONS, frame(request), token.encode())

    def poll(self) -> None:
        self._get_producer().poll(0)

    def close(self) -> None:
        for each in self._producers:
            each.flush(2)

    def _produce(self, topic: str, value: bytes, key: bytes) -> None:
        def note(error: object, _: object) -> None:
            if error is not None:
                self.failed += 1

        try:
            self._get_producer().produce(topic, value, key=bytes(key), on_delivery=note)
        except (BufferError, KafkaException) as error:
            self.failed += 1
            log.warning("not_produced", topic=topic, reason=str(error))

    def _get_producer(self) -> Producer:
        if self._producers and self._watch.is_lost:
            end_producer(self._producers)
            self._watch.note_rebuilt()
        if not self._producers:
            settings = make_client_settings(self._kafka, "psim", self._watch)
            more = {"enable.idempotence": True, "linger.ms": 5, "message.timeout.ms": 8_000}
            self._producers.append(Producer({**settings, **more}))
        return self._producers[0]
