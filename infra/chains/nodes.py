"""What the test chains' servers are called, and where their programs are once set-up made them."""

from infra.local.folders import PROJECT

FOLDER = PROJECT / ".cache" / "chains"
BTCD, ANVIL, GETH = (FOLDER / "bin" / each for each in ("btcd", "anvil", "geth"))
CONTRACTS = FOLDER / "contracts.json"
SETUP = PROJECT / "infra" / "chains" / "setup.sh"
BITCOIN, ETHEREUM = "btcd", "anvil"
"""The names of their rows, ports and secrets."""
BITCOIN_CHAIN_ID = "bip122:683e86bd5c6d110d91b94b97137ba6bf"  # btcd's simnet
ETHEREUM_CHAIN_ID = "eip155:31337"
RPC_USER = "tokend"
