"""Deposits, from a chain to balances, by three instances on a real ledger."""

import pytest

from processors.psim.deposit import rules
from processors.psim.deposit.batches import MOST
from processors.psim.deposit.chain import IN_FLIGHT_MAX
from processors.psim.deposit.rules import UNOWNED_MS, Stand
from schemas.generated.operations import CreateIssuanceRequestCode, ManageAssetHalt
from schemas.generated.requests import IssuanceRequest
from schemas.generated.transactions import OperationCode
from schemas.tasks import Task
from tests.processors.psim.chain_model import make_payment
from tests.processors.psim.world import (
    CHAIN,
    COIN_ASSET,
    SOURCE,
    SUSPENSE,
    TOKEN,
    TOKEN_ASSET,
    World,
    create_own_asset,
    state_deposit,
)
from tests.support.requests import govern


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


def test_every_result_of_an_issuance_is_classed_once() -> None:
    classes = (rules.WAIT_CODES, rules.PARK_CODES, rules.DONE_CODES, rules.LATE_CODES)
    classed = [code for each in (*classes, rules.BROKEN_CODES) for code in each]
    assert len(classed) == len(set(classed))
    assert set(classed) == {each.name for each in (*CreateIssuanceRequestCode, *OperationCode)}


def test_a_halted_asset_is_credited_when_it_goes_on(world: World) -> None:
    address = world.bind("alice")
    world.close(("master", ManageAssetHalt(COIN_ASSET, True, None)))
    world.chain.mine(make_payment("a", address, 1_000))
    world.confirm()
    assert world.get_amount("alice") == 0
    assert world.machines[0].watch.get_status()["open"] == 1
    world.close(("master", govern(ManageAssetHalt(COIN_ASSET, False, None))))
    world.wait_a_window()
    world.run(3)
    assert world.get_amount("alice") == 1_000


def test_a_large_block_is_worked_off_in_parts(world: World) -> None:
    address = world.bind("alice")
    count = IN_FLIGHT_MAX + 200
    world.chain.mine(*(make_payment(f"tx {n}", address, 1_000) for n in range(count)))
    world.confirm(steps=1)
    assert IN_FLIGHT_MAX - MOST <= world.get_amount("alice") // 1_000 <= IN_FLIGHT_MAX
    world.run(2)
    assert world.get_amount("alice") == count * 1_000
    assert world.get_checkpoint().height == 0  # the next that 8 divides is not final yet


def test_what_is_found_after_its_window_is_shown_and_not_credited(world: World) -> None:
    address = world.bind("alice")
    world.chain.mine(make_payment("a", address, 1_000))
    for source in world.sources.values():
        source.is_away = True
    world.chain.mine()
    days = world.machines[0].view.get_settings().issuance_reference_days
    world.close(interval_ms=(days + 3) * 86_400_000)
    for source in world.sources.values():
        source.is_away = False
    world.confirm()
    assert world.get_amount("alice") == 0
    watch = world.machines[0].watch
    assert watch.get_status()["late"] == 1
    assert any("window" in each for each in watch.get_status()["problems"])
    assert [each["stand"] for each in watch.list_deposits()] == ["late"]


def test_credits_that_a_halted_chain_has_no_more_are_shown(world: World) -> None:
    address, other = world.bind("alice"), world.bind("bob")
    world.chain.mine(make_payment("a", address, 1_000), make_payment("b", other, 2_000))
    while world.chain.tip < 12:
        world.chain.mine()
    world.run(4)
    assert world.get_checkpoint().height == 8
    height = next(b.block.height for b in world.chain.blocks if b.payments)
    world.chain.drop(world.chain.tip - height + 1)
    world.chain.mine(make_payment("b", other, 2_000))
    while world.chain.tip < 20:
        world.chain.mine()
    world.run(4)
    assert world.get_checkpoint().evidence is not None
    (lost,) = world.machines[0].watch.unbacked
    assert lost.amount == 1_000


def test_an_endpoint_that_lags_signs_nothing_and_the_others_go_on(world: World) -> None:
    address = world.bind("alice")
    world.sources["psim1"].is_away = True
    world.chain.mine(make_payment("a", address, 1_000))
    world.confirm()
    assert world.get_amount("alice") == 1_000
    assert not world.machines[0].watch.progress.open


def test_one_of_three_alone_credits_nothing(world: World) -> None:
    address = world.bind("alice")
    for name in ("psim1", "psim2"):
        world.sources[name].is_away = True
    world.chain.mine(make_payment("a", address, 1_000))
    world.confirm(steps=6)
    assert world.get_amount("alice") == 0


def test_two_assets_of_one_token_are_a_mistake(world: World) -> None:
    world.close((SOURCE, create_own_asset("ETH2", state_deposit())))
    address = world.bind("alice")
    world.chain.mine(make_payment("a", address, 1_000))
    world.confirm()
    assert world.get_amount("alice") == 0
    assert any("ETH2" in each for each in world.machines[0].watch.get_status()["problems"])
