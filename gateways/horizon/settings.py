"""Settings of a Horizon gateway."""

from gateways.http.rate_limits import RateClass
from gateways.http.routes import READS
from gateways.http.settings import GatewaySettings, LimitSettings, Rate
from schemas.settings import DatabaseSettings, KafkaSettings, Settings

SUBMISSIONS = "submissions"


class CoreSettings(Settings, frozen=True):
    """This gateway's own core node: its private address, and the file with the token for it."""

    url: str
    token_file: str


class HorizonLimits(LimitSettings, frozen=True):
    """`reads`, `submissions`: how often one address may ask all processes of the gateway."""

    reads: Rate = "1000/10 seconds"
    submissions: Rate = "500/10 seconds"

    def get_rate_classes(self) -> tuple[RateClass, ...]:
        return (
            RateClass(READS, per_address=self.reads),
            RateClass(SUBMISSIONS, per_address=self.submissions),
        )


class HorizonGatewaySettings(GatewaySettings, frozen=True, kw_only=True):
    """`database`: Horizon's views. `genesis_file`: the network's, the same as the core node's.
    `proof_readers`: keys (G...) that may ask for proofs of roles and rules of any account.
    """

    genesis_file: str
    database: DatabaseSettings
    kafka: KafkaSettings
    core: CoreSettings
    ingest_topic: str = "transactions"
    proof_readers: tuple[str, ...] = ()
    limits: HorizonLimits = HorizonLimits()
    streams_max: int = 500
    streams_per_client_max: int = 20
    result_seconds_max: int = 30
