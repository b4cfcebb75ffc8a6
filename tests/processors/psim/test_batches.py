"""Credits that go together: instances cut alike, and a refusal of one holds nobody up."""

from hashlib import sha256

import pytest

from processors.psim.deposit.batches import MOST, Credit, combine
from processors.psim.deposit.rules import OPERATION
from processors.psim.intents import Intent
from schemas.generated.common import Hash
from schemas.generated.operations import CreateIssuanceRequest
from schemas.generated.transactions import TransactionCode
from tests.processors.psim.chain_model import make_payment
from tests.processors.psim.world import World

COUNT = 300


def make_credits(count: int = COUNT, height: int = 1) -> list[Credit]:
    keys = [Hash(sha256(bytes([height, n % 256, n // 256])).digest()) for n in range(count)]
    return [Credit(height, Intent(each, OPERATION, ())) for each in keys]


def cut(offered: list[Credit], *, is_all: bool = True) -> set[Hash]:
    """Keys of what is offered by itself."""
    found = list(combine("a:1", offered, is_all=is_all))
    assert {each.intent.key for each in offered} <= {e.key for e in found} or not is_all
    return {each.key for each in found if each.is_offered}


def test_a_batch_is_of_one_block() -> None:
    one, two = make_credits(height=1), make_credits(height=2)
    assert cut([*one, *two]) == cut(one) | cut(two)
    assert len(cut(one)) < COUNT // 5


def test_no_batch_is_too_large() -> None:
    key = Hash(bytes(31) + b"\x01")  # ends no batch
    offered = [Credit(1, Intent(key, OPERATION, (None,))) for _ in range(3 * MOST)]  # type: ignore[arg-type]
    assert {len(e.bodies) for e in combine("a:1", offered, is_all=True) if e.is_offered} == {MOST}


@pytest.mark.parametrize("missing", [0, 100, COUNT - 1])
def test_what_one_instance_does_not_know_changes_few_batches(missing: int) -> None:
    """Its own, and where it was too large, those behind it up to the next end."""
    offered = make_credits()
    without = [each for number, each in enumerate(offered) if number != missing]
    assert len(cut(offered) - cut(without)) <= 4


def test_what_is_cut_off_is_offered_later() -> None:
    offered = make_credits()
    assert cut(offered[:100], is_all=False) <= cut(offered)


def list_credits(world: World) -> list[tuple[TransactionCode, int]]:
    return [
        (each.result.code, len(each.candidate.transaction.operations))
        for closed in world.network.closed
        for each in closed.applied
        if isinstance(each.candidate.transaction.operations[0].body, CreateIssuanceRequest)
    ]


def test_credits_of_a_block_share_transactions() -> None:
    world = World()
    world.begin()
    address = world.bind("alice")
    world.chain.mine(*(make_payment(f"tx {n}", address, 1_000) for n in range(COUNT)))
    world.confirm()
    assert world.get_amount("alice") == COUNT * 1_000
    found = list_credits(world)
    assert sum(count for _, count in found) == COUNT
    assert len(found) < COUNT // 5


def test_one_that_is_refused_holds_no_other_up() -> None:
    """More than may be issued of the asset."""
    world = World()
    world.begin()
    address = world.bind("alice")
    amounts = [2**127 + 1 if number % 20 == 0 else 1_000 for number in range(100)]
    made = (make_payment(f"tx {n}", address, amount) for n, amount in enumerate(amounts))
    world.chain.mine(*made)
    world.confirm()
    world.run(3)
    assert world.get_amount("alice") == 95 * 1_000
    for machine in world.machines:
        (chain,) = machine.service.get_status()["chains"]
        assert chain["open"] == 5
    assert TransactionCode.FAILED in {code for code, _ in list_credits(world)}
