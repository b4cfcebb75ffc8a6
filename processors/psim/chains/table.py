"""The adapters, by the namespace of a chain's id."""

from processors.psim.chains.adapter import ChainAdapter, NoChainAdapter
from processors.psim.chains.bank import BankAdapter

ADAPTERS: dict[str, ChainAdapter] = {"bank": BankAdapter()}


def get_adapter(chain_id: str) -> ChainAdapter:
    """Raises `NoChainAdapter`."""
    adapter = ADAPTERS.get(chain_id.partition(":")[0])
    if adapter is None:
        raise NoChainAdapter(chain_id)
    return adapter
