"""The node's store on a real PostgreSQL: what was committed is there, what is damaged is told."""

from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import psycopg
import pytest

from infra.local import postgres, postgres_admin
from infra.local.migrations import apply_migrations
from schemas.contract import ReferenceKind
from schemas.generated.common import Hash, Signature
from schemas.generated.consensus import QuorumSetUpgrade
from schemas.generated.ledger import Certificate, HeaderSignature
from streams.herder.outputs import Commit, Persist, SetRow, StatementRow
from streams.herder.votes import Vote
from streams.ledger.close import ClosedLedger
from streams.ledger.genesis import open_genesis
from streams.ledger.hash_window import MINUTE_MS
from streams.ledger.hashes import ZERO_HASH
from streams.ledger.references import DAY_MS
from streams.node import store
from streams.node.store import CorruptStore, Store
from tests.streams.ledger.test_upgrades import TIMEOUTS, make_quorum_set, make_raw
from tests.support.database_server import make_place, run_postgres
from tests.support.network import (
    Network,
    create_account,
    create_asset,
    create_balance,
    get_account,
    get_public_key,
    issue,
    make_genesis,
)
from tests.support.servers import Servers

MIGRATIONS = Path("streams/node/migrations")
COMMITS = 10
CERTIFICATE = Certificate(())
SIGNATURE = HeaderSignature(get_public_key("validator 0"), Signature(bytes(64)))


class Node:
    """A network in memory and a store that follows it."""

    def __init__(self, url: str) -> None:
        apply_migrations(url, MIGRATIONS)
        self.url = url
        self.network = Network()
        self.store = Store(url)
        self.opened = [self.store]
        genesis = open_genesis(make_genesis()).closed
        self.commit(genesis, CERTIFICATE)

    def reopen(self) -> Store:
        """As after a restart."""
        self.opened.append(Store(self.url))
        return self.opened[-1]

    def commit(self, closed: ClosedLedger, certificate: Certificate | None) -> None:
        signature = SIGNATURE if certificate is None else None
        self.store.commit(Commit(closed, signature, certificate), {0: closed.header.sequence})

    def apply(self, source: str, *bodies: Any) -> None:
        self.commit(self.network.close(self.network.prepare(source, *bodies)), None)

    def close(self, name: str, after_ms: int, certificate: Certificate | None = None) -> None:
        candidate = self.network.prepare("master", create_account(name))
        self.commit(self.network.close(candidate, interval_ms=after_ms), certificate)


@pytest.fixture
def node(servers: Servers) -> Iterator[Node]:
    made = Node(servers.create_database("node"))
    yield made
    for each in made.opened:
        each.close()


def test_what_was_committed_is_loaded_again(node: Node) -> None:
    assert not node.store.is_empty()
    for name in ("alice", "bob", "carol"):
        node.close(name, 20_000)
    loaded = node.reopen().load_ledger()
    ledger = node.network.ledger
    assert loaded.header == ledger.header
    assert loaded.header_hash == ledger.header_hash
    assert loaded.state.encoded == ledger.state.encoded
    assert loaded.trie.root == ledger.trie.root
    assert loaded.window.compute_root() == ledger.window.compute_root()
    assert node.reopen().load_offsets() == {0: 4}


def get_reference_partitions(node: Node) -> int:
    with psycopg.connect(node.url) as connection:
        row = connection.execute(
            "SELECT count(*) FROM pg_inherits WHERE inhparent = 'reference_window'::regclass"
        ).fetchone()
    return 0 if row is None else int(row[0])


def test_references_are_loaded_again_and_dropped_with_their_day(node: Node) -> None:
    issuer, alice = "issuer", "alice"
    node.close(alice, 1_000)
    node.close(issuer, 1_000)
    node.apply(issuer, create_asset("EUR"))
    node.apply(alice, create_balance(alice, "EUR"))
    issuances = (issue(node.network, alice, "EUR", 1, f"to alice {n}") for n in range(3))
    node.apply(issuer, *issuances)
    node.apply(issuer, issue(node.network, alice, "EUR", 1, "another ledger"))
    assert get_reference_partitions(node) == 1
    loaded = node.reopen().load_ledger()
    assert loaded.header.reference_window_root == loaded.state.references.compute_root()
    used = get_account(issuer), "to alice 2"
    first = node.network.ledger.state.references.get_first_use(ReferenceKind.ISSUANCE, *used)
    assert first is not None
    assert loaded.state.references.get_first_use(ReferenceKind.ISSUANCE, *used) == first
    days = node.network.ledger.state.get_network_settings().issuance_reference_days
    node.commit(node.network.close(interval_ms=(days + 1) * DAY_MS), None)
    assert get_reference_partitions(node) == 0
    assert node.reopen().load_ledger().header.reference_window_root == ZERO_HASH


