"""A world in memory: a real ledger, two small chains, three instances of Withdraw and Funnel with
keys of their own, and a bus between them. Everything follows from a seed."""

import random
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from hashlib import sha256
from typing import Any

from processors.psim.chains.bitcoin_addresses import Network as BitcoinNetwork
from processors.psim.chains.signers import (
    SeedSigner,
    make_ethereum_key,
)
from processors.psim.funnel.service import FunnelService
from processors.psim.intents import Service
from processors.psim.signing.cosigner import Cosigner
from processors.psim.signing.rules import Output, Publish, Signing, Submit
from processors.psim.transfers.bitcoin import BitcoinDesk
from processors.psim.transfers.ethereum import EthereumDesk
from processors.psim.view import LedgerView
from processors.psim.withdraw.service import WithdrawService
from schemas.generated.common import (
    U64,
    AccountID,
    Amount,
    BitcoinAddress,
    EthereumAddress,
    EthereumAddressBytes,
    WalletKind,
)
from schemas.generated.entries import ExternalTransfer, TransferPayload
from schemas.generated.events import Evidence, EvidenceSignature
from schemas.generated.operations import (
    AddTransferSignature,
    AdvanceCheckpoint,
    BindExternalSystemAccountId,
    CheckpointChain,
    CreateIssuanceRequest,
    CreatePoolEntry,
    CreateWithdrawalRequest,
    IssuanceToAccount,
    ManageExternalSystemAccountIdPoolEntry,
)
from streams.ledger.windows import compute_window
from tests.processors.psim.money.coin_model import CoinModel, ModelCoinEndpoint
from tests.processors.psim.money.ledger import (
    ASSETS,
    BITCOIN,
    COLD,
    ETHEREUM,
    FUNDS,
    HOT,
    NAMES,
    OFFLINE,
    PERSON,
    SOURCE,
    TOKEN,
    checksum,
    get_seed,
    make_ledger,
)
from tests.processors.psim.money.safe_model import ModelSafeEndpoint, SafeModel
from tests.processors.psim.world import make_signer, now
from tests.support.network import (
    Network,
    get_account,
    make_reference,
)


class BadCosigner(Cosigner):
    """Whose signatures are none."""

    def sign(
        self, view: LedgerView, transfer: ExternalTransfer, keyset: Any, payload: TransferPayload
    ) -> None:
        number, version = transfer.transfer_id, len(transfer.versions)
        self._bring(view, AddTransferSignature(number, version, payload.payload_hash, b"2" * 65))


class Machine:
    """One instance: what a process holds, and nothing else."""

    def __init__(self, world: "World", name: str) -> None:
        self.world = world
        self.name = name
        self.endpoints = {BITCOIN: world.coin_endpoints[name], ETHEREUM: world.safe_endpoints[name]}
        self.start()

    def start(self) -> None:
        """With nothing but the ledger's records and the chains."""
        world, key = self.world, make_signer(self.name)
        self.view = LedgerView(world.network.network_id, get_account(SOURCE))
        self.services: list[tuple[Service, Signing]] = []
        for make in (WithdrawService, FunnelService):
            cosigner = world.make_cosigner(self.name)
            service = make(self.make_desks(), key.public_key, cosigner, 1.0, batch_ms=0)
            signing = Signing(
                service.name,
                world.network.network_id,
                get_account(SOURCE),
                key.public_key,
                key.sign,
            )
            self.services.append((service, signing))
        self.follow()
        self.get_intents()

    def make_desks(self) -> list[Any]:
        coins: Any = self.endpoints[BITCOIN]
        safes: Any = self.endpoints[ETHEREUM]
        return [
            BitcoinDesk(BitcoinNetwork(BITCOIN), coins, coins, 3),
            EthereumDesk(ETHEREUM, safes, safes, 2),
        ]

    def follow(self) -> None:
        for closed in self.world.network.closed[self.view.sequence :]:
            self.view.fold(closed.header.sequence, closed.header.close_time_ms, closed.body)
            for _, signing in self.services:
                signing.note_applied(self.view.applied)

    def get_intents(self) -> list[Any]:
        return [service.get_intents(self.view) for service, _ in self.services]

    def look(self) -> None:
        """At both chains; sends what was confirmed."""
        for service, _ in self.services:
            for desk in service.desks:  # type: ignore[attr-defined]
                now(service.look(desk))  # type: ignore[attr-defined]

    def turn(self) -> list[Output]:
        window = compute_window(self.view.close_time_ms)
        outputs: list[Output] = []
        for service, signing in self.services:
            intents = service.get_intents(self.view)
            outputs += signing.step(window, intents, self.view.get_signers())
        return outputs

    def take(self, told: Evidence | EvidenceSignature) -> None:
        for service, signing in self.services:
            if isinstance(told, EvidenceSignature) or told.service == service.name:
                signing.take(told)
            if isinstance(told, Evidence) and told.service == service.name:
                service.consider(told)


