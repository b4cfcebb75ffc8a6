"""A load for a running deployment: issuer, asset, many payers, and pre-signed payments of theirs.

It talks to the deployment as a user does: it produces framed envelopes to the ingest topic and
follows a node's ledgers topic.
"""

import time
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import msgspec
from confluent_kafka import Consumer, KafkaError, Message, Producer, TopicPartition
from nacl.signing import SigningKey

from gateways.client.ingest import read_login
from schemas.codec import decode, encode, frame, unframe
from schemas.generated.common import AccountID, Amount, Hash, PublicKey, Reference, Signature
from schemas.generated.ledger import LedgerBody, LedgerHeader, LedgerRecord
from schemas.generated.operations import (
    CreateIssuanceRequest,
    IssuanceToBalance,
    Payment,
    PaymentToBalance,
)
from schemas.generated.transactions import (
    DecoratedSignature,
    Operation,
    Transaction,
    TransactionCode,
    TransactionEnvelope,
)
from schemas.settings import KafkaSettings
from schemas.strkey import decode_seed
from schemas.topics import INGEST_TOPIC, MESSAGE_BYTES_MAX
from streams.ledger.hashes import compute_balance_id, compute_transaction_hash
from streams.ledger.references import DAY_MS
from tests.support import network as made
from tests.support.network import get_account, get_key

ASSET = "EUR"
AMOUNT = 10  # of a payment
LIFE_MS = 14 * 60_000
ACCOUNTS_A_LEDGER = 100


@dataclass
class Deployment:
    """A running deployment, by its endpoints.json. `life_ms`: for how long what is signed may be
    closed; nodes remember it for as long."""

    endpoints: dict[str, Any]
    life_ms: int = LIFE_MS
    salt: int = field(default_factory=time.time_ns)

    @classmethod
    def open(cls, data: Path) -> "Deployment":
        return cls(msgspec.json.decode((data / "endpoints.json").read_bytes()))

    @property
    def kafka(self) -> KafkaSettings:
        return read_login(self.endpoints)

    @property
    def network_id(self) -> Hash:
        return Hash(bytes.fromhex(self.endpoints["network_id"]))

    def get_master(self) -> SigningKey:
        seed = Path(self.endpoints["master_seed_file"]).read_text().strip()
        return SigningKey(decode_seed(seed))

    def get_balance_id(self, name: str, asset: str = ASSET) -> Any:
        return compute_balance_id(self.network_id, get_account(name), asset, 0)

    def sign(self, key: SigningKey, bodies: Sequence[Any]) -> tuple[Hash, bytes]:
        """A signed transaction of one key: its hash and its framed envelope."""
        self.salt += 1
        public = bytes(key.verify_key)
        operations = tuple(Operation(None, body) for body in bodies)
        raw = encode(
            Transaction(
                self.network_id,
                AccountID(public),
                self.salt & (1 << 64) - 1,
                0,
                time.time_ns() // 1_000_000 + self.life_ms,
                "",
                operations,
            )
        )
        transaction_hash = compute_transaction_hash(self.network_id, raw)
        signature = Signature(key.sign(transaction_hash).signature)
        signed = DecoratedSignature(PublicKey(public), signature)
        return transaction_hash, frame(TransactionEnvelope(raw, (signed,)))

    def produce(self, envelopes: Iterable[bytes], rate: float | None = None) -> float:
        """Sends framed envelopes, at `rate` a second or as fast as it goes; returns the seconds.

        Raises RuntimeError unless the broker has taken all of them.
        """
        lost: list[KafkaError] = []

        def note(error: KafkaError | None, _: Message) -> None:
            if error is not None:
                lost.append(error)

        producer = Producer(
            {
                **self.kafka.get_client_settings(),
                "enable.idempotence": True,
                "linger.ms": 5,
                "queue.buffering.max.messages": 1_000_000,
                "log_level": 0,
            }
        )
        start = time.perf_counter()
        for index, envelope in enumerate(envelopes):
            if rate is not None:
                wait = start + index / rate - time.perf_counter()
                if wait > 0.002:
                    producer.poll(0)
                    time.sleep(wait)
            producer.produce(INGEST_TOPIC, envelope, partition=index % 4, on_delivery=note)
            if index % 1_000 == 0:
                producer.poll(0)
        producer.flush()
        if lost:
            raise RuntimeError(f"the broker did not take {len(lost)} envelopes: {lost[0].str()}")
        return time.perf_counter() - start


def get_reader_settings(kafka: KafkaSettings) -> dict[str, Any]:
    """A reader of its own, that commits nothing."""
    return {
        **kafka.get_client_settings(),
        "group.id": f"{kafka.user}.workload.{time.time_ns()}",
        "enable.auto.commit": False,
        "fetch.message.max.bytes": MESSAGE_BYTES_MAX,
        "log_level": 0,
    }


