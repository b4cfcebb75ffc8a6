"""Random sequences of deposits, sweeps, refills, prices and policies: what the funnel proposes
keeps to caps and ceilings, its peers agree to it, and all that is worth sweeping is swept."""

import random
from collections.abc import Iterator
from functools import lru_cache
from hashlib import sha256

import pytest
from msgspec.structs import replace

from processors.psim.chains.bitcoin_addresses import Network as BitcoinNetwork
from processors.psim.chains.bitcoin_transfers import (
    Coin,
    Outpoint,
    compute_transaction_id,
    read_payload,
)
from processors.psim.transfers import bitcoin_sweeps, ethereum_sweeps
from processors.psim.transfers.bitcoin_rules import SPLIT_MIN, BitcoinFacts, find_script
from processors.psim.transfers.ethereum_rules import (
    EthereumFacts,
    Holding,
    find_all_calls,
    find_safes,
    read_sweep,
)
from processors.psim.transfers.ledger import CEILING, TARGET, find_room, judge
from processors.psim.view import LedgerView
from schemas.generated.common import (
    U64,
    Amount,
    Hash,
    TransferCaps,
    TransferPurpose,
    WalletKind,
)
from schemas.generated.operations import (
    AdvanceCheckpoint,
    CheckpointChain,
    CreateExternalTransfer,
    ManageKeyValue,
    ManageTransferPolicy,
    PutKeyValue,
    PutTransferPolicy,
    U128Value,
)
from tests.processors.psim.money.ledger import BITCOIN, ETHEREUM, SOURCE, checksum, make_ledger
from tests.support.network import get_account

SEQUENCES, QUICK = 10_000, 100
POLICIES = 20
HEIGHT = 1_000
NETWORK = BitcoinNetwork(BITCOIN)
COINS_MAX = 30


@lru_cache
def make_view(number: int) -> tuple[LedgerView, dict[str, tuple[int, int]]]:
    """A ledger with caps of its own; by asset the target and the ceiling."""
    chance, network = random.Random(number), make_ledger()
    limits = {}
    for asset, chain, unit in (("BTC", BITCOIN, 10**5), ("ETH", ETHEREUM, 10**15)):
        target = chance.choice((0, unit, 40 * unit, 10_000 * unit))
        limits[asset] = target, target * chance.choice((1, 2))
        moved = chance.choice((20, 300, 10**6)) * unit
        caps = TransferCaps(Amount(moved), Amount(moved * chance.choice((1, 3))), Amount(10**36))
        numbers = zip((TARGET, CEILING), limits[asset], strict=True)
        network.apply(
            "master",
            *(ManageKeyValue(n + asset, PutKeyValue(U128Value(Amount(v)))) for n, v in numbers),
            *(
                ManageTransferPolicy(chain, asset, purpose, PutTransferPolicy(caps, None))
                for purpose in (TransferPurpose.SWEEP, TransferPurpose.REFILL)
            ),
        )
    advance = AdvanceCheckpoint(U64(HEIGHT), Hash(bytes(32)))
    network.apply(SOURCE, CheckpointChain(BITCOIN, advance))
    view = LedgerView(network.network_id, get_account(SOURCE))
    for closed in network.closed:
        view.fold(closed.header.sequence, closed.header.close_time_ms, closed.body)
    return view, limits


class CoinSequence:
    """Of Bitcoin: coins at deposit addresses and in wallets, and what becomes of them."""

    def __init__(self, seed: int) -> None:
        self.random = random.Random(seed)
        self.view, limits = make_view(seed % POLICIES)
        self.target, self.ceiling = limits["BTC"]
        self.facts = BitcoinFacts(NETWORK, HEIGHT, {}, self.random.choice((1, 5, 80)))
        self.made = seed * 1_000

    def add(self, wallet: WalletKind, satoshis: int) -> None:
        self.made += 1
        keyset = self.view.state.get_keyset(BITCOIN, wallet, 1)
        assert keyset is not None
        name = Hash(sha256(self.made.to_bytes(8, "big")).digest())
        coin = Coin(Outpoint(name, 0), satoshis, HEIGHT, keyset, 0, 0)
        self.facts.coins = {**self.facts.coins, coin.outpoint: coin}

    def run(self) -> None:
        for _ in range(self.random.randrange(1, COINS_MAX)):
            wallet = self.random.choice(
                (WalletKind.DEPOSIT,) * 4 + (WalletKind.HOT, WalletKind.COLD)
            )
            self.add(wallet, self.random.choice((500, 10**4, 10**6, 10**7)) + self.made % 977)
        for _ in range(3 * COINS_MAX):
            op = bitcoin_sweeps.propose_sweep(self.view, self.facts, "BTC")
            if op is None:
                self.check_nothing_is_left()
                return
            self.check(op)
            if op.purpose is TransferPurpose.REFILL and self.random.randrange(2):
                return
        pytest.fail("it goes on for ever")

    def check(self, op: CreateExternalTransfer) -> None:
        """And lets it happen."""
        assert bitcoin_sweeps.judge_sweep(self.view, self.facts, op, "BTC") is None
        assert judge(self.view, op, ()) is None
        assert op.amount <= find_room(self.view, BITCOIN, "BTC", op.purpose)
        made = read_payload(op.payload)
        spent = [self.facts.coins[each.outpoint] for each in made.inputs]
        assert sum(each.satoshis for each in spent) == made.fee + sum(
            o.satoshis for o in made.outputs
        )
        before = bitcoin_sweeps.compute_hot(self.view, self.facts)
        self.facts.coins = {k: v for k, v in self.facts.coins.items() if v not in spent}
        name = compute_transaction_id(made)
        for number, output in enumerate(made.outputs):
            is_hot = output.script == find_script(self.view, self.facts, WalletKind.HOT)
            wallet = WalletKind.HOT if is_hot else WalletKind.COLD
            keyset = self.view.state.get_keyset(BITCOIN, wallet, 1)
            assert keyset is not None
            coin = Coin(Outpoint(name, number), output.satoshis, HEIGHT, keyset, 0, 0)
            self.facts.coins = {**self.facts.coins, coin.outpoint: coin}
        after = bitcoin_sweeps.compute_hot(self.view, self.facts)
        assert after <= max(self.ceiling, self.target, before) + SPLIT_MIN

    def check_nothing_is_left(self) -> None:
        room = find_room(self.view, BITCOIN, "BTC", TransferPurpose.SWEEP)
        left = [
            each
            for each in self.facts.coins.values()
            if each.keyset.wallet is WalletKind.DEPOSIT
            and bitcoin_sweeps.is_worth_it(self.facts, each)
            and 20 * self.facts.rate * 300 < each.satoshis <= room
        ]
        assert left == []


