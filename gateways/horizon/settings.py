"""Settings of a Horizon gateway."""

from gateways.http.settings import CorsSettings, LimitSettings
from schemas.settings import DatabaseSettings, KafkaSettings, Settings


class CoreSettings(Settings, frozen=True):
    """This gateway's own core node: its private address, and the file of the token it asks for."""

    url: str
    token_file: str


class HorizonGatewaySettings(Settings, frozen=True):
    """`public_url`: where users reach this gateway; every link begins with it.

    `database`: Horizon's views. `store`: what the gateway remembers itself, shared by all processes
    that serve one `public_url`. `genesis_file`: the network's, the same as the core node's.
    `proxies`: addresses of proxies whose X-Forwarded-For is believed. `cors`: off unless given.
    """

    port: int
    public_url: str
    genesis_file: str
    database: DatabaseSettings
    store: DatabaseSettings
    kafka: KafkaSettings
    core: CoreSettings
    host: str = "127.0.0.1"
    ingest_topic: str = "transactions"
    limits: LimitSettings = LimitSettings()
    cors: CorsSettings | None = None
    proxies: tuple[str, ...] = ()
    streams_max: int = 500
    streams_per_client_max: int = 20
    result_seconds_max: int = 30
