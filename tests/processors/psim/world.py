"""A world in memory: a real ledger, a small chain, three instances, and a bus between them that
delivers in any order, twice, or not at all. Everything follows from a seed."""

import asyncio
import atexit
import json
import random
from collections.abc import Coroutine
from dataclasses import dataclass, field
from typing import Any, TypeVar

from processors.psim.chains.source import ChainSource, ChainUnavailable
from processors.psim.deposit.service import DepositService
from processors.psim.deposit.watch import ChainWatch
from processors.psim.signing.keys import KeySigner
from processors.psim.signing.rules import Output, Publish, Signing, Submit
from processors.psim.view import LedgerView
from schemas.generated.common import PublicKey, Signature, SignerData
from schemas.generated.events import Evidence, EvidenceSignature
from schemas.generated.operations import (
    BindExternalSystemAccountId,
    CreateAccount,
    CreateAsset,
    ManageAsset,
)
from schemas.generated.transactions import TransactionResult
from streams.ledger.values import MASTER_ROLE, OWNER_SIGNER_ROLE
from streams.ledger.windows import compute_window
from tests.processors.psim.chain_model import ChainModel, ModelSource
from tests.support import border
from tests.support.network import (
    Network,
    create_account,
    create_asset,
    get_account,
    get_key,
    get_owner,
    get_public_key,
    make_issuer_role,
)

CHAIN = border.CHAIN
SOURCE, SUSPENSE = "custody", "suspense"
NAMES = ("psim1", "psim2", "psim3")
COIN_ASSET, TOKEN_ASSET, TOKEN = "ETH", "USD", "0xtoken"
T = TypeVar("T")
LOOP = asyncio.new_event_loop()
atexit.register(LOOP.close)


def now(work: Coroutine[Any, Any, T]) -> T:
    """The result of what awaits nothing but itself."""
    return LOOP.run_until_complete(work)


def make_signer(name: str) -> KeySigner:
    key = get_key(name)
    return KeySigner(get_public_key(name), lambda data: Signature(key.sign(data).signature))


def state_deposit(token: str = "", minimum: int = 0) -> bytes:
    details = {"deposit": {"chain": CHAIN, "token": token, "minimum": str(minimum)}}
    return json.dumps(details).encode()


def create_own_asset(code: str, details: bytes) -> ManageAsset:
    made = create_asset(code, maximum=2**127, digits=18)
    action = made.action
    assert isinstance(action, CreateAsset)
    return ManageAsset(
        0,
        CreateAsset(
            **{
                **{name: getattr(action, name) for name in action.__struct_fields__},
                "creator_details": details,
            }
        ),
    )


def make_ledger(people: tuple[str, ...] = ("alice", "bob", "carol"), minimum: int = 10) -> Network:
    """The shared account, its assets, the deposit wallet's keyset, and people."""
    network = Network()
    signers = tuple(
        SignerData(get_public_key(name), OWNER_SIGNER_ROLE, 500, number, b"")
        for number, name in enumerate(NAMES, 1)
    )
    custody = CreateAccount(
        get_account(SOURCE), None, MASTER_ROLE, (get_owner(SOURCE, 1000), *signers)
    )
    network.apply("master", *make_issuer_role(), create_account(SUSPENSE))
    network.apply("master", custody)
    network.close(*(network.prepare("master", create_account(name)) for name in people))
    network.apply(
        SOURCE,
        create_own_asset(COIN_ASSET, state_deposit(minimum=minimum)),
        create_own_asset(TOKEN_ASSET, state_deposit(TOKEN)),
    )
    border.add_keyset(network)
    return network


class Machine:
    """One instance: what a process holds, and nothing else."""

    def __init__(self, world: "World", name: str, source: ChainSource) -> None:
        self.world = world
        self.name = name
        self.source = source
        self.start()

    def start(self) -> None:
        """With nothing but the ledger's records and the chain."""
        network = self.world.network
        self.view = LedgerView(network.network_id, get_account(SOURCE))
        self.watch = ChainWatch(
            CHAIN,
            self.source,
            get_account(SUSPENSE),
            lambda: self.view,
            lambda: None,
            lambda: self.view.close_time_ms / 1000,
        )
        self.service = DepositService([self.watch])
        self.signing = self.world.make_signing(self.name)
        self.follow()

    def follow(self) -> None:
        """Folds the ledgers that it has not seen."""
        for closed in self.world.network.closed[self.view.sequence :]:
            self.view.fold(closed.header.sequence, closed.header.close_time_ms, closed.body)
            self.signing.note_applied(self.view.applied)

    def look(self) -> None:
        """At the chain, until there is nothing more to read."""
        try:
            while now(self.watch.look()):
                pass
        except ChainUnavailable:
            pass

    def turn(self) -> list[Output]:
        intents = self.service.get_intents(self.view)
        window = compute_window(self.view.close_time_ms)
        return self.signing.step(window, intents, self.view.get_signers())


