"""Where a service without a store begins: the newest snapshot of any archive that the chain proves,
or the genesis. Shell."""

import structlog

from processors.ledger_feed.network import Network
from processors.psim.view import LedgerView
from schemas.contract import ReferenceKind
from schemas.generated.common import AccountID
from schemas.settings import BucketSettings
from streams.archive.archive import Archive
from streams.archive.bucket import ArchiveUnavailable
from streams.archive.history import UNUSABLE, History, HistoryUnavailable
from streams.archive.layout import ManifestName
from streams.archive.snapshot import hold, make_ledger, read_snapshot
from streams.ledger.chain import ChainPosition, get_genesis_position
from streams.ledger.references import get_bucket

log = structlog.get_logger()
KINDS = (ReferenceKind.ISSUANCE, ReferenceKind.PAYMENT)
"""References that the shared account credits by, and takes back by."""


def begin(
    network: Network, source: AccountID, archives: tuple[BucketSettings, ...]
) -> tuple[LedgerView, ChainPosition]:
    """The view and the position after which the feed goes on. Archives that cannot be read hold
    nothing up: all ledgers are read then."""
    view = LedgerView(network.network_id, source)
    start = get_genesis_position(network.network_id)
    opened = [Archive(each) for each in archives]
    history = History(opened, start, network.genesis_hash)
    try:
        for archive, name in _find_snapshots(opened, _find_newest(history)):
            history.position = start
            try:
                position = _load(view, history, archive, name)
            except (*UNUSABLE, HistoryUnavailable) as error:
                log.warning("snapshot_unusable", archive=archive.name, reason=str(error))
                view = LedgerView(network.network_id, source)
            else:
                log.info("snapshot_loaded", sequence=position.sequence)
                return view, position
    finally:
        history.close()
    return view, start


def _find_newest(history: History) -> int:
    """Up to where headers are archived that could prove a snapshot."""
    try:
        return history.find_newest()
    except HistoryUnavailable as error:
        log.warning("begins_without_archive", reason=str(error))
        return 0


def _find_snapshots(archives: list[Archive], last: int) -> list[tuple[Archive, ManifestName]]:
    found: list[tuple[Archive, ManifestName]] = []
    for archive in archives:
        try:
            found += [(archive, name) for name in archive.find_snapshots(last)]
        except ArchiveUnavailable as error:
            log.warning("archive_unusable", archive=archive.name, reason=str(error))
    return sorted(found, key=lambda each: -each[1].sequence)


def _load(
    view: LedgerView, history: History, archive: Archive, name: ManifestName
) -> ChainPosition:
    """All of the state is verified against the header; what services need of it is kept."""
    manifest = archive.open_snapshot(name)
    list(history.read_on(1))  # the genesis, whose hash is pinned: headers alone begin behind it
    history.follow(name.sequence - 1)
    (verified,) = history.read_on(name.sequence)
    rows = hold(read_snapshot(manifest, archive.read))
    make_ledger(rows, verified.header, verified.header_hash)
    references = (
        (get_bucket(bucket)[1], uses)
        for _, bucket, _, uses in rows.references
        if get_bucket(bucket)[0] in KINDS
    )
    view.load(verified.header.sequence, verified.header.close_time_ms, rows.entries, references)
    return verified.position
