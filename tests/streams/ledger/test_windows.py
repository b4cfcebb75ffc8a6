"""Instances that know the same facts make the same transaction."""

from schemas.codec import encode
from schemas.generated.common import U64
from streams.ledger.windows import (
    WINDOW_MS,
    compute_window,
    compute_window_salt,
    make_window_transaction,
)
from tests.support.border import advance
from tests.support.network import START_MS, Network, get_account

EVIDENCE = b"block 7"


def test_a_window_ends_where_the_next_begins() -> None:
    network = Network()
    made = [
        make_window_transaction(
            network.network_id, get_account("master"), "checkpoint_chain", EVIDENCE, w, advance(7)
        )
        for w in (3, 4)
    ]
    assert made[0].max_time_ms + 1 == made[1].min_time_ms == 4 * WINDOW_MS
    assert compute_window(made[0].max_time_ms) == 3
    assert compute_window(made[1].min_time_ms) == 4
    assert made[0].salt != made[1].salt


def test_everything_that_names_it_changes_the_salt() -> None:
    network = Network()
    source = get_account("master")
    salts = {
        compute_window_salt(network.network_id, *each)
        for each in (
            (source, "payment", EVIDENCE, 1),
            (get_account("alice"), "payment", EVIDENCE, 1),
            (source, "set_fees", EVIDENCE, 1),
            (source, "payment", b"block 8", 1),
            (source, "payment", EVIDENCE, 2),
        )
    }
    assert len(salts) == 5


def test_instances_sign_the_same_bytes_and_the_ledger_takes_them() -> None:
    network = Network()
    window = compute_window(START_MS + 1_000)
    bodies = [
        encode(
            make_window_transaction(
                network.network_id,
                get_account("master"),
                "checkpoint_chain",
                EVIDENCE,
                window,
                advance(7),
            )
        )
        for _ in range(2)
    ]
    assert bodies[0] == bodies[1]
    transaction = make_window_transaction(
        network.network_id,
        get_account("master"),
        "checkpoint_chain",
        EVIDENCE,
        window,
        advance(7),
    )
    network.close(network.admit(network.sign(transaction, "master")))
    found = network.ledger.state.get_chain_checkpoint("eip155:31337")
    assert found is not None
    assert found.height == U64(7)
