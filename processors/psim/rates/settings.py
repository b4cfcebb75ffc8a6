"""How rates are synchronised: pairs, providers, and what all instances must agree on."""

from collections.abc import Mapping
from typing import Annotated, Literal
from urllib.parse import urlsplit

import msgspec

from processors.psim.rates.numbers import read_percent
from processors.psim.rates.providers import PROVIDERS, JsonPath, Shape, make_json_shape
from processors.psim.rates.rules import Terms
from schemas.settings import ConfigError, Secret, Settings
from streams.ledger.values import is_asset_code

Seconds = Annotated[float, msgspec.Meta(gt=0, le=86_400)]
Count = Annotated[int, msgspec.Meta(ge=1, le=1_000)]


class SymbolSettings(Settings, frozen=True):
    """What a provider calls a pair. `is_inverted`: its price is that of the quote in the base."""

    symbol: str
    is_inverted: bool = False


class ProviderSettings(Settings, frozen=True):
    """One provider. `kind`: what its answers look like; `url` replaces the public one, and must be
    given for json. `pairs`: by BASE:QUOTE. `path`, `price`, `time`, `unit`, `key_header`: of json,
    see `JsonPath`."""

    name: str
    kind: Literal["poloniex", "coinmarketcap", "kraken", "coinbase", "bitstamp", "json"]
    pairs: Mapping[str, SymbolSettings]
    url: str | None = None
    key: Secret | None = None
    period_s: Seconds = 20.0
    timeout_s: Seconds = 5.0
    path: str = ""
    price: str = "price"
    time: str | None = None
    unit: Literal["s", "ms", "iso"] = "ms"
    key_header: str | None = None


class RatesSettings(Settings, frozen=True):
    """All but the providers' keys, URLs and times must be equal in all instances. `pairs`: as
    BASE:QUOTE, each on the ledger already, because the first price is an operator's. Percentages
    are texts, as "0.5". See `Terms` and `agreement` for the rest."""

    pairs: tuple[str, ...]
    providers: tuple[ProviderSettings, ...]
    providers_to_agree: Count = 2
    slot_s: Count = 60
    fresh_s: Seconds = 90.0
    band_percent: str = "1"
    move_percent: str = "0.1"
    refresh_s: Seconds = 600.0
    rounds_to_jump: Count = 5

    def get_terms(self) -> Terms:
        """Raises `ConfigError`."""
        try:
            band, move = read_percent(self.band_percent), read_percent(self.move_percent)
        except ValueError as error:
            raise ConfigError(f"rates: {error}") from None
        return Terms(band, move, int(self.refresh_s * 1000), self.rounds_to_jump)

    def check(self) -> None:
        """Raises `ConfigError`."""
        names = [each.name for each in self.providers]
        if len(set(names)) != len(names):
            raise ConfigError("rates: two providers have one name")
        for pair in self.pairs:
            read_pair(pair)
            count = sum(pair in each.pairs for each in self.providers)
            if count < self.providers_to_agree:
                raise ConfigError(
                    f"rates: {pair} has {count} providers, of which {self.providers_to_agree} must"
                    " agree: name more, or lower providers_to_agree"
                )
        for provider in self.providers:
            make_shape(provider)
            for pair in provider.pairs:
                if pair not in self.pairs:
                    raise ConfigError(f"rates: {provider.name}: {pair} is not among the pairs")


def read_pair(text: str) -> tuple[str, str]:
    """Base and quote. Raises `ConfigError`."""
    base, _, quote = text.partition(":")
    if not is_asset_code(base) or not is_asset_code(quote) or base == quote:
        raise ConfigError(f"rates: {text!r} is no pair: write it as BTC:EUR")
    return base, quote


def make_shape(provider: ProviderSettings) -> Shape:
    """Raises `ConfigError`."""
    if provider.kind == "json":
        stated = JsonPath(
            provider.path, provider.price, provider.time, provider.unit, provider.key_header
        )
        shape = make_json_shape(stated)
    else:
        shape = PROVIDERS[provider.kind]
    url = provider.url or shape.url
    if urlsplit(url).scheme not in ("http", "https") or not urlsplit(url).netloc:
        raise ConfigError(f"rates: {provider.name}: url must be an address of http or https")
    return shape._replace(url=url.rstrip("/"))
