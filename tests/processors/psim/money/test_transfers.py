"""Withdrawals and sweeps by three instances, case by case, on small chains."""

import pytest

from processors.psim.chains.bitcoin_addresses import Network
from processors.psim.transfers.ethereum_gas import judge_gas, propose_gas
from processors.psim.transfers.ethereum_rules import GAS_FILL, GAS_LOW, make_call, make_op
from processors.psim.transfers.ledger import RELAYERS
from schemas.generated.common import TransferPurpose, WalletKind
from schemas.generated.entries import TransferState
from schemas.generated.operations import ManageKeyValue, PutKeyValue, StringValue
from schemas.generated.transactions import TransactionCode
from tests.processors.psim.money.ledger import (
    ASSETS,
    BITCOIN,
    ETHEREUM,
    FUNDS,
    HOT,
    TOKEN,
    checksum,
)
from tests.processors.psim.money.world import World


@pytest.fixture
def world() -> World:
    made = World()
    made.begin()
    return made


def test_withdrawals_of_coins_and_tokens_arrive_once(world: World) -> None:
    asked = [world.ask("BTC", 10**6), world.ask("ETH", 10**17), world.ask("USD", 10**6)]
    asked += [world.ask("BTC", 2 * 10**6)]
    before = {each: world.get_person(each)[0] for each in ASSETS}
    world.run_until(world.is_over)
    assert [world.count_payouts(each) for each in asked] == [1] * 4
    assert {each: world.get_person(each) for each in ASSETS} == {e: (before[e], 0) for e in ASSETS}
    assert all(each.code is TransactionCode.SUCCESS for each in world.results)


def test_requests_at_the_same_time_go_out_in_one_bitcoin_transaction(world: World) -> None:
    asked = [world.ask("BTC", 10**5 + number) for number in range(5)]
    world.run(2)
    (transfer,) = world.get_transfers()
    assert len(transfer.requests) == 5
    world.run_until(world.is_over)
    assert [world.count_payouts(each) for each in asked] == [1] * 5


@pytest.mark.parametrize(
    ("asset", "amount", "to"),
    [
        ("BTC", 10**5, "bc1qw508d6qejxtdg4y5r3zarvary0c5xw7kv8f3t4"),
        ("BTC", 999, None),
        ("BTC", 2 * 10**8, None),
        ("ETH", 10**17, checksum(HOT)),
        ("USD", 10**6, checksum(TOKEN)),
    ],
)
def test_what_can_never_be_paid_is_given_back(
    world: World, asset: str, amount: int, to: str | None
) -> None:
    before = world.get_person(asset)
    asked = world.ask(asset, amount, to)
    assert world.get_person(asset) == (before[0] - amount, amount)
    world.run_until(lambda: world.get_person(asset) == before)
    assert to is not None or world.count_payouts(asked) == 0
    assert world.get_transfers() == []


def test_a_recipient_that_fails_is_cancelled_and_refunded_only_then(world: World) -> None:
    before = world.get_person("ETH")
    asked = world.ask("ETH", 10**17)
    world.safes.failing.add(asked.to)
    other = world.ask("ETH", 10**16)
    refunded_early = False

    def is_done() -> bool:
        nonlocal refunded_early
        is_refunded = world.get_person("ETH")[0] == before[0] - 10**16
        used = world.safes.blocks[world.safes.final].nonces[checksum(HOT)]
        refunded_early |= is_refunded and used == 0
        return is_refunded and world.get_person("ETH")[1] == 0 and not world.get_transfers()

    world.run_until(is_done, 60)
    assert not refunded_early
    assert (world.count_payouts(asked), world.count_payouts(other)) == (0, 1)


def test_a_token_that_says_no_is_not_paid_and_given_back(world: World) -> None:
    before = world.get_person("USD")
    world.safes.lying.add(checksum(TOKEN))
    asked = world.ask("USD", 10**6)
    world.run_until(lambda: world.get_person("USD") == before and not world.get_transfers())
    assert world.count_payouts(asked) == 0
    assert world.safes.get_nonces()[checksum(HOT)] == 1


