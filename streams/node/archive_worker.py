"""Publishes a node's history to its archive: a process beside the node, `python -m` this. Shell.

So it never delays the closing of a ledger. The node hands it the settings by a pipe and reads what
it says, a line of JSON an event. It ends when there has been nothing to do for a while; the node
starts it again. All it knows stands in the database and in the archive.
"""

import json
import os
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psycopg
import structlog

from schemas.generated.archive import Checkpoint, ObjectKind, Snapshot
from schemas.generated.common import Hash
from schemas.settings import DatabaseSettings, Settings, parse_settings
from streams.archive.archive import Archive
from streams.archive.bucket import ArchiveUnavailable
from streams.archive.checkpoint import ArchivedLedger, DamagedArchive, make_checkpoint
from streams.archive.history import History, HistoryUnavailable
from streams.archive.layout import CHECKPOINT_LEDGERS
from streams.archive.snapshot import make_snapshot_objects
from streams.kill_points import kill_points
from streams.ledger.chain import ChainPosition
from streams.ledger.errors import InvariantViolation
from streams.ledger.genesis import GENESIS_SEQUENCE, decode_genesis, open_genesis
from streams.node.archive_source import ArchiveSource
from streams.node.config import ArchiveSettings

IDLE_S = 20.0
LOOK_S = 0.5
AGAIN_S, AGAIN_MAX_S = 1.0, 30.0

Tell = Callable[[dict[str, Any]], None]


class WorkerSettings(Settings, frozen=True):
    """What the node hands over of its own settings."""

    database: DatabaseSettings
    archive: ArchiveSettings
    genesis_file: Path


@dataclass
class Publication:
    """The work, with what it works on. `genesis`: where all trust begins. `tell`: takes events.
    `open_others`: the archives of others, if it turns out that they are needed. `checkpoint`: how
    many ledgers each has."""

    source: ArchiveSource
    archive: Archive
    settings: ArchiveSettings
    genesis: ChainPosition
    tell: Tell
    open_others: Callable[[], Sequence[Archive]] = tuple
    checkpoint: int = CHECKPOINT_LEDGERS
    failures: int = 0

    def begin(self) -> None:
        """What the archive has counts, not what the database remembers of it: the archive may have
        been lost, or the database. Raises `ArchiveUnavailable`.
        """
        newest = self.archive.find_newest_checkpoint()
        if newest is not None:
            manifest = self.archive.open_checkpoint(newest)
            if manifest.network_id != self.genesis.network_id:
                raise DamagedArchive(f"{self.archive.name} is the archive of another network")
        self.source.set_archived(0 if newest is None else newest.sequence)
        snapshots = self.archive.find_snapshots()
        self.source.set_snapshot(snapshots[0].sequence if snapshots else 0)
        self.tell({"event": "begun", "archived": 0 if newest is None else newest.sequence})

    def publish_next(self) -> bool:
        """The next checkpoint, if all its ledgers are certified. Raises `ArchiveUnavailable`."""
        state = self.source.get_state()
        first, last = state.archived + 1, state.archived + self.checkpoint
        if state.certified < last:
            return False
        began = time.monotonic()
        kill_points.note("before-archive")
        size = 0
        for made in make_checkpoint(self.genesis.network_id, self._get_ledgers(first, last)):
            if isinstance(made, Checkpoint):
                self._check_range(made, first, last)
                kill_points.note("before-manifest")
                self.archive.write_checkpoint(made)
            else:
                self.archive.write(made)
                size += len(made.data)
                kill_points.note("within-archive")
        kill_points.note("after-manifest")
        self.source.set_archived(last)
        ms = round((time.monotonic() - began) * 1000)
        self.tell({"event": "archived", "archived": last, "ms": ms, "bytes": size})
        return True

    def _get_ledgers(self, first: int, last: int) -> Iterator[ArchivedLedger]:
        """From the database; where it began later, from the archives of others, verified."""
        if self.source.has_all(first, last):
            return (
                ledger
                for sequence in range(first, last + 1)
                if (ledger := self.source.load_ledger(sequence)) is not None
            )
        return self._get_others_ledgers(first, last)

    def _get_others_ledgers(self, first: int, last: int) -> Iterator[ArchivedLedger]:
        others = self.open_others()
        genesis = self.source.load_ledger(GENESIS_SEQUENCE)
        if first == GENESIS_SEQUENCE and genesis is not None:
            yield genesis
            first += 1
        try:
            yield from History([self.archive, *others], self.genesis).read(first, last)
        finally:
            for other in others:
                other.close()

    def publish_snapshot(self) -> None:
        """Everything after the last ledger. Raises `ArchiveUnavailable`."""
        began = time.monotonic()
        objects = []
        with self.source.open_view() as view:
            for made in make_snapshot_objects(view.rows):
                self.archive.write(made)
                objects.append(made.named)
        manifest = Snapshot(
            self.genesis.network_id, view.sequence, Hash(view.header_hash), tuple(objects)
        )
        self.archive.write_snapshot(manifest)
        self.source.set_snapshot(view.sequence)
        ms = round((time.monotonic() - began) * 1000)
        size = sum(each.size for each in objects)
        self.tell({"event": "snapshot", "sequence": view.sequence, "ms": ms, "bytes": size})

    def is_snapshot_due(self) -> bool:
        state = self.source.get_state()
        return state.newest - state.snapshot >= self.settings.snapshot_ledgers

    def prune(self) -> None:
        """What is archived and old enough leaves the database."""
        state = self.source.get_state()
        last = min(state.archived, state.newest - self.settings.keep)
        if state.oldest <= last:
            removed = self.source.prune(last)
            self.tell({"event": "pruned", "oldest": last + 1, "removed": removed})

    def work(self) -> bool:
        """Whatever is due; whether there was something. Raises `ArchiveUnavailable`."""
        is_busy = self.publish_next()
        if is_busy and self.is_snapshot_due():
            self.publish_snapshot()
        if is_busy:
            self.prune()
        return is_busy

    def _check_range(self, made: Checkpoint, first: int, last: int) -> None:
        counts = {each.kind: each.records for each in made.objects}
        found = (made.first_sequence, made.last_sequence, counts[ObjectKind.HEADERS])
        if found != (first, last, self.checkpoint):
            raise InvariantViolation(f"ledgers {first} to {last} changed while they were archived")


