"""How a service reaches its banks and payment gateways."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Annotated, Literal

import msgspec

from processors.psim.banks.desk import BankDesk
from processors.psim.banks.outbox import BucketOutbox, FolderOutbox, HttpOutbox, Outbox
from processors.psim.banks.pain import Payer
from processors.psim.banks.payees import ApiPayees, PayeeSettings
from processors.psim.banks.source import BankSource
from processors.psim.banks.store import BucketStore, FileStore, FolderStore, HttpStore
from processors.psim.chains.shared import FRESH
from processors.psim.gateways.client import GatewayClient
from processors.psim.gateways.desk import GatewayDesk
from processors.psim.gateways.source import GatewaySource
from processors.psim.signing.cosigner import Cosigner
from schemas.settings import BucketSettings, ConfigError, Secret, Settings

Digits = Annotated[int, msgspec.Meta(ge=0, le=18)]
Seconds = Annotated[float, msgspec.Meta(gt=0)]
Number = Annotated[int, msgspec.Meta(ge=1)]


class FileSettings(Settings, frozen=True):
    """Where files lie: one of a `folder`, a `bucket` (below `prefix`) and a `url`."""

    folder: Path | None = None
    bucket: BucketSettings | None = None
    prefix: str = ""
    url: str | None = None


class PayoutSettings(FileSettings, frozen=True, kw_only=True):
    """Where payment files (pain.001) are laid, and in whose name: `holder` of the account, `bic` of
    its bank where the IBAN does not say it. `key`: a bearer token that `url` wants."""

    holder: Annotated[str, msgspec.Meta(min_length=1, max_length=70)]
    bic: str = ""
    key: Secret | None = None


class BankSettings(FileSettings, frozen=True, kw_only=True):
    """`id`: as bank:NAME. Statements lie in a `folder`, in a `bucket` below `prefix`, or at `url`.
    `account` and `currency` as the statements name them; `digits`: the currency's decimals.
    `first`: the number of the first statement that counts. `payouts`: without it the bank pays
    nothing out. All instances agree on all of it but where the files lie. `kind` gateway: a payment
    gateway's interface at `url`, with its `key`; `idempotency_ttl_s`: how long it surely keeps the
    keys of payouts.
    """

    id: str
    kind: Literal["statements", "gateway"] = "statements"
    currency: str = "EUR"
    digits: Digits = 2
    account: str = ""
    first: Number = 1
    key: Secret | None = None
    idempotency_ttl_s: Number = 1_800
    poll_s: Seconds = 30.0
    payouts: PayoutSettings | None = None


class Banks:
    """What one process reads of banks and gateways, by id: once, whoever asks. Raises
    `ConfigError`."""

    def __init__(
        self, settings: Sequence[BankSettings], payees: PayeeSettings | None, instance: str
    ) -> None:
        self._payees, self._instance = payees, instance
        self.settings: Mapping[str, BankSettings] = {each.id: each for each in settings}
        self.sources: Mapping[str, BankSource | GatewaySource] = {
            each.id: _make_source(each) for each in settings
        }

    def make_desks(self, cosigner: Cosigner | None) -> list[BankDesk | GatewayDesk]:
        """Of those that pay out. Raises `ConfigError`."""
        found: list[BankDesk | GatewayDesk] = []
        for chain_id, source in self.sources.items():
            settings = self.settings[chain_id]
            payees = ApiPayees(self._payees, self._instance)
            if isinstance(source, GatewaySource):
                ttl_ms = settings.idempotency_ttl_s * 1000
                client, currency = _make_client(settings), settings.currency
                found.append(GatewayDesk(source, client, currency, ttl_ms, payees, cosigner))
            elif settings.payouts is not None:
                payer, outbox = _make_payer(settings, settings.payouts), _make_outbox(settings)
                found.append(BankDesk(chain_id, payer, source, outbox, payees, cosigner))
        return found


def _make_source(settings: BankSettings) -> BankSource | GatewaySource:
    if not settings.id.startswith("bank:"):
        raise ConfigError(f"banks: {settings.id}: id must be bank:NAME")
    fresh_s = settings.poll_s * FRESH
    if settings.kind == "gateway":
        return GatewaySource(settings.id, _make_client(settings), settings.currency, fresh_s)
    if not settings.account:
        raise ConfigError(f"banks: {settings.id}: account must be given")
    return BankSource(
        settings.id,
        _make_store(settings),
        settings.account,
        settings.currency,
        settings.digits,
        settings.first,
        fresh_s,
    )


def _make_client(settings: BankSettings) -> GatewayClient:
    if settings.url is None or settings.key is None:
        raise ConfigError(f"banks: {settings.id}: a gateway needs url and key")
    return GatewayClient(settings.url, settings.key.reveal())


def _make_payer(settings: BankSettings, payouts: PayoutSettings) -> Payer:
    return Payer(payouts.holder, settings.account, payouts.bic, settings.currency, settings.digits)


def _make_store(settings: BankSettings) -> FileStore:
    _check_place(settings.id, settings)
    if settings.folder is not None:
        return FolderStore(settings.folder)
    if settings.bucket is not None:
        return BucketStore(settings.bucket, settings.prefix)
    return HttpStore(str(settings.url))


def _make_outbox(settings: BankSettings) -> Outbox:
    place = settings.payouts
    if place is None:
        raise ConfigError(f"banks: {settings.id}: payouts must be given")
    _check_place(f"{settings.id}: payouts", place)
    if place.folder is not None:
        return FolderOutbox(place.folder)
    if place.bucket is not None:
        return BucketOutbox(place.bucket, place.prefix)
    return HttpOutbox(str(place.url), place.key)


def _check_place(name: str, place: FileSettings) -> None:
    given = [place.folder, place.bucket, place.url]
    if sum(each is not None for each in given) != 1:
        raise ConfigError(f"banks: {name}: give one of folder, bucket and url")
