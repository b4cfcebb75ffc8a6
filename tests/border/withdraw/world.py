"""Withdrawals on real nodes: three instances of Withdraw and Funnel, and a ledger in memory."""

import random
import secrets
import time
from typing import Any

from msgspec.structs import replace

from processors.psim.chains.bitcoin_addresses import Network as BitcoinNetwork
from processors.psim.chains.calls import encode_call
from processors.psim.chains.ethereum_transfers import read_derivation
from processors.psim.chains.signers import SeedSigner
from processors.psim.signing.cosigner import Cosigner
from processors.psim.transfers.desks import make_desk
from processors.psim.view import LedgerView
from schemas.generated.common import AccountID, WalletKind
from schemas.generated.entries import ExternalTransfer
from tests.border.real_chains import RealChains
from tests.processors.psim.money.ledger import BITCOIN, ETHEREUM, FUNDS, NAMES, SOURCE, make_ledger
from tests.processors.psim.money.world import Asked, BadCosigner, Machine, World
from tests.processors.psim.world import make_signer, now
from tests.support.network import Network, get_account, make_genesis

COINS = 8
"""Of the hot wallet on Bitcoin."""


class BorderMachine(Machine):
    """One instance, whose desks ask and send by its own endpoints."""

    world: "BorderWorld"

    def make_desks(self) -> list[Any]:
        chains = self.world.chains
        rpcs = chains.rpcs[self.name]
        sources = chains.make_sources(self.name)
        return [
            make_desk(each, rpcs[each.id], sources[each.id])
            for each in chains.get_settings(self.name)
        ]

    def look(self) -> None:
        super().look()
        self.world.note_problems(self)


class BorderWorld(World):
    """`chains`: the nodes. The ledger's time begins at the nodes' own. `problems`: all that an
    instance ever told; `garbage`: whose signatures are none; `token`: another one
    than a sound one; `seen`: the transfers that ever stood."""

    def __init__(self, chains: RealChains, garbage: str = "", token: str = "") -> None:
        self.chains = chains
        keysets = chains.make_keysets(token)
        genesis = replace(make_genesis(), close_time_ms=int(time.time() * 1000))
        network = make_ledger(Network(genesis), keysets, chains.token)
        super().__init__(secrets.randbits(60), garbage=garbage, network=network, steps_max=40)

    def __post_init__(self) -> None:
        self.random = random.Random(self.seed)
        self.coin_endpoints = self.safe_endpoints = dict.fromkeys(NAMES)  # type: ignore[assignment]
        self.envelopes, self.own, self.waiting = {}, {}, []
        self.asked, self.results, self.addresses = [], [], {}
        self.problems: set[str] = set()
        self.seen: set[int] = set()
        self._view = LedgerView(self.network.network_id, get_account(SOURCE))
        self.label = lambda _: None
        self.machine = BorderMachine
        self.machines = [BorderMachine(self, name) for name in NAMES]

    def make_cosigner(self, name: str) -> Cosigner:
        def submit(_: AccountID, envelope: bytes) -> None:
            self.own[envelope] = envelope

        make = BadCosigner if name in self.garbage else Cosigner
        return make(make_signer(f"{name} cosigner"), SeedSigner(self.chains.seeds[name]), submit)

    def step(self) -> None:
        super().step()
        self.seen |= {each.transfer_id for each in self.get_transfers()}

    def get_transfers(self) -> list[ExternalTransfer]:
        for closed in self.network.closed[self._view.sequence :]:
            self._view.fold(closed.header.sequence, closed.header.close_time_ms, closed.body)
        return [each for _, each in sorted(self._view.transfers.items())]

    def note_problems(self, machine: Machine) -> None:
        for service, _ in machine.services:
            self.problems |= set(service.get_status()["problems"])

    def begin(self) -> None:
        """The person has the assets, the hot wallets the coins."""
        self.issue_funds()
        script = BitcoinNetwork(BITCOIN).derive_script(self.get_keyset(BITCOIN), 0)
        now(self.chains.bitcoin.pay_to_scripts([(script, FUNDS["BTC"] // COINS)] * COINS))
        ethereum, safe = self.chains.ethereum, self.find_safe()
        now(ethereum.pay(safe, FUNDS["ETH"]))
        now(ethereum.pay_token(self.chains.token, safe, FUNDS["USD"]))
        self.mine(3)
        self.run(1)

    def find_safe(self, wallet: WalletKind = WalletKind.HOT) -> str:
        return read_derivation(self.get_keyset(ETHEREUM, wallet))[0]

    def mine(self, count: int = 1) -> None:
        self.chains.mine(count)

    def count_payouts(self, asked: Asked) -> int:
        """By the nodes' own count of what stands in their blocks."""
        ethereum = self.chains.ethereum
        if asked.asset == "BTC":
            held = now(self.chains.bitcoin.get_received(asked.to))
        elif asked.asset == "ETH":
            held = now(ethereum.get_balance(asked.to))
        else:
            held = self.get_tokens(self.chains.token, asked.to)
        return held // asked.amount

    def get_tokens(self, token: str, holder: str) -> int:
        call = {"to": token, "data": "0x" + encode_call("balanceOf(address)", holder).hex()}
        return int(now(self.chains.safe_rpc.call("eth_call", call, "latest", answer=str)), 16)
