"""Deposits on real nodes: three instances with both chains, and a ledger in memory."""

import random
import time
from collections.abc import Mapping
from typing import Any

from msgspec.structs import replace

from infra.chains import bitcoin, ethereum
from processors.psim.chains.source import ChainSource, ChainUnavailable
from processors.psim.deposit.service import DepositService
from processors.psim.deposit.watch import ChainWatch
from processors.psim.signing.rules import Output
from processors.psim.view import LedgerView
from schemas.generated.operations import BindExternalSystemAccountId
from streams.ledger.windows import compute_window
from tests.border.real_chains import CHAIN_IDS, CONFIRMATIONS, ONLINE, RealChains
from tests.processors.psim.money.ledger import make_ledger
from tests.processors.psim.world import SOURCE, SUSPENSE, Machine, World, now
from tests.support.network import Network, get_account, make_genesis

COIN, WEI, UNIT = "BTC", "ETH", "USD"
BITCOIN, ETHEREUM = bitcoin.CHAIN_ID, ethereum.CHAIN_ID
MINIMUM = 1_000
PEOPLE = ("alice", "bob", "carol", "dave")
OTHERS = ("mallory",)


class BorderMachine(Machine):
    """One instance: what a process holds, and nothing else. `until`: the ledger up to which it
    knows them; it has the right time all the same."""

    world: "BorderWorld"
    source: Any
    until: int | None = None

    def start(self) -> None:
        network = self.world.network
        self.view = LedgerView(network.network_id, get_account(SOURCE))
        self.watches = [
            ChainWatch(
                chain_id,
                source,
                get_account(SUSPENSE),
                lambda: self.view,
                lambda: None,
                lambda: self.view.close_time_ms / 1000,
            )
            for chain_id, source in self.source.items()
        ]
        self.service = DepositService(self.watches)
        self.signing = self.world.make_signing(self.name)
        self.follow()

    def follow(self) -> None:
        for closed in self.world.network.closed[self.view.sequence : self.until]:
            self.view.fold(closed.header.sequence, closed.header.close_time_ms, closed.body)
            self.signing.note_applied(self.view.applied)

    def look(self) -> None:
        for watch in self.watches:
            try:
                while now(watch.look()):
                    pass
            except ChainUnavailable:
                pass

    def turn(self) -> list[Output]:
        intents = self.service.get_intents(self.view)
        window = compute_window(self.world.network.ledger.header.close_time_ms)
        return self.signing.step(window, intents, self.view.get_signers())


class BorderWorld(World):
    """`chains`: the nodes. The ledger's time begins at the nodes' own."""

    machines: list[BorderMachine]  # type: ignore[assignment]
    sources: Mapping[str, Mapping[str, ChainSource]]  # type: ignore[assignment]

    def __init__(self, chains: RealChains, seed: int = 1) -> None:
        self.chains = chains
        keysets = chains.make_keysets()
        genesis = replace(make_genesis(), close_time_ms=int(time.time() * 1000))
        network = make_ledger(
            Network(genesis),
            keysets,
            chains.token,
            people=(*PEOPLE, *OTHERS, SUSPENSE),
            minimum=MINIMUM,
        )
        super().__init__(seed, network=network, machine=BorderMachine)

    def __post_init__(self) -> None:
        self.random = random.Random(self.seed)
        self.sources = {name: self.chains.make_sources(name) for name in ONLINE}
        self.waiting, self.envelopes, self.results = [], {}, []
        self.machines = [BorderMachine(self, name, self.sources[name]) for name in ONLINE]  # type: ignore[arg-type]

    def begin(self) -> None:
        """Checkpoints and pools are there."""
        self.chains.mine(CONFIRMATIONS)
        for _ in range(12):
            self.step()
            state = self.network.ledger.state
            pools = [state.get_external_pool(each, 1) for each in CHAIN_IDS]
            if all(state.get_chain_checkpoint(each) for each in CHAIN_IDS) and all(pools):
                return
            self.chains.mine()
        raise AssertionError("the chains do not begin")

    def take_address(self, name: str, chain_id: str) -> str:
        """The one that the account has from then on."""
        self.close((name, BindExternalSystemAccountId(chain_id)))
        own = self.network.ledger.state.get_external_account(get_account(name), chain_id)
        assert own is not None
        return own.address

    def confirm(self, steps: int = 3) -> None:
        self.chains.mine(CONFIRMATIONS)
        self.run(steps)

    def get_checkpoint_of(self, chain_id: str) -> Any:
        return self.network.ledger.state.get_chain_checkpoint(chain_id)