@dataclass
class World:
    """`loss`: how many of a hundred messages are lost; some come twice."""

    seed: int = 1
    loss: int = 0
    network: Network = field(default_factory=make_ledger)
    machine: type[Machine] = Machine
    interval_ms: int = 1_000

    def __post_init__(self) -> None:
        self.random = random.Random(self.seed)
        self.chain = ChainModel(self.network.ledger.header.close_time_ms)
        self.sources = {name: ModelSource(self.chain) for name in NAMES}
        self.machines = [self.machine(self, name, self.sources[name]) for name in NAMES]
        self.waiting: list[tuple[Machine, Evidence | EvidenceSignature]] = []
        self.envelopes: dict[bytes, bytes] = {}
        self.results: list[TransactionResult] = []

    def make_signing(self, name: str) -> Signing:
        key, source = make_signer(name), get_account(SOURCE)
        return Signing("deposit", self.network.network_id, source, key.public_key, key.sign)

    def restart(self, number: int) -> None:
        """All that the process held is gone."""
        self.machines[number] = self.machine(self, NAMES[number], self.sources[NAMES[number]])
        self.waiting = [each for each in self.waiting if each[0].name != NAMES[number]]

    def step(self) -> None:
        """Everybody looks, derives and tells; what reached the network is closed."""
        for machine in self.random.sample(self.machines, len(self.machines)):
            machine.follow()
            machine.look()
            self.perform(machine, machine.turn())
        self.deliver()
        self.close()

    def perform(self, machine: Machine, outputs: list[Output]) -> None:
        for each in outputs:
            if isinstance(each, Submit):
                self.envelopes[each.transaction_hash] = each.envelope
            else:
                self._tell(machine, each)

    def _tell(self, machine: Machine, told: Publish) -> None:
        for other in self.machines:
            for record in (told.evidence, told.signature):
                if record is None or self.random.randrange(100) < self.loss:
                    continue
                times = 2 if self.loss and self.random.randrange(10) == 0 else 1
                self.waiting += [(other, record)] * times

    def deliver(self) -> None:
        """In any order; what it makes others say, too."""
        while self.waiting:
            at = self.random.randrange(len(self.waiting))
            machine, record = self.waiting.pop(at)
            machine.signing.take(record)
            if not self.waiting:
                for each in self.machines:
                    self.perform(each, each.turn())

    def close(self, *bodies: tuple[str, Any], interval_ms: int | None = None) -> None:
        """A ledger of what was submitted and may be in it."""
        interval_ms = self.interval_ms if interval_ms is None else interval_ms
        network = self.network
        candidates = [network.admit(each) for each in self.envelopes.values()]
        chosen = [each for each in candidates if network.is_member(each, interval_ms)]
        chosen += [network.prepare(name, body) for name, body in bodies]
        self.envelopes.clear()
        closed = network.close(*chosen, interval_ms=interval_ms)
        self.results += [each.result for each in closed.applied]

    def run(self, steps: int) -> None:
        for _ in range(steps):
            self.step()

    def wait_a_window(self, windows: int = 1) -> None:
        """To the beginning of a later window."""
        close_time_ms = self.network.ledger.header.close_time_ms
        until = (compute_window(close_time_ms) + windows) * 600_000 + 1_000
        self.close(interval_ms=until - close_time_ms)

    def bind(self, name: str) -> str:
        """The address that the account has then."""
        self.close((name, BindExternalSystemAccountId(CHAIN)))
        own = self.network.ledger.state.get_external_account(get_account(name), CHAIN)
        assert own is not None
        return own.address

    def begin(self) -> None:
        """The first checkpoint and a pool of addresses are there."""
        for _ in range(self.chain.confirmations):
            self.chain.mine()
        self.run(4)
        assert self.get_checkpoint() is not None
        assert self.network.ledger.state.get_external_pool(CHAIN, 1) is not None

    def confirm(self, steps: int = 3) -> None:
        """Blocks on top, until what stands in the chain is final; and time to work it off."""
        for _ in range(self.chain.confirmations):
            self.chain.mine()
        self.run(steps)

    def get_checkpoint(self) -> Any:
        return self.network.ledger.state.get_chain_checkpoint(CHAIN)

    def get_amount(self, name: str, asset: str = COIN_ASSET) -> int:
        return self.network.get_amount(name, asset)

    def get_signers(self) -> set[PublicKey]:
        return {get_public_key(name) for name in NAMES}
