"""How a service reaches its banks and payment gateways."""

from pathlib import Path
from typing import Annotated, Literal

import msgspec

from processors.psim.banks.source import BankSource
from processors.psim.banks.store import BucketStore, FileStore, FolderStore, HttpStore
from processors.psim.gateways.client import GatewayClient
from processors.psim.gateways.desk import GatewayDesk
from processors.psim.gateways.source import GatewaySource
from processors.psim.signing.cosigner import Cosigner
from schemas.settings import BucketSettings, ConfigError, Secret, Settings

Digits = Annotated[int, msgspec.Meta(ge=0, le=18)]
Seconds = Annotated[float, msgspec.Meta(gt=0)]
Number = Annotated[int, msgspec.Meta(ge=1)]


class BankSettings(Settings, frozen=True):
    """`id`: as bank:NAME. Statements lie in a `folder`, in a `bucket` below `prefix`, or at `url`.
    `account` and `currency` as the statements name them; `digits`: the currency's decimals.
    `first`: the number of the first statement that counts. All instances agree on all of it but
    where the files lie. `kind` gateway: a payment gateway's interface at `url`, with its `key`;
    `idempotency_ttl_s`: how long it surely keeps the keys of payouts.
    """

    id: str
    kind: Literal["statements", "gateway"] = "statements"
    currency: str = "EUR"
    digits: Digits = 2
    account: str = ""
    first: Number = 1
    folder: Path | None = None
    bucket: BucketSettings | None = None
    prefix: str = ""
    url: str | None = None
    key: Secret | None = None
    idempotency_ttl_s: Number = 1_800
    poll_s: Seconds = 30.0


def make_source(settings: BankSettings) -> BankSource | GatewaySource:
    """Raises `ConfigError`."""
    if not settings.id.startswith("bank:"):
        raise ConfigError(f"banks: {settings.id}: id must be bank:NAME")
    if settings.kind == "gateway":
        return GatewaySource(settings.id, make_client(settings), settings.currency)
    if not settings.account:
        raise ConfigError(f"banks: {settings.id}: account must be given")
    return BankSource(
        settings.id,
        _make_store(settings),
        settings.account,
        settings.currency,
        settings.digits,
        settings.first,
    )


def make_client(settings: BankSettings) -> GatewayClient:
    """Raises `ConfigError`."""
    if settings.url is None or settings.key is None:
        raise ConfigError(f"banks: {settings.id}: a gateway needs url and key")
    return GatewayClient(settings.url, settings.key.reveal())


def make_gateway_desk(settings: BankSettings, cosigner: Cosigner | None) -> GatewayDesk:
    """Raises `ConfigError`."""
    ttl_ms = settings.idempotency_ttl_s * 1000
    return GatewayDesk(settings.id, settings.currency, make_client(settings), ttl_ms, cosigner)


def _make_store(settings: BankSettings) -> FileStore:
    given = [settings.folder, settings.bucket, settings.url]
    if sum(each is not None for each in given) != 1:
        raise ConfigError(f"banks: {settings.id}: give one of folder, bucket and url")
    if settings.folder is not None:
        return FolderStore(settings.folder)
    if settings.bucket is not None:
        return BucketStore(settings.bucket, settings.prefix)
    return HttpStore(str(settings.url))
