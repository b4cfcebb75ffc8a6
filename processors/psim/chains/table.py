"""The adapters, by the namespace of a chain's id."""

from collections.abc import Callable
from functools import lru_cache

from processors.psim.chains.adapter import ChainAdapter, NoChainAdapter
from processors.psim.chains.bank import BankAdapter
from processors.psim.chains.bitcoin_transfers import BitcoinAdapter
from processors.psim.chains.ethereum_transfers import EthereumAdapter

ADAPTERS: dict[str, Callable[[str], ChainAdapter]] = {
    "bank": lambda _: BankAdapter(),
    "bip122": BitcoinAdapter,
    "eip155": EthereumAdapter,
}


@lru_cache(maxsize=64)
def get_adapter(chain_id: str) -> ChainAdapter:
    """Raises `NoChainAdapter`."""
    make = ADAPTERS.get(chain_id.partition(":")[0])
    if make is None:
        raise NoChainAdapter(chain_id)
    try:
        return make(chain_id)
    except ValueError:
        raise NoChainAdapter(chain_id) from None
