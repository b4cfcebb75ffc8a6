"""Settings of an API gateway."""

from typing import Annotated

import msgspec

from gateways.http.rate_limits import RateClass
from gateways.http.routes import READS
from gateways.http.settings import Count, GatewaySettings, LimitSettings, Rate
from gateways.sealing.settings import KekSettings
from schemas.settings import BucketSettings, DatabaseSettings, KafkaSettings, Secret, Settings

REGISTRATIONS, WRITES = "registrations", "writes"
Hex32 = Annotated[str, msgspec.Meta(pattern="^[0-9a-f]{64}$")]


class HorizonSettings(Settings, frozen=True):
    """A gateway. `public_url`: for which requests are signed, if `url` is another way."""

    url: str
    public_url: str | None = None


class PrivateSettings(Settings, frozen=True):
    """The private port: HOST:PORT, and the bearer tokens of the Notificator, and of who pays out to
    payout accounts."""

    listen: str
    token: Secret
    payout_token: Secret | None = None


class NotificatorSettings(Settings, frozen=True):
    """The Notificator's private ports: the first that answers is asked."""

    urls: tuple[str, ...]
    token: Secret


class ErasureSettings(Settings, frozen=True):
    """Who else erases what is known of an account, when the registrar's key asks."""

    keychains: tuple[HorizonSettings, ...] = ()
    keyservers: tuple[HorizonSettings, ...] = ()


class ApiLimits(LimitSettings, frozen=True):
    """`reads`, `writes`, `registrations`: how often one address may ask all processes."""

    reads: Rate = "500/10 seconds"
    writes: Rate = "200/10 seconds"
    registrations: Rate = "100/10 seconds"

    def get_rate_classes(self) -> tuple[RateClass, ...]:
        return (
            RateClass(READS, per_address=self.reads),
            RateClass(WRITES, per_address=self.writes, per_key=self.writes),
            RateClass(REGISTRATIONS, per_address=self.registrations),
        )


class QuotaSettings(Settings, frozen=True):
    """What one account may store: blobs and their bytes, settings, people, payout accounts."""

    blobs: Count = 1_000
    bytes: Count = 100 * 1024 * 1024
    settings: Count = 100
    people: Count = 1_000
    payout_accounts: Count = 100


class ApiGatewaySettings(GatewaySettings, frozen=True, kw_only=True):
    """`name`: of this instance; `store` is shared by all. `horizon`: in the order in which they are
    asked. `genesis_file`: the network's. `registrar_seed`: of the signer of the master account that
    creates accounts. `statement_keys`: the KeyServer's, G...; the newest and those it had before.
    `kek`: seals addresses.
    `documents`: the bucket; `documents_url`: where users reach its server, if elsewhere. `cases`:
    the database of the projection of KYC cases, which is only read. `callbacks`: payment gateways
    (bank:NAME) whose webhooks are taken.
    """

    name: str
    genesis_file: str
    horizon: tuple[HorizonSettings, ...]
    registrar_seed: Secret
    kek: KekSettings
    statement_keys: Annotated[tuple[Hex32, ...], msgspec.Meta(min_length=1)]
    documents: BucketSettings
    kafka: KafkaSettings
    private: PrivateSettings
    notificators: NotificatorSettings
    documents_url: str | None = None
    notifications_topic: str = "api.notifications"
    kyc_topic: str = "kyc.events"
    callbacks: tuple[str, ...] = ()
    callbacks_topic: str = "gateway.callbacks"
    cases: DatabaseSettings | None = None
    erasure: ErasureSettings = ErasureSettings()
    limits: ApiLimits = ApiLimits()
    quotas: QuotaSettings = QuotaSettings()