def run(publication: Publication, idle_s: float = IDLE_S) -> None:
    """Until there was nothing to do for `idle_s`. An archive that fails is asked again for ever."""
    publication.tell({"event": "begun", "archived": publication.source.get_state().archived})
    is_begun = False
    idle_since = time.monotonic()
    while time.monotonic() - idle_since < idle_s:
        try:
            if not is_begun:
                publication.begin()
                publication.prune()
                is_begun = True
            if publication.work():
                idle_since = time.monotonic()
            else:
                time.sleep(LOOK_S)
            publication.failures = 0
        except (ArchiveUnavailable, DamagedArchive, HistoryUnavailable) as error:
            publication.failures += 1
            publication.tell({"event": "failed", "reason": str(error)})
            time.sleep(min(AGAIN_S * 2 ** (publication.failures - 1), AGAIN_MAX_S))
            idle_since = time.monotonic()


@contextmanager
def open_publication(settings: WorkerSettings, tell: Tell) -> Iterator[Publication]:
    genesis = open_genesis(decode_genesis(settings.genesis_file.read_bytes()))
    source = ArchiveSource(settings.database.url.reveal())
    archive = Archive(settings.archive.bucket)

    def open_others() -> list[Archive]:
        return [Archive(each) for each in settings.archive.others]

    try:
        yield Publication(source, archive, settings.archive, genesis.position, tell, open_others)
    finally:
        archive.close()
        source.close()


def _say(event: dict[str, Any]) -> None:
    sys.stdout.write(json.dumps(event) + "\n")
    sys.stdout.flush()


def main() -> int:
    kill_points.arm(os.environ)
    # Standard output is for events.
    structlog.configure(logger_factory=structlog.PrintLoggerFactory(sys.stderr))
    settings = parse_settings(WorkerSettings, sys.stdin.buffer.read())
    try:
        with open_publication(settings, _say) as publication:
            run(publication)
    except psycopg.Error as error:
        _say({"event": "failed", "reason": f"database: {error}"})
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