def test_a_transaction_that_waits_is_replaced_by_one_that_pays_more(world: World) -> None:
    asked = world.ask("BTC", 10**6)
    for _ in range(60):
        world.step()
        world.coins.mine(is_full=True)
        world.close(interval_ms=60_000)
        if len(world.coins.sent) > 2:
            break
    fees = [each.fee for each in world.coins.sent.values()]
    assert len(fees) > 2
    assert fees == sorted(set(fees))
    world.run_until(world.is_over)
    assert world.count_payouts(asked) == 1


def test_a_fee_that_the_change_does_not_pay_is_paid_by_a_further_coin() -> None:
    world = World()
    world.issue_funds()
    script = Network(BITCOIN).derive_script(world.get_keyset(BITCOIN), 0)
    world.coins.fund(script, 10**6, 900_000)
    world.mine(3)
    world.checkpoint()
    asked = world.ask("BTC", 995_500)
    for _ in range(40):
        world.step()
        world.coins.mine(is_full=True)
        world.close(interval_ms=300_000)
        if any(len(each.inputs) == 2 for each in world.coins.sent.values()):
            break
    (first, *_, last) = world.coins.sent.values()
    assert set(first.inputs) < set(last.inputs)
    assert first.outputs[0] == last.outputs[0]
    world.run_until(world.is_over)
    assert world.count_payouts(asked) == 1


def test_what_is_pinned_is_told_and_counts_as_not_paid(world: World) -> None:
    world.ask("BTC", 10**6)
    world.run(4)
    world.coins.is_pinned = True
    for _ in range(20):
        world.step()
        world.coins.mine()
        world.wait_a_window()
        world.run(2)
    (transfer,) = world.get_transfers()
    assert transfer.state is TransferState.UNKNOWN
    status = world.machines[0].services[0][0].get_status()
    assert any("not mined for long" in each for each in status["problems"])
    assert world.get_person("BTC")[1] == 10**6


def test_a_coin_that_somebody_else_spent_gives_the_request_back_to_another_try(
    world: World,
) -> None:
    asked = world.ask("BTC", 10**6)
    world.run(4)
    (paid,) = world.coins.waiting
    world.coins.steal(paid.inputs[0], b"\x00\x14" + bytes(20))
    world.run_until(world.is_over, 40)
    assert world.count_payouts(asked) == 1
    assert paid.name not in {t.name for _, block in world.coins.blocks for t in block}


def test_a_reorganisation_brings_the_same_bytes_again(world: World) -> None:
    asked = world.ask("BTC", 10**6)
    world.run_until(lambda: world.count_payouts(asked) == 1)
    world.coins.drop(2)
    world.coins.waiting.clear()
    assert world.count_payouts(asked) == 0
    world.run_until(world.is_over)
    assert world.count_payouts(asked) == 1
    assert len(world.coins.sent) == 1


def test_one_bad_cosigner_stalls_nothing() -> None:
    world = World(garbage="psim2")
    world.begin()
    asked = [world.ask("BTC", 10**6), world.ask("ETH", 10**17)]
    world.run_until(world.is_over)
    assert [world.count_payouts(each) for each in asked] == [1, 1]


def test_fewer_than_the_threshold_send_nothing(world: World) -> None:
    world.ask("BTC", 10**6)
    world.run(1)
    world.garbage = "psim2"
    world.restart(1)
    world.machines.pop()
    world.run(10)
    (transfer,) = world.get_transfers()
    assert transfer.state is TransferState.COMMITTED
    assert world.coins.sent == {}


