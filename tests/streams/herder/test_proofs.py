"""Proofs of entries at certified and at held ledgers, while the state has gone on."""

from schemas.codec import decode
from schemas.generated.common import BalanceID
from schemas.generated.entries import Balance
from schemas.generated.keys import KeyBytes, balance_key
from schemas.generated.ledger import LedgerEntry
from streams.herder.proofs import HELD_MS, HOLD_EVERY_MS, Proof, Proofs
from streams.ledger.close import ClosedLedger
from streams.ledger.hashes import compute_hash
from streams.ledger.state_trie import verify_proof
from tests.support.network import make_economy, pay


class World:
    """alice pays bob, ledger by ledger; tests say when a ledger is added and certified."""

    def __init__(self) -> None:
        self.network = make_economy()
        self.proofs = Proofs(self.network.ledger)

    def close(self, amount: int = 1, after_ms: int = 1_000) -> ClosedLedger:
        network = self.network
        payment = network.prepare("alice", pay(network, "alice", "bob", "EUR", amount))
        return network.close(payment, interval_ms=after_ms)

    def certify(self, closed: ClosedLedger) -> None:
        certificate = self.network.records[closed.header.sequence - 1].certificate
        self.proofs.set_certificate(closed.header.sequence, closed.header_hash, certificate)

    def pay(self, amount: int, after_ms: int = 1_000) -> int:
        closed = self.close(amount, after_ms)
        self.proofs.add_closed(closed)
        self.certify(closed)
        return closed.header.sequence

    def get_key(self, name: str) -> KeyBytes:
        return balance_key(BalanceID(self.network.get_balance_id(name, "EUR")))

    def get_amount(self, proof: Proof | None) -> int:
        """What bob holds, if the proof shows it under its own header."""
        assert proof is not None
        header = decode(type(self.network.ledger.header), proof.header)
        assert header.sequence == proof.sequence
        (entry,) = proof.entries
        assert entry.entry is not None
        trie_key, entry_hash = compute_hash(entry.key), compute_hash(entry.entry)
        assert verify_proof(header.state_root, trie_key, entry_hash, entry.path)
        balance = decode(LedgerEntry, entry.entry).data
        assert isinstance(balance, Balance)
        return balance.amount


def test_the_last_certified_ledger_is_proved_while_newer_ones_are_closed() -> None:
    world = World()
    key = world.get_key("bob")
    before = world.network.get_amount("bob", "EUR")
    world.pay(1)
    for amount in (2, 3):
        world.proofs.add_closed(world.close(amount))
    assert world.get_amount(world.proofs.prove([key])) == before + 1


def test_ledgers_that_are_added_late_are_proved_by_their_own_tries() -> None:
    """Before, each took the trie that the ledger had by then: of a later ledger."""
    world = World()
    key = world.get_key("bob")
    before = world.network.get_amount("bob", "EUR")
    first, second = world.close(1), world.close(2)
    world.proofs.add_closed(first)
    world.proofs.add_closed(second)
    world.certify(first)
    assert world.get_amount(world.proofs.prove([key])) == before + 1


def test_a_held_ledger_is_proved_until_it_is_too_old() -> None:
    world = World()
    key = world.get_key("bob")
    before = world.network.get_amount("bob", "EUR")
    world.pay(1)
    world.proofs.add_closed(world.close(2))  # closed, not certified, when the other is held
    sequence = world.proofs.hold()
    assert sequence is not None
    for _ in range(HELD_MS // 10_000 - 1):
        world.pay(1, after_ms=10_000)
        assert world.get_amount(world.proofs.prove_held(sequence, [key])) == before + 1
    world.pay(1, after_ms=10_000)
    assert world.proofs.prove_held(sequence, [key]) is None
    assert world.proofs.prove_held(sequence + 1, [key]) is None


def test_one_ledger_is_held_for_all_who_ask_within_some_seconds() -> None:
    world = World()
    first = world.pay(1)
    assert world.proofs.hold() == first
    world.pay(1, after_ms=HOLD_EVERY_MS - 1)
    assert world.proofs.hold() == first
    later = world.pay(1, after_ms=1)
    assert world.proofs.hold() == later
    assert world.proofs.prove_held(first, [world.get_key("bob")]) is not None


def test_nothing_is_held_before_a_ledger_was_certified() -> None:
    world = World()
    assert world.proofs.hold() is None
    assert world.proofs.prove([world.get_key("bob")]) is None
