"""What users offer: signed payments and other operations, good ones and bad ones, by the seed.

The offers stand in a list that nodes read at their own pace, like the ingest topic.
"""

from dataclasses import dataclass, field
from enum import Enum
from random import Random
from typing import Any

from schemas.codec import decode, encode
from schemas.generated.common import Hash, Signature
from schemas.generated.operations import ManageKeyValue, PutKeyValue, U32Value
from schemas.generated.transactions import (
    DecoratedSignature,
    Transaction,
    TransactionEnvelope,
)
from streams.ledger.hashes import compute_hash, compute_transaction_hash
from tests.support.network import Network, create_account, pay

LONG_MS, SHORT_MS = 14 * 60_000, 4_000
BROKEN_SIGNATURE = Signature(bytes(64))


def get_spare(name: str) -> str:
    """Whose key may sign for `name` as well."""
    return f"{name} spare"


class Fate(Enum):
    """What must become of an offered envelope."""

    CLOSED = "closed"  # its transaction is in exactly one ledger
    MAYBE = "maybe"  # in one at most: it may expire, or lose against another envelope
    NEVER = "never"  # nobody may close it


@dataclass(slots=True, frozen=True)
class Offer:
    envelope: bytes
    envelope_hash: Hash
    transaction_hash: Hash
    fate: Fate


@dataclass
class Workload:
    """Makes the run's offers."""

    network: Network
    random: Random
    names: tuple[str, ...]
    offers: list[Offer] = field(default_factory=list)
    newcomers: int = 0
    salt: int = 1_000  # its own: the network is shared by all runs of a process

    def offer(self, now_ms: int) -> None:
        """One more, or two envelopes of one transaction."""
        kind = self.random.choices(
            ("payment", "account", "setting", "short", "expired", "forged", "again", "twice"),
            (60, 5, 5, 5, 3, 5, 10, 7),
        )[0]
        match kind:
            case "payment":
                self._add(self._sign(self._pay(now_ms + LONG_MS)), Fate.CLOSED)
            case "account":
                self._add(self._sign(self._create_account(now_ms + LONG_MS)), Fate.CLOSED)
            case "setting":
                self._add(self._sign(self._set_something(now_ms + LONG_MS)), Fate.CLOSED)
            case "short":
                self._add(self._sign(self._pay(now_ms + SHORT_MS)), Fate.MAYBE)
            case "expired":
                past_ms = self.network.ledger.header.close_time_ms
                self._add(self._sign(self._pay(past_ms)), Fate.NEVER)
            case "forged":
                self._add(_forge(self._sign(self._pay(now_ms + LONG_MS))), Fate.NEVER)
            case "again" if self.offers:
                self.offers.append(self.random.choice(self.offers))
            case _:
                self._offer_twice(now_ms)

    def _offer_twice(self, now_ms: int) -> None:
        """Two envelopes of one transaction: both good, or one with a signature too many."""
        source, transaction = self._pay(now_ms + LONG_MS)
        stranger = next(name for name in self.names if name != source)
        envelopes = [(self.network.sign(transaction, source), Fate.CLOSED)]
        if self.random.random() < 0.5:
            envelopes.append((self.network.sign(transaction, get_spare(source)), Fate.CLOSED))
        else:
            envelopes.append((self.network.sign(transaction, source, stranger), Fate.NEVER))
        self.random.shuffle(envelopes)
        for envelope, fate in envelopes:
            self._add(envelope, fate)

    def _add(self, envelope: bytes, fate: Fate) -> None:
        transaction = decode(TransactionEnvelope, envelope).transaction
        transaction_hash = compute_transaction_hash(self.network.network_id, transaction)
        self.offers.append(Offer(envelope, compute_hash(envelope), transaction_hash, fate))

    def _sign(self, made: tuple[str, Transaction]) -> bytes:
        source, transaction = made
        return self.network.sign(transaction, source)

    def _pay(self, max_time_ms: int) -> tuple[str, Transaction]:
        payer, payee = self.random.sample(self.names, 2)
        body = pay(self.network, payer, payee, "EUR", self.random.randint(1, 50))
        return payer, self._build(payer, body, max_time_ms)

    def _build(self, source: str, body: Any, max_time_ms: int) -> Transaction:
        self.salt += 1
        return self.network.build(source, body, salt=self.salt, max_time_ms=max_time_ms)

    def _create_account(self, max_time_ms: int) -> tuple[str, Transaction]:
        self.newcomers += 1
        body = create_account(f"newcomer {self.newcomers}")
        return "master", self._build("master", body, max_time_ms)

    def _set_something(self, max_time_ms: int) -> tuple[str, Transaction]:
        key = f"custom:{self.random.randrange(4)}"
        body = ManageKeyValue(key, PutKeyValue(U32Value(self.random.randrange(100))))
        return "master", self._build("master", body, max_time_ms)


def _forge(envelope: bytes) -> bytes:
    outer = decode(TransactionEnvelope, envelope)
    signatures = tuple(
        DecoratedSignature(each.signer, BROKEN_SIGNATURE) for each in outer.signatures
    )
    return encode(TransactionEnvelope(outer.transaction, signatures))
