"""The network that a processor follows: what the trust in every ledger comes from."""

from dataclasses import dataclass
from pathlib import Path

from schemas.generated.common import Hash
from schemas.settings import ConfigError
from streams.ledger.errors import GenesisError
from streams.ledger.genesis import decode_genesis, open_genesis


@dataclass(slots=True, frozen=True)
class Network:
    """The network's id and the pinned hash of its ledger 1."""

    network_id: Hash
    genesis_hash: Hash


def load_network(genesis_file: str) -> Network:
    """Raises `ConfigError`."""
    try:
        opened = open_genesis(decode_genesis(Path(genesis_file).read_bytes()))
    except OSError as error:
        raise ConfigError(
            f"genesis_file: {genesis_file}: {error.strerror}: name the network's genesis file"
        ) from None
    except GenesisError as error:
        raise ConfigError(f"genesis_file: {genesis_file}: {error}") from None
    return Network(opened.closed.header.network_id, opened.closed.header_hash)