class Asked:
    """A withdrawal that somebody asked for, and where to."""

    def __init__(self, asset: str, amount: int, to: str) -> None:
        self.asset, self.amount, self.to = asset, amount, to


@dataclass
class World:
    """`loss`: how many of a hundred messages are lost. `garbage`: whose signatures are none.
    `steps_max`: after which what is waited for does not come."""

    seed: int = 1
    loss: int = 0
    garbage: str = ""
    machine: type[Machine] = Machine
    network: Network = field(default_factory=make_ledger)
    steps_max: int = 30

    def __post_init__(self) -> None:
        self.random = random.Random(self.seed)
        start_ms = self.network.ledger.header.close_time_ms
        self.coins = CoinModel(start_ms)
        owners = tuple(make_ethereum_key(get_seed(name)) for name in (*NAMES, OFFLINE[0]))
        cold = tuple(make_ethereum_key(get_seed(name)) for name in OFFLINE[1:])
        hot, other = checksum(HOT), checksum(COLD)
        self.safes = SafeModel(start_ms, {hot: owners, other: cold}, hot, other)
        self.coin_endpoints = {name: ModelCoinEndpoint(self.coins) for name in NAMES}
        self.safe_endpoints = {name: ModelSafeEndpoint(self.safes) for name in NAMES}
        self.envelopes: dict[bytes, bytes] = {}
        self.own: dict[bytes, bytes] = {}
        self.waiting: list[tuple[Machine, Evidence | EvidenceSignature]] = []
        self.asked: list[Asked] = []
        self.results: list[Any] = []
        self.addresses: dict[str, str] = {}
        self.machines = [self.machine(self, name) for name in NAMES]
        self.label: Callable[[str], None] = lambda _: None

    # What instances need

    def make_cosigner(self, name: str) -> Cosigner:
        def submit(_: AccountID, envelope: bytes) -> None:
            if self.random.randrange(100) >= self.loss:
                self.own[sha256(envelope).digest()] = envelope

        make = BadCosigner if name == self.garbage else Cosigner
        return make(make_signer(f"{name} cosigner"), SeedSigner(get_seed(name)), submit)

    def restart(self, number: int) -> None:
        self.machines[number] = self.machine(self, NAMES[number])
        self.waiting = [each for each in self.waiting if each[0].name != NAMES[number]]

    def get_time(self) -> float:
        return float(self.network.ledger.header.close_time_ms) / 1000

    def get_now(self) -> datetime:
        return datetime.fromtimestamp(self.get_time(), UTC)

    def get_problems(self) -> list[str]:
        services = (service for machine in self.machines for service, _ in machine.services)
        return [problem for each in services for problem in each.get_status()["problems"]]

    def step(self) -> None:
        """Everybody looks, derives and tells; what reached the network is closed."""
        for machine in self.random.sample(self.machines, len(self.machines)):
            machine.follow()
            machine.look()
            self.label("looked")
            self.perform(machine.turn())
            self.label("derived")
        self.deliver()
        self.label("agreed")
        self.close()

    def perform(self, outputs: Iterable[Output]) -> None:
        for each in outputs:
            if isinstance(each, Submit):
                self.envelopes[each.transaction_hash] = each.envelope
            else:
                self._tell(each)

    def _tell(self, told: Publish) -> None:
        for other in self.machines:
            for record in (told.evidence, told.signature):
                if record is not None and self.random.randrange(100) >= self.loss:
                    self.waiting.append((other, record))

    def deliver(self) -> None:
        while self.waiting:
            machine, record = self.waiting.pop(self.random.randrange(len(self.waiting)))
            machine.take(record)
            if not self.waiting:
                for each in self.machines:
                    self.perform(each.turn())

    def close(self, *bodies: tuple[str, Any], interval_ms: int = 5_000) -> None:
        network = self.network
        admitted = [network.admit(e) for e in (*self.envelopes.values(), *self.own.values())]
        chosen = [each for each in admitted if network.is_member(each, interval_ms)]
        chosen += [network.prepare(name, body) for name, body in bodies]
        self.envelopes.clear()
        self.own.clear()
        closed = network.close(*chosen, interval_ms=interval_ms)
        self.results += [each.result for each in closed.applied]

    def run(self, steps: int) -> None:
        for _ in range(steps):
            self.step()

    def run_until(self, is_true: Callable[[], bool], steps: int | None = None) -> None:
        """Steps and blocks, `steps_max` unless it is said how many."""
        for _ in range(self.steps_max if steps is None else steps):
            if is_true():
                return
            self.step()
            self.mine()
        assert is_true(), [(e.transfer_id, e.state.name, e.outcome) for e in self.get_transfers()]

    def is_over(self) -> bool:
        """Nothing is open, and the person has nothing locked."""
        return not self.get_transfers() and not any(self.get_person(each)[1] for each in ASSETS)

    def wait_a_window(self) -> None:
        close_time_ms = self.network.ledger.header.close_time_ms
        until = (compute_window(close_time_ms) + 1) * 600_000 + 1_000
        self.close(interval_ms=until - close_time_ms)

    # What people do

    def begin(self) -> None:
        """The person has the assets, the hot wallets the coins."""
        self.issue_funds()
        script = BitcoinNetwork(BITCOIN).derive_script(self.get_keyset(BITCOIN), 0)
        self.coins.fund(script, *([FUNDS["BTC"] // 8] * 8))
        hot = checksum(HOT)
        token = checksum(TOKEN)
        self.safes.mine(gifts={(hot, ""): FUNDS["ETH"], (hot, token): FUNDS["USD"]})
        self.mine(3)
        self.run(1)

    def issue_funds(self) -> None:
        network = self.network
        for number, (code, amount) in enumerate(FUNDS.items()):
            reference = make_reference(network, f"funds{number}")
            network.apply(
                SOURCE,
                CreateIssuanceRequest(
                    code,
                    Amount(100 * amount),
                    IssuanceToAccount(get_account(PERSON)),
                    b"",
                    reference,
                    None,
                ),
            )

    def get_keyset(self, chain: str, wallet: WalletKind = WalletKind.HOT) -> Any:
        return self.network.ledger.state.get_keyset(chain, wallet, 1)

    def mine(self, count: int = 1) -> None:
        for _ in range(count):
            self.coins.mine()
            self.safes.mine()

    def ask(self, asset: str, amount: int, to: str | None = None) -> Asked:
        """Each goes to an address of its own."""
        number = len(self.asked)
        name = sha256(f"{self.seed} {number}".encode()).digest()
        destination: Any
        if asset == "BTC":
            to = to or BitcoinNetwork(BITCOIN).encode_address(b"\x00\x14" + name[:20])
            destination = BitcoinAddress(to)
        else:
            to = to or checksum("0x" + name[:20].hex())
            destination = EthereumAddress(EthereumAddressBytes(bytes.fromhex(to[2:])))
        asked = Asked(asset, amount, to)
        balance_id = self.network.get_balance_id(PERSON, asset)
        reference = make_reference(self.network, f"w{number}")
        body = CreateWithdrawalRequest(
            balance_id, Amount(amount), None, destination, reference, b""
        )
        self.close((PERSON, body))
        self.asked.append(asked)
        return asked

    def checkpoint(self) -> None:
        """As Deposit says it of both chains."""
        for chain, model in ((BITCOIN, self.coins), (ETHEREUM, self.safes)):
            found = self.network.ledger.state.get_chain_checkpoint(chain)
            if found is None or found.height < model.final:
                height = U64(model.final)
                block: Any = model.blocks[model.final]
                block_hash = (block[0] if chain == BITCOIN else block.block).block_hash
                body = CheckpointChain(chain, AdvanceCheckpoint(height, block_hash))
                self.close((SOURCE, body))

    def add_addresses(self) -> None:
        """One of each chain, which the person has."""
        network = BitcoinNetwork(BITCOIN)
        keyset = self.get_keyset(BITCOIN, WalletKind.DEPOSIT)
        addresses = {
            BITCOIN: network.derive_address(keyset, 0),
            ETHEREUM: checksum("0x" + "f1" * 20),
        }
        for chain, address in addresses.items():
            body = ManageExternalSystemAccountIdPoolEntry(
                chain, address, CreatePoolEntry(1, U64(0))
            )
            self.close((SOURCE, body))
            self.close((PERSON, BindExternalSystemAccountId(chain)))
        self.addresses = addresses

    # What became of it

    def get_transfers(self) -> list[ExternalTransfer]:
        view = LedgerView(self.network.network_id, get_account(SOURCE))
        for closed in self.network.closed:
            view.fold(closed.header.sequence, closed.header.close_time_ms, closed.body)
        return [each for _, each in sorted(view.transfers.items())]

    def count_payouts(self, asked: Asked) -> int:
        """How often the full amount arrived at its address, by the chain itself."""
        if asked.asset == "BTC":
            script = BitcoinNetwork(BITCOIN).decode_address(asked.to)
            outputs = [o for _, txs in self.coins.blocks for t in txs for o in t.outputs]
            return sum(o.script == script and o.satoshis == asked.amount for o in outputs)
        token = ASSETS[asked.asset][1]
        held = self.safes.get_held().get((asked.to, token and checksum(token)), 0)
        return held // asked.amount

    def get_person(self, asset: str) -> tuple[int, int]:
        """What the person has, and what is locked."""
        balance_id = self.network.get_balance_id(PERSON, asset)
        balance = self.network.ledger.state.get_balance(balance_id)
        assert balance is not None
        return int(balance.amount), int(balance.locked)
