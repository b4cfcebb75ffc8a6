"""Settings of a PSIM process: its services, as whom it signs, and which chains it asks."""

from typing import Annotated, Literal

import msgspec

from processors.ledger_feed.settings import FeedSettings
from processors.psim.banks.payees import PayeeSettings
from processors.psim.banks.settings import BankSettings
from processors.psim.chains.pkcs11_signer import ModuleSettings
from processors.psim.chains.settings import ChainSettings
from processors.psim.rates.settings import RatesSettings
from schemas.settings import Secret, Settings

ServiceName = Literal["deposit", "withdraw", "funnel", "reserves", "rates"]
Seconds = Annotated[float, msgspec.Meta(gt=0)]


class HttpSettings(Settings, frozen=True):
    """The private port: HOST:PORT, and the bearer token that all but /health wants."""

    listen: str
    token: Secret


class PsimSettings(FeedSettings, frozen=True, kw_only=True):
    """`seed`: of the key that this instance signs with, a signer of the account `source` that all
    instances share. `suspense`: the account that parked deposits are issued to. `chains`: each by
    an endpoint of this instance's own. `poll_s`: between looks at a chain. `banks`: banks and
    payment gateways; `payees`: who says whom banks pay. `rates`: without it no prices
    are set. `cosigner_seed`: of the account from which it signs external transfers, and
    `wallet_seed`, 32 bytes in hexadecimal, of its keys to the wallets on chains; without them it
    signs none. `module`: a security
    module that holds its key on Ethereum instead. `batch_s`: how long a withdrawal
    waits for others that go with it.
    """

    http: HttpSettings
    seed: Secret
    source: str
    suspense: str
    services: tuple[ServiceName, ...] = ("deposit",)
    chains: tuple[ChainSettings, ...] = ()
    banks: tuple[BankSettings, ...] = ()
    payees: PayeeSettings | None = None
    poll_s: Seconds = 2.0
    rates: RatesSettings | None = None
    cosigner_seed: Secret | None = None
    wallet_seed: Secret | None = None
    module: ModuleSettings | None = None
    batch_s: Annotated[float, msgspec.Meta(ge=0)] = 10.0
