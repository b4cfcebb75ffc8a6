"""A core node's settings file (see `schemas.settings`)."""

from pathlib import Path
from typing import Literal

from schemas.settings import BucketSettings, DatabaseSettings, KafkaSettings, Settings


class PeerSettings(Settings, frozen=True):
    """Another node: `node_id` is G..., `address` HOST:PORT of its overlay."""

    name: str
    node_id: str
    address: str


class OverlaySettings(Settings, frozen=True):
    """`listen` is HOST:PORT."""

    listen: str
    peers: tuple[PeerSettings, ...] = ()


class HttpSettings(Settings, frozen=True):
    """The private port for the node's own Horizon. `token_file` holds the bearer token."""

    listen: str
    token_file: Path


class ArchiveSettings(Settings, frozen=True):
    """Where the node's history goes. `bucket`: its own; `others`: of the network, to catch up from.

    `keep`: so many of the newest ledgers stay in the database when they are archived;
    `snapshot_ledgers`: a snapshot of the state is written after so many ledgers. `catch_up`: how a
    node with an empty database begins: by a snapshot, or by closing all ledgers again.
    """

    bucket: BucketSettings
    others: tuple[BucketSettings, ...] = ()
    keep: int = 17_280
    snapshot_ledgers: int = 2_048
    catch_up: Literal["minimal", "complete"] = "minimal"

    def get_buckets(self) -> tuple[BucketSettings, ...]:
        """All archives that can be read, the node's own last: the others' may be newer."""
        return (*self.others, self.bucket)


class CoreSettings(Settings, frozen=True):
    """One node. `seed_file` holds its S... seed; `genesis_file` is the network's.

    `workers`: processes that verify signatures. `is_flooding`: tell peers of transactions; off
    where all nodes read one Kafka cluster, so that nothing is told twice.
    """

    name: str
    seed_file: Path
    genesis_file: Path
    database: DatabaseSettings
    kafka: KafkaSettings
    overlay: OverlaySettings
    http: HttpSettings
    archive: ArchiveSettings | None = None
    workers: int = 1
    transactions_max: int = 8_000
    is_flooding: bool = True