def test_sweeps_fill_hot_to_its_target_and_send_the_rest_to_cold(world: World) -> None:
    world.add_addresses()
    network = Network(BITCOIN)
    deposit = network.decode_address(world.addresses[BITCOIN])
    cold = network.derive_script(world.get_keyset(BITCOIN, WalletKind.COLD), 0)
    amount = FUNDS["BTC"] // 20
    world.coins.fund(deposit, amount, 400)
    place = world.addresses[ETHEREUM]
    world.safes.mine(gifts={(place, ""): 10**18, (place, checksum(TOKEN)): 10**7})
    world.mine(3)
    world.checkpoint()
    world.run_until(lambda: len(world.get_transfers()) >= 3)
    assert {each.purpose for each in world.get_transfers()} == {TransferPurpose.SWEEP}
    world.run_until(lambda: not world.get_transfers())
    held = world.safes.get_held()
    assert (held[place, ""], held[place, checksum(TOKEN)]) == (0, 0)
    assert held[world.safes.cold, ""] == 10**18
    unspent = [output for output, _ in world.coins.find_coins().values()]
    assert [e.satoshis for e in unspent if e.script == deposit] == [400]
    (swept,) = [each.satoshis for each in unspent if each.script == cold]
    assert amount * 9 // 10 < swept < amount


def test_in_every_window_some_instance_proposes_at_once(world: World) -> None:
    """The account's owner is a signer, too, and proposes nothing: nobody waits for him."""
    taken = 0
    for number in range(12):
        world.ask("BTC", 10**5)
        world.run(2)
        newest = max(int(each.transfer_id) for each in world.get_transfers())
        assert newest > taken, f"request {number} waits for somebody's turn"
        taken = newest
        if number % 3 == 2:
            world.run_until(world.is_over)
            world.wait_a_window()


def test_keys_that_pay_gas_are_refilled_from_hot_as_a_network_fee(world: World) -> None:
    low, full = (checksum("0x" + each * 20) for each in ("99", "98"))
    value = PutKeyValue(StringValue(f"{low.lower()}, {full},0x99"))
    world.close(("master", ManageKeyValue(RELAYERS + ETHEREUM, value)))
    world.safes.mine(gifts={(low, ""): GAS_LOW - 1, (full, ""): GAS_LOW})
    before = world.safes.get_held()[checksum(HOT), ""]
    world.run_until(lambda: world.is_over() and world.safes.get_held()[low, ""] > GAS_LOW)
    held = world.safes.get_held()
    assert (held[low, ""], held[full, ""]) == (GAS_LOW - 1 + GAS_FILL, GAS_LOW)
    assert held[checksum(HOT), ""] == before - GAS_FILL
    view = world.machines[0].view
    world.machines[0].follow()
    assert [int(each.amount) for each in view.books.debts.values()] == [GAS_FILL]


def test_gas_for_a_key_that_the_ledger_does_not_name_is_refused(world: World) -> None:
    low, other = (checksum("0x" + each * 20) for each in ("99", "66"))
    value = PutKeyValue(StringValue(low))
    world.close(("master", ManageKeyValue(RELAYERS + ETHEREUM, value)))
    world.safes.mine(gifts={(low, ""): 0})
    world.mine(2)
    machine = world.machines[0]
    machine.follow()
    machine.look()
    facts = machine.services[1][0].desks[1].facts  # type: ignore[attr-defined]
    op = propose_gas(machine.view, facts)
    assert op is not None
    assert judge_gas(machine.view, facts, op) is None
    keyset = world.get_keyset(ETHEREUM)
    calls = [make_call("", other, GAS_FILL)]
    made = make_op(machine.view, facts, keyset, op.purpose, op.asset, GAS_FILL, calls)
    assert judge_gas(machine.view, facts, made) == "WRONG_RECIPIENTS"
    calls = [make_call("", low, GAS_FILL + 1)]
    made = make_op(machine.view, facts, keyset, op.purpose, op.asset, GAS_FILL + 1, calls)
    assert judge_gas(machine.view, facts, made) == "WRONG_RECIPIENTS"
