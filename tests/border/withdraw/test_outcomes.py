"""What goes wrong with withdrawals on real nodes, and the one outcome that each has."""

import secrets
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from msgspec.structs import replace

from processors.psim.chains.calls import encode_call
from processors.psim.chains.signers import make_ethereum_key
from processors.psim.intents import Intent
from processors.psim.signing.rules import Publish, Signing
from processors.psim.transfers.ethereum_rules import GAS_FILL, GAS_LOW
from processors.psim.transfers.ledger import RELAYERS
from processors.psim.transfers.proposals import make_key
from schemas.generated.common import SignerData, WalletKind
from schemas.generated.entries import TransferState
from schemas.generated.operations import (
    CreateExternalTransfer,
    CreateSigner,
    ManageKeyset,
    ManageKeyValue,
    ManageSigner,
    PutKeyValue,
    ReviewAction,
    ReviewRequest,
    SettleExternalTransfer,
    StringValue,
    UnknownOutcome,
)
from streams.ledger.values import MASTER_SIGNER_ROLE
from streams.ledger.windows import compute_window
from tests.border.real_chains import RealChains
from tests.border.withdraw.world import BorderWorld
from tests.processors.psim.money.ledger import BITCOIN, ETHEREUM, SOURCE
from tests.processors.psim.money.schedules import THIEF, poison
from tests.processors.psim.world import make_signer, now
from tests.support.contracts import read_contracts
from tests.support.network import Network, get_account, get_public_key, review
from tests.support.requests import govern, put_policy

pytestmark = [pytest.mark.faults, pytest.mark.campaign, pytest.mark.timeout(600)]
CODE = Path(__file__).with_name("Recipients.sol")
SATOSHIS, WEI, UNITS = 10**6, 10**16, 10**6
REVIEWERS = ("anna", "boris")


@pytest.fixture
def world(real_chains: RealChains) -> BorderWorld:
    made = BorderWorld(real_chains)
    made.begin()
    return made


def find_outcomes(world: BorderWorld) -> list[str]:
    """As the ledger has them: of each settlement, and why requests were rejected."""
    found = []
    for body in find_bodies(world):
        if isinstance(body, ReviewRequest):
            found += [body.reason] if body.reason else []
        elif not isinstance(body.result, UnknownOutcome):
            found.append(body.result.outcome.name)
    return found


def find_bodies(world: BorderWorld) -> Iterator[Any]:
    for closed in world.network.closed:
        for applied in closed.applied:
            for operation in applied.candidate.transaction.operations:
                is_settled = isinstance(operation.body, SettleExternalTransfer | ReviewRequest)
                if is_settled and applied.result.code.name == "SUCCESS":
                    yield operation.body


def test_a_garbage_signer_stalls_nothing(real_chains: RealChains) -> None:
    world = BorderWorld(real_chains, garbage="psim3")
    world.begin()
    asked = [world.ask("BTC", SATOSHIS), world.ask("ETH", WEI)]
    world.run_until(world.is_over)
    assert find_outcomes(world) == ["PAID", "PAID"]
    assert [world.count_payouts(each) for each in asked] == [1, 1]


def test_fewer_than_the_threshold_never_send(real_chains: RealChains) -> None:
    world = BorderWorld(real_chains, garbage="psim2 psim3")
    world.begin()
    asked = [world.ask("BTC", SATOSHIS), world.ask("ETH", WEI)]
    for _ in range(8):
        world.step()
        world.mine()
    for _ in range(2):
        world.wait_a_window()
        world.run(2)
    assert {each.state for each in world.get_transfers()} == {TransferState.COMMITTED}
    assert world.chains.sent == []
    assert [world.count_payouts(each) for each in asked] == [0, 0]
    assert any("too few signatures" in each for each in world.problems)


def test_a_poisoned_proposal_is_refused_by_name(world: BorderWorld) -> None:
    """psim3 pays a thief; the others sign what they proposed themselves."""
    asked = world.ask("BTC", SATOSHIS)
    for machine in world.machines:
        machine.follow()
        machine.look()
    found = [
        body
        for machine in world.machines
        for intent in machine.get_intents()[0].values()
        for body in intent.bodies
        if isinstance(body, CreateExternalTransfer)
    ]
    tell(world, poison(found[0], 0))
    world.deliver()
    shown: Any = world.machines[0].services[0][0].get_status()["chains"]
    refused = {each["chain"]: each["refused"] for each in shown}
    assert refused[BITCOIN] == ["WRONG_RECIPIENTS"]
    world.run_until(world.is_over)
    assert (find_outcomes(world), world.count_payouts(asked)) == (["PAID"], 1)
    network = world.machines[0].services[0][0].desks[0].facts.network  # type: ignore[attr-defined]
    assert now(world.chains.bitcoin.get_received(network.encode_address(THIEF))) == 0


def tell(world: BorderWorld, op: CreateExternalTransfer) -> None:
    key = make_signer("psim3")
    signing = (world.network.network_id, get_account(SOURCE), key.public_key, key.sign)
    liar = Signing("withdraw", *signing)
    window = compute_window(world.network.ledger.header.close_time_ms)
    intents = {make_key(op): Intent(make_key(op), "create_external_transfer", (op,))}
    for told in liar.step(window, intents, world.machines[0].view.get_signers()):
        if isinstance(told, Publish):
            records: Any = (told.evidence, told.signature)
            world.waiting += [(other, e) for other in world.machines[:2] for e in records]


