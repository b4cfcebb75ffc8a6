"""Settings of a KeyServer."""

from gateways.http.rate_limits import RateClass
from gateways.http.routes import READS
from gateways.http.settings import GatewaySettings, LimitSettings, Rate
from gateways.sealing.settings import KekSettings
from schemas.settings import KafkaSettings, Secret
from schemas.topics import KEYSERVER_NOTIFICATIONS

ENTRIES, MAILS = "entries", "mails"


class KeyServerLimits(LimitSettings, frozen=True):
    """How often one address may ask all processes: `reads`; `entries`, which try to open something;
    `mails`, which make the server write to somebody. Who guesses is stopped by exact counters.
    """

    reads: Rate = "1000/10 seconds"
    entries: Rate = "300/60 seconds"
    mails: Rate = "60/3600 seconds"

    def get_rate_classes(self) -> tuple[RateClass, ...]:
        return (
            RateClass(READS, per_address=self.reads),
            RateClass(ENTRIES, per_address=self.entries),
            RateClass(MAILS, per_address=self.mails),
        )


class KeyServerSettings(GatewaySettings, frozen=True, kw_only=True):
    """`genesis_file`: the network's. `statement_key`: signs registration statements, hex.
    `notificators`: of whom the key is asked to which messages are sealed; `horizons`: gateways that
    know what the ledger says. All are URLs. `erasers`: keys (G...) that may erase wallets.
    """

    genesis_file: str
    kek: KekSettings
    statement_key: Secret
    kafka: KafkaSettings
    notificators: tuple[str, ...]
    horizons: tuple[str, ...]
    erasers: tuple[str, ...] = ()
    notifications_topic: str = KEYSERVER_NOTIFICATIONS
    limits: KeyServerLimits = KeyServerLimits()