def use_a_reference(node: Node) -> None:
    node.close("issuer", 1_000)
    node.apply("issuer", create_asset("EUR"))
    node.apply("issuer", create_balance("issuer", "EUR"))
    node.apply("issuer", issue(node.network, "issuer", "EUR", 1, "lost"))


def test_a_lost_row_of_the_reference_window_is_found_at_the_start(node: Node) -> None:
    use_a_reference(node)
    with psycopg.connect(node.url) as connection:
        connection.execute("DELETE FROM reference_window")
    with pytest.raises(CorruptStore, match="reference window"):
        node.reopen().load_ledger()


def test_the_hash_window_forgets_what_the_ledger_forgot(node: Node) -> None:
    for number in range(4):
        node.close(f"person {number}", MINUTE_MS)
    assert node.reopen().load_ledger().header == node.network.ledger.header
    with psycopg.connect(node.url) as connection:
        (kept,) = connection.execute("SELECT count(*) FROM hash_window").fetchone() or (0,)
    assert 0 < kept < 4


@pytest.mark.servers
@pytest.mark.parametrize("setting", ["fsync", "full_page_writes"])
def test_a_server_that_may_lose_what_it_confirmed_is_refused(setting: str) -> None:
    installation = postgres.find_installations()[-1]
    with make_place() as place, run_postgres(place, installation, **{setting: "off"}):
        passwords = {"node": place.get_secret("postgres.node")}
        postgres_admin.create_databases(postgres.get_superuser_url(place), passwords)
        with pytest.raises(CorruptStore, match=setting):
            Store(place.get_database_url("node"))


def test_a_commit_is_on_disk_whatever_the_role_says(node: Node) -> None:
    """The log is flushed up to where a commit left it. Other work may write to it, but rarely."""
    with psycopg.connect(node.url, autocommit=True) as connection:
        connection.execute("ALTER ROLE CURRENT_USER SET synchronous_commit = off")
        with psycopg.connect(node.url, autocommit=True) as other:
            change = "UPDATE ledgers SET header_hash = header_hash"
            assert count_flushed(connection, lambda: other.execute(change)) < COMMITS / 2
        node.store = node.reopen()
        names = iter(range(COMMITS))
        flushed = count_flushed(connection, lambda: node.close(f"person {next(names)}", 1_000))
        assert flushed > COMMITS / 2


def count_flushed(connection: "psycopg.Connection[Any]", commit: Callable[[], object]) -> int:
    """After how many of some commits the log was on disk."""
    places = "SELECT pg_current_wal_insert_lsn() <= pg_current_wal_flush_lsn()"
    found = []
    for _ in range(COMMITS):
        commit()
        found.append(connection.execute(places).fetchone())
    return found.count((True,))


def test_a_damaged_entry_is_found_at_the_start(node: Node) -> None:
    node.close("alice", 1_000)
    with psycopg.connect(node.url) as connection:
        connection.execute(
            "UPDATE entries SET entry = set_byte(entry, 40, get_byte(entry, 40) # 1)"
            " WHERE key = (SELECT key FROM entries WHERE length(entry) > 40 LIMIT 1)"
        )
    with pytest.raises(CorruptStore, match="restore the database"):
        node.reopen().load_ledger()


def test_a_lost_row_of_the_hash_window_is_found_at_the_start(node: Node) -> None:
    node.close("alice", 1_000)
    with psycopg.connect(node.url) as connection:
        connection.execute("DELETE FROM hash_window")
    with pytest.raises(CorruptStore, match="hash window"):
        node.reopen().load_ledger()


@pytest.mark.parametrize(
    "damage",
    [
        "UPDATE hash_window SET hashes = set_byte(hashes, 3, get_byte(hashes, 3) # 1)",
        "UPDATE reference_window SET uses = set_byte(uses, 40, get_byte(uses, 40) # 1)",
        "UPDATE ledgers SET header = set_byte(header, 40, get_byte(header, 40) # 1)",
    ],
)
def test_a_flipped_bit_is_found_at_the_start(node: Node, damage: str) -> None:
    use_a_reference(node)
    node.reopen().load_ledger()
    with psycopg.connect(node.url) as connection:
        assert connection.execute(damage.encode()).rowcount > 0
    with pytest.raises(CorruptStore):
        node.reopen().load_ledger()


