"""Settings of a KeyChain."""

from gateways.http.rate_limits import RateClass
from gateways.http.routes import READS
from gateways.http.settings import Count, GatewaySettings, LimitSettings, Rate
from gateways.sealing.settings import KekSettings
from schemas.settings import Secret, Settings

KEYS = "keys"


class HorizonSettings(Settings, frozen=True):
    """A Horizon gateway of its own. `public_url`: for which requests are signed."""

    url: str
    public_url: str | None = None


class KeyChainLimits(LimitSettings, frozen=True):
    """`reads`, `keys`: how often one address may ask all processes, and one key for keys."""

    reads: Rate = "500/10 seconds"
    keys: Rate = "300/10 seconds"

    def get_rate_classes(self) -> tuple[RateClass, ...]:
        return (
            RateClass(READS, per_address=self.reads),
            RateClass(KEYS, per_address=self.keys, per_key=self.keys),
        )


class ApartSettings(Settings, frozen=True):
    """What API uses, which the KeyChain must not: nodes by their keys (G...), and its PostgreSQL by
    the system identifier that `pg_controldata` shows; without one it is not compared."""

    nodes: tuple[str, ...]
    database_system: str | None = None


class KeyChainSettings(GatewaySettings, frozen=True, kw_only=True):
    """`reader_seed`: the key by which it asks its Horizon, that is among its `proof_readers`.
    `keys_max`: of one account. `bulk`: how many keys an administrator gets in an hour by himself;
    a second person can allow `bulk` more at a time. `machines`: signers (G...) that look at what
    people hand in, and get `machine_bulk` keys in an hour.
    """

    genesis_file: str
    horizon: tuple[HorizonSettings, ...]
    reader_seed: Secret
    kek: KekSettings
    apart_from: ApartSettings
    limits: KeyChainLimits = KeyChainLimits()
    keys_max: Count = 2_000
    bulk: Count = 30
    machines: tuple[str, ...] = ()
    machine_bulk: Count = 1_000
