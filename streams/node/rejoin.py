"""Coming back from archives: a snapshot that the chain proves, then ledgers closed again. Shell.

Used by a node that begins with nothing, and by `tokend catchup`. What is done is durable ledger by
ledger, so that it goes on where it was stopped.
"""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Protocol

import structlog

from streams.archive.archive import Archive
from streams.archive.bucket import ArchiveUnavailable
from streams.archive.checkpoint import DamagedArchive
from streams.archive.history import UNUSABLE, History, HistoryUnavailable, Report
from streams.archive.layout import ManifestName
from streams.archive.snapshot import SnapshotRows, hold, make_ledger, read_snapshot
from streams.herder.catch_up import close_again
from streams.herder.outputs import Commit
from streams.ledger.chain import ChainPosition, VerifiedLedger
from streams.ledger.close import Ledger
from streams.node.config import ArchiveSettings
from streams.node.store import Store

REPORT_S = 5.0

log = structlog.get_logger()


class Installable(Protocol):
    """What can begin with a snapshot: a node's `Store`, or the simulator's disk."""

    def install(self, verified: VerifiedLedger, rows: SnapshotRows) -> None: ...


@contextmanager
def open_history(settings: ArchiveSettings, position: ChainPosition) -> Iterator[History]:
    history = History([Archive(each) for each in settings.get_buckets()], position)
    try:
        yield history
    finally:
        history.close()


def get_position(ledger: Ledger) -> ChainPosition:
    """Where the chain stands after the ledger."""
    header = ledger.header
    quorum_set = ledger.state.get_validators().quorum_set
    return ChainPosition(
        header.network_id, header.sequence, ledger.header_hash, header.close_time_ms, quorum_set
    )


def install_snapshot(
    store: Installable, history: History, last: int, report: Report = lambda *_: None
) -> Ledger | None:
    """Puts the newest snapshot up to ledger `last`, if it is newer than the history's position, in
    the place of the store's state. None: there is none that is true. Raises `HistoryUnavailable`.
    """
    start = history.position
    for archive, name in _find_snapshots(history, last):
        if name.sequence <= start.sequence:
            return None
        history.position = start
        try:
            manifest = archive.open_snapshot(name)
            history.follow(name.sequence - 1, report)
            (verified,) = history.read_on(name.sequence)
            rows = hold(read_snapshot(manifest, archive.read))
            ledger = make_ledger(rows, verified.header, verified.header_hash)
        except UNUSABLE as error:
            log.warning("snapshot_unusable", archive=archive.name, reason=str(error))
            continue
        store.install(verified, rows)
        return ledger
    history.position = start
    return None


def _find_snapshots(history: History, last: int) -> list[tuple[Archive, ManifestName]]:
    """The newest first."""
    found: list[tuple[Archive, ManifestName]] = []
    for archive in history.archives:
        try:
            found += [(archive, name) for name in archive.find_snapshots(last)]
        except ArchiveUnavailable as error:
            log.warning("archive_unusable", archive=archive.name, reason=str(error))
    return sorted(found, key=lambda each: -each[1].sequence)


def replay(
    store: Store, ledger: Ledger, history: History, last: int, report: Report = lambda *_: None
) -> Ledger:
    """Closes the ledgers up to `last` again. Raises `HistoryUnavailable`, and `InvariantViolation`
    when a true ledger comes out differently here.
    """
    for verified in history.read_on(last):
        quorum_set = ledger.state.get_validators().quorum_set
        closed = close_again(ledger, quorum_set, verified.record)
        store.commit(Commit(closed, None, verified.record.certificate), {})
        report(verified.header.sequence, last)
    return ledger


def begin(store: Store, ledger: Ledger, settings: ArchiveSettings) -> Ledger:
    """For a node whose database is empty: by the newest snapshot, if there is one. Archives that
    cannot be read now hold nothing up: the ledgers come later, from them or from peers.
    """
    if settings.catch_up == "complete":
        return ledger
    try:
        with open_history(settings, get_position(ledger)) as history:
            newest = history.find_newest()
            tell = make_reporter("following_headers")
            installed = install_snapshot(store, history, newest, tell)
    except (HistoryUnavailable, DamagedArchive) as error:
        log.warning("begins_without_archive", reason=str(error))
        return ledger
    if installed is None:
        return ledger
    log.info("snapshot_installed", sequence=installed.header.sequence, newest=newest)
    return installed


def make_reporter(what: str, tell: Callable[..., object] = log.info) -> Report:
    """Tells progress and what time is left, every `REPORT_S`."""
    began = told = time.monotonic()
    first: int | None = None

    def report(sequence: int, last: int) -> None:
        nonlocal told, first
        now = time.monotonic()
        first = sequence if first is None else first
        if now - told < REPORT_S and sequence < last:
            return
        told = now
        done = sequence - first
        eta_s = (now - began) / done * (last - sequence) if done else None
        tell(what, sequence=sequence, target=last, eta_s=None if eta_s is None else round(eta_s))

    return report
