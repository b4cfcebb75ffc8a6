"""A replay's views replace the live ones while clients read, and no client notices."""

import threading
from collections.abc import Callable
from typing import Any

from processors.horizon.fold import fold_ledger
from processors.horizon.rebuild import lock_swap, open_replay, swap, unlock_swap
from processors.horizon.schema import drop_schema
from processors.horizon.store import Batch, LedgerStore
from schemas.strkey import encode_account_id
from streams.ledger.chain import get_genesis_position, verify_record
from tests.gateways.support import Gateway, World
from tests.support.network import get_account, pay

ALICE = encode_account_id(get_account("alice"))


def rebuild_and_swap(world: World) -> None:
    """What `replay` does, from records at hand."""
    schema = open_replay(world.connection, 1)
    store = LedgerStore(world.connection, world.network.genesis_hash, schema)
    position = get_genesis_position(world.network.network_id)
    for number, record in enumerate(world.network.records):
        verified = verify_record(position, record, world.network.genesis_hash)
        position = verified.position
        batch = Batch([fold_ledger(verified)], position, "ledgers", number + 1)
        store.commit(batch, is_live=False)
    lock_swap(world.connection)
    try:
        old = swap(world.connection, schema, is_outdated=False)
    finally:
        unlock_swap(world.connection)
    drop_schema(world.connection, old)


def read_until(stop: threading.Event, read: Callable[[], None], problems: list[Any]) -> None:
    while not stop.is_set():
        try:
            read()
        except Exception as problem:
            problems.append(problem)
            return


def test_readers_do_not_notice_a_swap(gateway: Gateway) -> None:
    world = gateway.world

    def read_ledgers() -> None:
        page = gateway.get("/v3/ledgers", {"page[limit]": "1"})
        assert page["data"][0]["id"] == page["meta"]["latest_ledger"]

    def read_account() -> None:
        document = gateway.get(f"/v3/accounts/{ALICE}", {"include": "balances"})
        (balance,) = document["included"]
        assert int(balance["attributes"]["changed_in"]) <= int(document["meta"]["latest_ledger"])
        expected = 1_000_000 - (int(balance["attributes"]["changed_in"]) - 5)
        assert balance["attributes"]["available"].replace(".", "") == str(expected)

    stop, problems = threading.Event(), list[Any]()
    readers = [
        threading.Thread(target=read_until, args=(stop, read, problems))
        for read in (read_ledgers, read_account, read_ledgers, read_account)
    ]
    for reader in readers:
        reader.start()
    try:
        for _ in range(6):
            world.apply("alice", pay(world.network, "alice", "bob", "EUR", 1))
            rebuild_and_swap(world)
    finally:
        stop.set()
        for reader in readers:
            reader.join(20)
    assert problems == []
    world.apply("alice", pay(world.network, "alice", "bob", "EUR", 1))
    assert gateway.get("/v3/info")["data"]["attributes"]["latest_ledger"] == "12"