class SafeSequence:
    """Of Ethereum: what forwarders and Safes hold."""

    def __init__(self, seed: int) -> None:
        self.random = random.Random(seed)
        self.view, limits = make_view(seed % POLICIES)
        self.target, self.ceiling = limits["ETH"]
        self.addresses = [checksum("0x" + f"{n + 1:040x}") for n in range(COINS_MAX)]
        self.facts = EthereumFacts(ETHEREUM, 31337, HEIGHT)
        self.facts.safes = {
            (wallet, ""): self.random.choice((0, 10**15, 10**17))
            for wallet in (WalletKind.HOT, WalletKind.COLD)
        }

    def run(self) -> None:
        self.facts.forwarders = tuple(
            Holding(each, "", self.random.choice((3, 10**14, 10**16, 10**17)))
            for each in self.addresses[: self.random.randrange(1, COINS_MAX)]
        )
        for _ in range(10 * COINS_MAX):
            op = ethereum_sweeps.propose_sweep(self.view, self.facts)
            if op is None:
                assert all(each.amount < 10 for each in self.facts.forwarders)
                return
            self.check(op)
            if op.purpose is TransferPurpose.REFILL and self.random.randrange(2):
                return
        pytest.fail("it goes on for ever")

    def check(self, op: CreateExternalTransfer) -> None:
        assert ethereum_sweeps.judge_sweep(self.view, self.facts, op) is None
        assert judge(self.view, op, ()) is None
        assert op.amount <= find_room(self.view, ETHEREUM, "ETH", op.purpose)
        before = self.facts.safes[WalletKind.HOT, ""]
        moved = list(self._find_moves(op))
        assert sum(to_hot + to_cold for _, to_hot, to_cold in moved) == op.amount
        held = dict(self.facts.safes)
        left = {each.address: each.amount for each in self.facts.forwarders}
        for address, to_hot, to_cold in moved:
            held[WalletKind.HOT, ""] += to_hot
            held[WalletKind.COLD, ""] += to_cold
            if address in left:
                left[address] -= to_hot + to_cold
            else:
                held[WalletKind.COLD, ""] -= to_hot
        assert min(left.values(), default=0) >= 0
        assert min(held.values()) >= 0
        self.facts.safes = held
        self.facts.forwarders = tuple(
            replace(e, amount=left[e.address]) for e in self.facts.forwarders if left[e.address]
        )
        assert held[WalletKind.HOT, ""] <= max(self.ceiling, self.target, before)

    def _find_moves(self, op: CreateExternalTransfer) -> Iterator[tuple[str, int, int]]:
        calls = find_all_calls(op.payload)
        if op.purpose is TransferPurpose.REFILL:
            (call,) = calls
            assert call.to == find_safes(self.view, ETHEREUM)[WalletKind.HOT]
            yield call.to, call.wei, 0
            return
        for call in calls:
            _, to_hot, to_cold = read_sweep(call)
            yield call.to, to_hot, to_cold


def run_sequences(first: int, count: int) -> None:
    """A failure names the seed."""
    for seed in range(first, first + count):
        kind = CoinSequence if seed % 2 else SafeSequence
        try:
            kind(seed).run()
        except AssertionError as error:
            raise AssertionError(f"{kind.__name__}({seed}): {error}") from error


def test_sequences() -> None:
    run_sequences(0, QUICK)


@pytest.mark.faults
@pytest.mark.campaign
@pytest.mark.timeout(1_200)
@pytest.mark.parametrize("first", range(0, SEQUENCES, SEQUENCES // 4))
def test_sequences_campaign(pytestconfig: pytest.Config, first: int) -> None:
    run_sequences(first, SEQUENCES // 40 * pytestconfig.getoption("--faults"))
