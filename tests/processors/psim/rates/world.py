"""Three instances of RateSync over a real ledger, with providers that lie, lag and fall silent.

Everything follows from a seed. The oracle reads providers by rules of its own.
"""

import random
from dataclasses import dataclass, field
from fractions import Fraction
from typing import Any

from processors.psim.rates.service import RatesService
from processors.psim.rates.settings import ProviderSettings, RatesSettings, SymbolSettings
from processors.psim.signing.rules import Publish, Signing, Submit
from processors.psim.view import LedgerView
from schemas.generated.common import Price
from schemas.generated.entries import AssetPair
from schemas.generated.events import SignedRateQuote
from schemas.generated.operations import CreateAssetPair, ManageAssetPair
from streams.ledger.windows import compute_window
from tests.processors.psim.world import (
    COIN_ASSET,
    NAMES,
    SOURCE,
    TOKEN_ASSET,
    make_ledger,
    make_signer,
)
from tests.support.network import Network, get_account

PAIR = f"{COIN_ASSET}:{TOKEN_ASSET}"
PROVIDERS = ("poloniex", "coinmarketcap", "kraken", "coinbase", "bitstamp")
SLOT_S, FRESH_S = 10, 25
BAND = Fraction(1, 100)
ROUNDS_TO_JUMP = 3
STEP = 10_000_000  # a tenth
TRUTH = 60_000
NOISE = Fraction(2, 1000)


def make_settings() -> RatesSettings:
    providers = tuple(
        ProviderSettings(name=name, kind="kraken", pairs={PAIR: SymbolSettings(symbol="S")})
        for name in PROVIDERS
    )
    return RatesSettings(
        pairs=(PAIR,),
        providers=providers,
        providers_to_agree=3,
        slot_s=SLOT_S,
        fresh_s=FRESH_S,
        move_percent="0.01",
        refresh_s=SLOT_S,
        rounds_to_jump=ROUNDS_TO_JUMP,
    )


class Machine:
    """One instance. `service_type`: a planted one."""

    def __init__(self, world: "World", name: str) -> None:
        self.world, self.name = world, name
        key = make_signer(name)
        network_id, source = world.network.network_id, get_account(SOURCE)
        self.view = LedgerView(network_id, source)
        self.signing = Signing("rates", network_id, source, key.public_key, key.sign)
        self.service = world.service_type(
            world.settings, key, lambda: self.view, world.tell, lambda: None, world.get_time
        )
        self.is_down = False

    def follow(self) -> None:
        for closed in self.world.network.closed[self.view.sequence :]:
            self.view.fold(closed.header.sequence, closed.header.close_time_ms, closed.body)
            self.signing.note_applied(self.view.applied)

    def hear(self, provider: str, price: Fraction, time_ms: int | None) -> None:
        (watch,) = (each for each in self.service.watches if each.name == provider)
        watch.take(PAIR, price, time_ms)


@dataclass
class World:
    """`at_ms`: by everybody's clock. `quotes`: what was told in this slot."""

    seed: int = 1
    service_type: type[RatesService] = RatesService
    network: Network = field(default_factory=make_ledger)
    settings: RatesSettings = field(default_factory=make_settings)

    def __post_init__(self) -> None:
        self.random = random.Random(self.seed)
        self.quotes: list[SignedRateQuote] = []
        self.at_ms = int(self.network.ledger.header.close_time_ms)
        self.at_ms += 1_000 * SLOT_S - self.at_ms % (1_000 * SLOT_S)
        self.machines = [Machine(self, name) for name in NAMES]
        self.results: list[Any] = []

    def get_time(self) -> float:
        return self.at_ms / 1000

    def tell(self, _: str, quote: SignedRateQuote) -> None:
        self.quotes.append(quote)

    def set_first(self, price: int = TRUTH) -> None:
        """The operator does, whoever he is."""
        action = CreateAssetPair(Price(price, 1), 1, self.at_ms, 3_600_000, STEP)
        self.close_at(("master", ManageAssetPair(COIN_ASSET, TOKEN_ASSET, action)))

    def close_at(
        self, *bodies: tuple[str, Any], envelopes: dict[bytes, bytes] | None = None
    ) -> None:
        """A ledger now, of what was submitted and is a member."""
        network = self.network
        interval_ms = max(self.at_ms - int(network.ledger.header.close_time_ms), 1)
        chosen = [network.admit(each) for each in (envelopes or {}).values()]
        chosen = [each for each in chosen if network.is_member(each, interval_ms)]
        chosen += [network.prepare(name, body) for name, body in bodies]
        closed = network.close(*chosen, interval_ms=interval_ms)
        self.results += [each.result for each in closed.applied]

    def get_pair(self) -> AssetPair:
        pair = self.network.ledger.state.get_asset_pair(COIN_ASSET, TOKEN_ASSET)
        assert pair is not None
        return pair

    def get_price(self) -> Fraction:
        pair = self.get_pair()
        return Fraction(pair.price.numerator, pair.price.denominator)

    def run_slot(self) -> None:
        """Everybody quotes, hears the others, signs; what reached the network is closed."""
        up = [each for each in self.machines if not each.is_down]
        self.quotes.clear()
        for each in up:
            each.follow()
            each.service.quote()
        for each in up:
            for quote in self.random.sample(self.quotes, len(self.quotes)):
                each.service.take(quote)
        self.at_ms += 4_000
        envelopes: dict[bytes, bytes] = {}
        for _ in range(3):
            told: list[Publish] = []
            for each in up:
                window = compute_window(self.at_ms)
                intents = each.service.get_intents(each.view)
                for output in each.signing.step(window, intents, each.view.get_signers()):
                    if isinstance(output, Submit):
                        envelopes[output.transaction_hash] = output.envelope
                    else:
                        told.append(output)
            for each in up:
                for published in told:
                    if published.evidence is not None:
                        each.signing.take(published.evidence)
                    each.signing.take(published.signature)
        self.close_at(envelopes=envelopes)
        self.at_ms += SLOT_S * 1_000 - 4_000
