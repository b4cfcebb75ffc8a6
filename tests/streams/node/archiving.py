"""A node's database that follows a network in memory, and what archives it: all real."""

from collections.abc import Callable
from contextlib import ExitStack
from copy import copy
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import msgspec

from infra.local.migrations import apply_migrations
from schemas.generated.common import Hash
from schemas.settings import BucketSettings, DatabaseSettings, Secret
from streams.archive.archive import Archive
from streams.herder.catch_up import close_again
from streams.herder.outputs import Commit
from streams.ledger.close import ClosedLedger
from streams.ledger.genesis import open_genesis
from streams.ledger.hashes import compute_hash
from streams.node.archive_worker import Publication, WorkerSettings, open_publication, run
from streams.node.config import ArchiveSettings
from streams.node.store import Store
from tests.support.network import Network, create_account, make_genesis
from tests.support.object_store import ObjectStore

MIGRATIONS = Path("streams/node/migrations")


@dataclass
class ArchivedNode:
    """`url`: an empty database."""

    url: str
    folder: Path
    bucket: BucketSettings
    network: Network = field(default_factory=Network)
    events: list[dict[str, Any]] = field(default_factory=list)
    stack: ExitStack = field(default_factory=ExitStack)
    store: Store = field(init=False)

    def __post_init__(self) -> None:
        apply_migrations(self.url, MIGRATIONS)
        (self.folder / "genesis.json").write_bytes(msgspec.json.encode(make_genesis()))
        self.opened = open_genesis(make_genesis())
        self.store = Store(self.url)
        self.stack.callback(self.store.close)
        self.commit(self.opened.closed)

    def commit(self, closed: ClosedLedger) -> None:
        record = self.network.records[closed.header.sequence - 1]
        self.store.commit(Commit(closed, None, record.certificate), {})

    def follow(self, network: Network) -> None:
        """Takes over a network that has closed ledgers already, by closing them again."""
        self.network = network
        ledger = open_genesis(make_genesis()).ledger
        quorum_set = ledger.state.get_validators().quorum_set
        for record in network.records[1:]:
            self.commit(close_again(ledger, quorum_set, record))

    def close(self, count: int, transactions: int = 0) -> None:
        """So many ledgers, in the last of which so many accounts are made."""
        for number in range(count):
            made = transactions if number == count - 1 else 0
            names = [f"{self.network.ledger.header.sequence} {each}" for each in range(made)]
            candidates = [self.network.prepare("master", create_account(n)) for n in names]
            self.commit(self.network.close(*candidates))

    def get_settings(self, others: tuple[BucketSettings, ...] = (), **changes: Any) -> Any:
        return WorkerSettings(
            database=DatabaseSettings(url=Secret(self.url)),
            archive=ArchiveSettings(bucket=self.bucket, others=others, **changes),
            genesis_file=self.folder / "genesis.json",
        )

    def open(self, others: tuple[BucketSettings, ...] = (), **changes: Any) -> Publication:
        """Closed with the node."""
        opening = open_publication(self.get_settings(others, **changes), self.events.append)
        return self.stack.enter_context(opening)

    def publish(self, others: tuple[BucketSettings, ...] = (), **changes: Any) -> None:
        """All that is due."""
        with open_publication(self.get_settings(others, **changes), self.events.append) as opened:
            run(opened, idle_s=0.1)

    def open_archive(self) -> Archive:
        archive = Archive(self.bucket)
        self.stack.callback(archive.close)
        return archive

    def get_header_hash(self, sequence: int) -> Hash:
        """Of one of the network's ledgers."""
        return compute_hash(self.network.records[sequence - 1].header)

    def copy_archive(
        self, object_store: ObjectStore, is_wanted: Callable[[str], bool]
    ) -> "ArchivedNode":
        """Another node's that has some of this one's objects."""
        bucket = object_store.create_bucket("copy")
        for key in object_store.list_keys(self.bucket):
            if is_wanted(key):
                place = {"Bucket": self.bucket.bucket, "Key": key}
                object_store.client.copy_object(Bucket=bucket.bucket, Key=key, CopySource=place)
        other = copy(self)
        other.bucket = bucket
        return other

    def close_all(self) -> None:
        self.stack.close()

    def get_events(self, kind: str) -> list[dict[str, Any]]:
        return [each for each in self.events if each["event"] == kind]
