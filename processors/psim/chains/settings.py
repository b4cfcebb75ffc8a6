"""How a service reaches its chains, and the source that reads one."""

from typing import Annotated

import msgspec

from processors.psim.chains.bitcoin import BitcoinSource
from processors.psim.chains.bitcoin_addresses import Network
from processors.psim.chains.ethereum import NAMESPACE, EthereumSource
from processors.psim.chains.rpc import JsonRpc
from processors.psim.chains.shared import TipSource
from schemas.settings import ConfigError, Secret, Settings

Count = Annotated[int, msgspec.Meta(ge=1)]
BITCOIN_CONFIRMATIONS = 6


class ChainSettings(Settings, frozen=True):
    """`id`: by CAIP-2. `url`: of the endpoint's JSON-RPC, whose path may hold a provider's key.
    `confirmations`: how many blocks make one final, itself counted; without it six on Bitcoin, and
    on Ethereum what the chain calls finalized. All services of a network agree on it.
    `deployer_key`: in hexadecimal, of an account on Ethereum whose coins pay for forwarders and for
    sending transfers. `depth`: how many blocks above its own the outcome of a transfer needs to be
    final before it is forgotten; without it as many as make a block final.
    """

    id: str
    url: Secret
    user: str | None = None
    password: Secret | None = None
    confirmations: Count | None = None
    deployer_key: Secret | None = None
    depth: Count | None = None


def make_rpc(settings: ChainSettings) -> JsonRpc:
    password = None if settings.password is None else settings.password.reveal()
    return JsonRpc(settings.url.reveal(), settings.user, password)


def make_source(settings: ChainSettings, rpc: JsonRpc) -> TipSource:
    """Raises `ConfigError`."""
    try:
        if settings.id.startswith(f"{NAMESPACE}:"):
            key = settings.deployer_key
            raw = None if key is None else bytes.fromhex(key.reveal())
            return EthereumSource(settings.id, rpc, settings.confirmations, raw)
        confirmations = settings.confirmations or BITCOIN_CONFIRMATIONS
        return BitcoinSource(Network(settings.id), rpc, confirmations)
    except ValueError as error:
        raise ConfigError(f"chains: id: {error}") from None
