"""Random networks against the simple model of money; replayed from their records; every operation
takes part."""

from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings
from hypothesis.stateful import rule, run_state_machine_as_test

from infra.local.migrations import apply_migrations
from schemas.codec import decode, encode
from schemas.contract import OPERATIONS
from schemas.generated.ledger import LedgerBody
from streams.herder.outputs import Commit
from streams.ledger.chain import get_genesis_position, verify_record
from streams.ledger.hashes import compute_hash
from streams.ledger.state_trie import build
from streams.node.store import Store
from tests.streams.ledger.machine.rules import LedgerMachine
from tests.support.servers import Servers

MIGRATIONS = Path("streams/node/migrations")
BORDER_FROM = 30
"""Operations from this number on are those of the border, which has a machine of its own."""

seen: set[str] = set()


class Replayed(LedgerMachine):
    """In the end the records alone give the same state."""

    def teardown(self) -> None:
        super().teardown()
        seen.update(self.seen)
        network, state = self.network, dict[bytes, bytes]()
        position = get_genesis_position(network.network_id)
        for record in network.records:
            verified = verify_record(position, record, network.genesis_hash)
            position = verified.position
            body = decode(LedgerBody, record.body)
            for change in (*(c for t in body.transactions for c in t.changes), *body.changes):
                key = encode(change.key)
                assert state.get(key) == (change.before and encode(change.before))
                if change.after is None:
                    del state[key]
                else:
                    state[key] = encode(change.after)
        trie = build((compute_hash(key), compute_hash(entry)) for key, entry in state.items())
        assert trie.root == network.ledger.header.state_root


def run(machine: type[LedgerMachine], examples: int, steps: int = 40) -> None:
    run_state_machine_as_test(
        machine,
        settings=settings(
            max_examples=examples,
            stateful_step_count=steps,
            deadline=None,
            suppress_health_check=list(HealthCheck),
        ),
    )


@pytest.mark.slow
def test_random_networks_hold_what_the_model_says() -> None:
    run(Replayed, 60)
    assert {row.stem for row in OPERATIONS if row.number < BORDER_FROM} <= seen


def test_random_networks_go_on_from_their_databases(servers: Servers) -> None:
    class Reloaded(LedgerMachine):
        """What PostgreSQL holds takes the place of the ledger at random points."""

        def __init__(self) -> None:
            super().__init__()
            url = servers.create_database("machine")
            apply_migrations(url, MIGRATIONS)
            self.store, self.committed = Store(url), 0

        @rule()
        def reload(self) -> None:
            for closed in self.network.closed[self.committed :]:
                certificate = self.network.records[self.committed].certificate
                self.store.commit(Commit(closed, None, certificate), {})
                self.committed += 1
            self.network.ledger = self.store.load_ledger()

        def teardown(self) -> None:
            super().teardown()
            self.store.close()

    run(Reloaded, 6, 25)
