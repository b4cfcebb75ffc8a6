"""The desk of each chain of a process' settings."""

from processors.psim.chains.bitcoin_addresses import Network
from processors.psim.chains.bitcoin_wallet import BitcoinWallet
from processors.psim.chains.ethereum import NAMESPACE
from processors.psim.chains.ethereum_wallet import EthereumWallet
from processors.psim.chains.rpc import JsonRpc
from processors.psim.chains.settings import BITCOIN_CONFIRMATIONS, ChainSettings
from processors.psim.chains.source import ChainSource
from processors.psim.transfers.bitcoin import BitcoinDesk
from processors.psim.transfers.desk import Desk
from processors.psim.transfers.ethereum import EthereumDesk

DEPTH = 2
"""Of Ethereum, whose finalized blocks do not go back."""


def make_desk(settings: ChainSettings, rpc: JsonRpc, source: ChainSource) -> Desk:
    if settings.id.startswith(f"{NAMESPACE}:"):
        key = settings.deployer_key
        raw = None if key is None else bytes.fromhex(key.reveal())
        wallet = EthereumWallet(rpc, int(settings.id.partition(":")[2]), raw)
        return EthereumDesk(settings.id, source, wallet, settings.depth or DEPTH)
    network = Network(settings.id)
    depth = settings.depth or settings.confirmations or BITCOIN_CONFIRMATIONS
    return BitcoinDesk(network, source, BitcoinWallet(network, rpc), depth)