def test_only_certified_ledgers_without_a_gap_are_given_out(node: Node) -> None:
    node.close("alice", 1_000, CERTIFICATE)
    node.close("bob", 1_000)
    node.close("carol", 1_000, CERTIFICATE)
    assert [each.sequence for each in node.store.load_records(1, 1 << 20)] == [1, 2]
    assert [each.sequence for each in node.store.load_records(1, 1)] == [1]
    (uncertified,) = node.store.load_restored().uncertified
    assert (uncertified.sequence, uncertified.own) == (3, SIGNATURE)
    (closed_set,) = node.reopen().load_restored().closed_sets
    assert (closed_set.slot, len(closed_set.envelopes)) == (3, 1)
    node.store.set_certificate(3, Hash(bytes(32)), CERTIFICATE)  # of another header: no
    assert node.store.load_certificate(3) is None
    node.store.set_certificate(3, uncertified.header_hash, CERTIFICATE)
    assert [each.sequence for each in node.store.load_records(2, 1 << 20)] == [2, 3, 4]


def test_statements_and_sets_last_until_their_slot_has_passed(node: Node) -> None:
    old = StatementRow(2, False, b"first")
    new = StatementRow(2, False, b"second")
    envelopes = SetRow(2, Hash(bytes(32)), (b"one", b"two"))
    node.store.persist(Persist((old,), (envelopes,)))
    node.store.persist(Persist((new,), (envelopes,)))
    restored = node.reopen().load_restored()
    assert restored.statements == (new,)
    assert restored.sets == (envelopes,)
    node.close("alice", 1_000)
    restored = node.reopen().load_restored()
    assert restored.statements == (new,)  # kept a while for peers that are late
    assert restored.sets == ()


def test_sets_are_forgotten_all_at_once(node: Node, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(store, "FORGET_SETS_EVERY", 2)

    def close_with_set(name: str, slot: int) -> int:
        node.store.persist(Persist((), (SetRow(slot, Hash(bytes([slot] * 32)), (b"one",)),)))
        node.close(name, 1_000)
        with psycopg.connect(node.url) as connection:
            row = connection.execute("SELECT count(*) FROM transaction_sets").fetchone()
        return row[0] if row else 0

    assert close_with_set("alice", 2) == 0
    assert close_with_set("bob", 3) == 1
    with psycopg.connect(node.url) as copying:  # a backup, say, must not stop the node
        copying.execute("SELECT count(*) FROM transaction_sets")
        assert close_with_set("carol", 4) == 2
    assert close_with_set("dave", 5) == 3
    assert close_with_set("erin", 7) == 4  # of a later slot than this ledger's, 6
    assert [each.slot for each in node.reopen().load_restored().sets] == [7]
    assert close_with_set("frank", 7) == 4
    assert close_with_set("grace", 8) == 0


def test_votes_last_until_a_ledger_has_carried_them(node: Node) -> None:
    quorum_set, timeouts = (
        make_raw(QuorumSetUpgrade(make_quorum_set(4, 4)))[0],
        make_raw(TIMEOUTS)[0],
    )
    votes = (Vote(quorum_set, 1, 2, 3), Vote(timeouts, 0, 0, 1 << 60))
    for vote in votes:
        node.store.put_vote(vote)
    node.store.put_vote(replace(votes[1], until_ms=5))
    assert node.reopen().load_restored().votes == (votes[0], replace(votes[1], until_ms=5))
    node.commit(node.network.close(upgrades=(quorum_set,)), CERTIFICATE)
    assert [each.upgrade for each in node.reopen().load_votes()] == [timeouts]
    node.store.delete_vote(timeouts)
    assert node.reopen().load_votes() == ()


def test_uncertified_ledgers_are_certified_by_who_ruled_them(node: Node) -> None:
    old = node.network.ledger.state.get_validators().quorum_set
    node.commit(node.network.close(), None)
    changed = QuorumSetUpgrade(make_quorum_set(4, 4))
    node.commit(node.network.close(upgrades=make_raw(changed)), None)
    node.commit(node.network.close(), None)
    restored = node.reopen().load_restored().uncertified
    assert [each.quorum_set for each in restored] == [old, old, None]