@dataclass
class Follower:
    """Reads a node's ledgers topic from where it stands now."""

    consumer: Consumer

    @classmethod
    def open(cls, kafka: KafkaSettings, node: str) -> "Follower":
        consumer = Consumer(get_reader_settings(kafka))
        topic = f"{node}.ledgers"
        _, high = consumer.get_watermark_offsets(TopicPartition(topic, 0), timeout=10)
        consumer.assign([TopicPartition(topic, 0, high)])
        return cls(consumer)

    def follow(self, timeout_s: float) -> Iterator[tuple[LedgerHeader, LedgerBody]]:
        """Ledgers as they come; ends when none came for `timeout_s`."""
        while True:
            message = self.consumer.poll(timeout_s)
            if message is None:
                return
            record = unframe(LedgerRecord, message.value() or b"")
            yield decode(LedgerHeader, record.header), decode(LedgerBody, record.body)

    def wait_for(self, hashes: set[Hash], timeout_s: float = 30) -> None:
        """Returns once all are closed; raises if one failed or does not come."""
        left = set(hashes)
        deadline = time.monotonic() + timeout_s
        while left:
            message = self.consumer.poll(1)
            if time.monotonic() > deadline:
                raise TimeoutError(f"{len(left)} of {len(hashes)} transactions are not closed")
            if message is None:
                continue
            record = unframe(LedgerRecord, message.value() or b"")
            for applied in decode(LedgerBody, record.body).transactions:
                if applied.transaction_hash in left:
                    if applied.result.code is not TransactionCode.SUCCESS:
                        raise RuntimeError(f"a transaction failed: {applied.result}")
                    left.discard(applied.transaction_hash)


def make_economy(target: Deployment, names: Sequence[str], follower: Follower) -> None:
    """Issuer, asset, and `names` with a balance each; all of it in ledgers when it returns."""
    master = target.get_master()
    people = ["issuer", *names]
    chunks = [people[i : i + ACCOUNTS_A_LEDGER] for i in range(0, len(people), ACCOUNTS_A_LEDGER)]
    _settle(
        target,
        follower,
        [target.sign(master, [made.create_account(name) for name in chunk]) for chunk in chunks],
    )
    issuer = get_key("issuer")
    _settle(target, follower, [target.sign(issuer, [made.create_asset(ASSET)])])
    _settle(
        target,
        follower,
        [target.sign(get_key(name), [made.create_balance(name, ASSET)]) for name in names],
    )
    issues = [
        [
            CreateIssuanceRequest(
                ASSET,
                Amount(10**9),
                IssuanceToBalance(target.get_balance_id(name)),
                b"",
                make_reference(f"to {name}"),
                None,
            )
            for name in names[i : i + ACCOUNTS_A_LEDGER]
        ]
        for i in range(0, len(names), ACCOUNTS_A_LEDGER)
    ]
    _settle(target, follower, [target.sign(issuer, each) for each in issues])


def configure(target: Deployment, follower: Follower, *bodies: Any) -> None:
    """Operations of the master account; in a ledger when it returns."""
    _settle(target, follower, [target.sign(target.get_master(), bodies)])


def make_reference(text: str) -> Reference:
    """Of today."""
    return Reference(time.time_ns() // 1_000_000 // DAY_MS, text)


def _settle(target: Deployment, follower: Follower, signed: Sequence[tuple[Hash, bytes]]) -> None:
    target.produce(envelope for _, envelope in signed)
    follower.wait_for({transaction_hash for transaction_hash, _ in signed}, 120)


def make_payments(
    target: Deployment,
    names: Sequence[str],
    count: int,
    fee_max: int | None = None,
    *,
    has_references: bool = True,
) -> list[tuple[Hash, bytes]]:
    """`count` signed payments round robin over distinct signers, each with a reference unless it is
    said otherwise. `fee_max`: what each accepts of every part of both fees."""
    fees = None if fee_max is None else made.accept_fees(fee_max, fee_max)
    keys = [get_key(name) for name in names]
    balances = [target.get_balance_id(name) for name in names]
    payments = []
    for index in range(count):
        payer = index % len(names)
        payee = (payer * 7 + 1) % len(names)
        if payee == payer:
            payee = (payer + 1) % len(names)
        body = Payment(
            balances[payer],
            PaymentToBalance(balances[payee]),
            Amount(AMOUNT),
            fees,
            "",
            make_reference(f"{target.salt:x}") if has_references else None,
        )
        payments.append(target.sign(keys[payer], [body]))
    return payments