def test_a_recipient_that_reverts_is_cancelled_and_refunded(world: BorderWorld) -> None:
    before = world.get_person("ETH")
    to = now(world.chains.ethereum.deploy(read_contracts(CODE)["Refuses"]))
    asked, other = world.ask("ETH", WEI, to), world.ask("ETH", WEI)
    world.run_until(lambda: bool(world.get_transfers()))
    world.close(interval_ms=61_000)
    world.run_until(world.is_over)
    assert sorted(find_outcomes(world)) == ["CANCELLED", "CONFLICTED", "PAID", "PAID"]
    assert (world.count_payouts(asked), world.count_payouts(other)) == (0, 1)
    assert world.get_person("ETH") == (before[0] - WEI, 0)


def test_a_token_that_says_no_is_ineffective_and_refunded(real_chains: RealChains) -> None:
    ethereum = real_chains.ethereum
    token = now(ethereum.deploy(read_contracts(CODE)["Moody"]))
    world = BorderWorld(real_chains, token=token)
    world.begin()
    purse = now(ethereum.get_purse())
    now(ethereum.send(purse, token, encode_call("setMood(bool)", True)))
    before = world.get_person("USD")
    asked = world.ask("USD", UNITS)
    world.run_until(lambda: world.is_over() and bool(world.seen))
    assert find_outcomes(world) == ["INEFFECTIVE", "INEFFECTIVE"]
    assert (world.count_payouts(asked), world.get_person("USD")) == (0, before)


def test_a_rotation_in_mid_flight_collects_signatures_again(world: BorderWorld) -> None:
    """psim3 gets another key, in the ledger and in the Safe, while a transfer is being signed."""
    asked = world.ask("ETH", WEI)
    world.step()
    (transfer,) = world.get_transfers()
    former = world.get_keyset(ETHEREUM)
    seed = secrets.token_bytes(32)
    key, slot = make_ethereum_key(seed), 2
    cosigners = tuple(
        replace(each, key=key) if each.slot == slot else each for each in former.cosigners
    )
    world.chains.swap_owner(world.find_safe(), former.cosigners[slot].key, key)
    world.chains.seeds["psim3"] = seed
    following = world.network.ledger.state.get_wallet_nonce(ETHEREUM, former.account)
    assert following is not None
    keyset = ManageKeyset(
        *(ETHEREUM, WalletKind.HOT, former.threshold, cosigners, former.derivation),
        *(former.account, following.next, (transfer.transfer_id,)),
    )
    govern_by_two(world.network, keyset)
    world.restart(2)
    (transfer,) = world.get_transfers()
    assert [each.keyset_version for each in transfer.versions] == [1, 2]
    world.run_until(world.is_over)
    assert (find_outcomes(world), world.count_payouts(asked)) == (["PAID"], 1)


def govern_by_two(network: Network, change: Any) -> None:
    """Keys are replaced by several people, and not at once."""
    for identity, name in enumerate(REVIEWERS, 1):
        data = SignerData(get_public_key(name), MASTER_SIGNER_ROLE, 1000, identity, b"")
        network.apply("master", ManageSigner(CreateSigner(data)))
    network.apply("master", put_policy("governed_change", 2, 1))
    outcome: Any = network.apply("master", govern(change)).applied[0].result.operations[0].outcome
    approval = review(network, outcome.request_id, tasks_to_remove=8)
    network.apply_signed("master", REVIEWERS, approval)
    execution = review(network, outcome.request_id, ReviewAction.EXECUTE)
    (applied,) = network.apply_signed("master", REVIEWERS[:1], execution).applied
    assert applied.result.code.name == "SUCCESS"


def test_an_ancestor_that_is_mined_again_is_paid_once(world: BorderWorld) -> None:
    """The payout and the coin that it spends are both in blocks that are replaced."""
    asked = world.ask("BTC", SATOSHIS)
    world.run_until(lambda: world.count_payouts(asked) == 1)
    now(world.chains.bitcoin.reorganise(8, is_dropping=False))
    world.run_until(world.is_over)
    assert (find_outcomes(world), world.count_payouts(asked)) == (["PAID"], 1)


def test_what_is_pinned_counts_as_not_paid(world: BorderWorld) -> None:
    """No block comes: versions that pay more are sent, an alarm is told, nothing is given back."""
    asked = world.ask("BTC", SATOSHIS)
    for _ in range(8):
        world.step()
        world.wait_a_window()
        world.run(2)
    (transfer,) = world.get_transfers()
    assert transfer.state in (TransferState.UNKNOWN, TransferState.CONFIRMED)
    assert len({name for name, _ in world.chains.find_sent_coins()}) > 2
    assert any("not mined for long" in each for each in world.problems)
    assert (world.get_person("BTC")[1], world.count_payouts(asked)) == (SATOSHIS, 0)
    world.run_until(world.is_over)
    assert (find_outcomes(world), world.count_payouts(asked)) == (["PAID"], 1)


def test_a_key_with_little_gas_is_refilled(world: BorderWorld) -> None:
    relayers, rpc = world.chains.get_relayers(), world.chains.safe_rpc
    names = PutKeyValue(StringValue(",".join(relayers)))
    world.close(("master", ManageKeyValue(RELAYERS + ETHEREUM, names)))
    now(rpc.call("anvil_setBalance", relayers[0], hex(GAS_LOW // 2), answer=Any))
    world.mine(3)
    world.run_until(lambda: world.is_over() and bool(world.seen))
    assert find_outcomes(world) == ["PAID"]
    assert now(world.chains.ethereum.get_balance(relayers[0])) > GAS_FILL
    assert world.network.ledger.state.get_network_fee_debt(min(world.seen)) is not None


def test_an_address_of_another_network_is_given_back(world: BorderWorld) -> None:
    before = world.get_person("BTC")
    world.ask("BTC", SATOSHIS, "bc1qw508d6qejxtdg4y5r3zarvary0c5xw7kv8f3t4")
    world.run(4)
    assert (find_outcomes(world), world.get_person("BTC")) == (["BAD_ADDRESS"], before)
