"""Settings of the Horizon processor, and the network they name."""

from dataclasses import dataclass
from pathlib import Path

from schemas.generated.common import Hash
from schemas.settings import ConfigError, DatabaseSettings, KafkaSettings, Settings
from streams.ledger.errors import GenesisError
from streams.ledger.genesis import decode_genesis, open_genesis


class HorizonSettings(Settings, frozen=True, kw_only=True):
    """`name`: of this instance, unique in the cluster, for each instance reads everything.

    `ledgers_topic`: of the node that is followed. `peer_topics`: of others, to fill gaps from.
    `rejections_topics`: of the nodes whose rejections are shown. `genesis_file`: the network's.
    """

    name: str
    kafka: KafkaSettings
    database: DatabaseSettings
    genesis_file: str
    ledgers_topic: str
    peer_topics: tuple[str, ...] = ()
    rejections_topics: tuple[str, ...] = ()


@dataclass(slots=True, frozen=True)
class Network:
    """What the trust in every ledger comes from."""

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
