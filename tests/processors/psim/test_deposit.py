"""Deposits, from a chain to balances, by three instances on a real ledger."""

import pytest

from processors.psim.deposit.rules import UNOWNED_MS, Stand
from schemas.generated.requests import IssuanceRequest
from schemas.tasks import Task
from tests.processors.psim.chain_model import make_payment
from tests.processors.psim.world import (
    CHAIN,
    SUSPENSE,
    TOKEN,
    TOKEN_ASSET,
    World,
)


@pytest.fixture
def world() -> World:
    made = World()
    made.begin()
    return made


def test_a_payment_is_pending_then_credited_once(world: World) -> None:
    address = world.bind("alice")
    world.chain.mine(make_payment("a", address, 1_000))
    world.run(2)
    shown = world.machines[0].service.list_deposits()
    assert [(each["stand"], each["amount"]) for each in shown] == [("pending", "1000")]
    assert world.get_amount("alice") == 0
    world.confirm()
    assert world.get_amount("alice") == 1_000
    world.confirm(steps=10)
    world.wait_a_window()
    world.run(5)
    assert world.get_amount("alice") == 1_000


def test_what_is_replaced_before_it_is_final_gives_nothing(world: World) -> None:
    address = world.bind("alice")
    world.chain.mine(make_payment("a", address, 1_000))
    world.run(2)
    world.chain.drop(1)
    world.chain.mine()
    world.confirm(steps=6)
    assert world.get_amount("alice") == 0


def test_the_same_transaction_in_another_block_is_the_same_deposit(world: World) -> None:
    address = world.bind("alice")
    world.chain.mine(make_payment("a", address, 1_000))
    world.run(1)
    world.chain.drop(1)
    world.chain.mine()
    world.chain.mine(make_payment("a", address, 1_000))
    world.confirm()
    assert world.get_amount("alice") == 1_000


def test_two_payments_of_one_transaction_are_two(world: World) -> None:
    address = world.bind("alice")
    world.chain.mine(
        make_payment("a", address, 1_000), make_payment("a", address, 2_000, ordinal=1)
    )
    world.confirm()
    assert world.get_amount("alice") == 3_000


def test_dust_is_not_credited_and_holds_nothing_up(world: World) -> None:
    address = world.bind("alice")
    world.chain.mine(make_payment("a", address, 9), make_payment("b", address, 10))
    world.confirm()
    assert world.get_amount("alice") == 10
    assert world.machines[0].watch.progress.counts[Stand.DUST] == 1
    assert not world.machines[0].watch.progress.open


def test_a_large_amount_is_exact(world: World) -> None:
    address, amount = world.bind("alice"), 10**30 - 1
    world.chain.mine(make_payment("a", address, amount))
    world.confirm()
    assert world.get_amount("alice") == amount


def test_the_owner_may_bind_after_the_payment(world: World) -> None:
    pool = world.network.ledger.state.get_external_pool(CHAIN, 1)
    assert pool is not None
    assert pool.first is not None
    world.chain.mine(make_payment("a", pool.first, 1_000))
    world.confirm()
    assert world.machines[0].watch.get_status()["unowned"] == 1
    assert world.bind("bob") == pool.first
    world.run(3)
    assert world.get_amount("bob") == 1_000


def test_what_nobody_owns_is_parked_after_a_day(world: World) -> None:
    pool = world.network.ledger.state.get_external_pool(CHAIN, 1)
    assert pool is not None
    assert pool.first is not None
    world.chain.mine(make_payment("a", pool.first, 1_000))
    world.confirm()
    world.close(interval_ms=UNOWNED_MS + 3_600_000)
    world.run(3)
    (request,) = world.machines[0].view.pending.values()
    assert request.pending_tasks == Task.PARK
    assert world.get_amount(SUSPENSE) == 0
    assert world.bind("bob") == pool.first
    world.wait_a_window()
    world.run(3)
    assert world.get_amount("bob") == 0


def test_of_a_token_that_keeps_a_part_what_arrived_is_parked(world: World) -> None:
    address = world.bind("alice")
    world.chain.mine(make_payment("a", address, 1_000, TOKEN))
    world.chain.mine(make_payment("b", address, 1_000, TOKEN), kept=10)
    world.confirm()
    assert world.get_amount("alice", TOKEN_ASSET) == 1_000
    (request,) = world.machines[0].view.pending.values()
    assert isinstance(request.body, IssuanceRequest)
    assert request.body.amount == 900


def test_what_is_swept_in_the_same_block_has_arrived(world: World) -> None:
    address = world.bind("alice")
    world.chain.mine(make_payment("a", address, 1_000, TOKEN))
    sent = {(address, TOKEN): 1_500}
    world.chain.mine(make_payment("b", address, 500, TOKEN), sent=sent)
    world.confirm()
    assert world.get_amount("alice", TOKEN_ASSET) == 1_500


def test_the_pool_is_refilled_by_what_everybody_derives_again(world: World) -> None:
    pool = world.network.ledger.state.get_external_pool(CHAIN, 1)
    assert pool is not None
    assert pool.created == 10
    for name in ("alice", "bob"):
        assert world.bind(name).startswith("address-1-")
    assert len(world.machines[0].view.addresses[CHAIN]) >= 8


def test_checkpoints_say_how_far_the_chain_is_done(world: World) -> None:
    for _ in range(20):
        world.chain.mine()
    world.run(4)
    assert world.get_checkpoint().height == 16
    fresh = world.machine(world, "psim1", world.sources["psim1"])
    fresh.look()
    assert fresh.watch.progress.get_known_heights()[-1] == 16
