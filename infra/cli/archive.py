"""Verbs about history: archive ls | verify | publish, catchup, republish."""

import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from infra.cli.deployments import DataOption, get_root
from infra.cli.output import JsonOption, print_json, print_text, report
from infra.local.errors import Fault, LocalError

if TYPE_CHECKING:
    from streams.archive.history import History, Report
    from streams.ledger.chain import ChainPosition
    from streams.node.config import ArchiveSettings, CoreSettings
    from streams.node.store import Store

app = typer.Typer(help="The network's history on S3.")

NodeOption = Annotated[str, typer.Option("--node", help="A core node of the deployment.")]
ConfigOption = Annotated[
    Path | None, typer.Option("--config", help="A core node's settings file instead.")
]
FromOption = Annotated[
    str | None,
    typer.Option("--from-archive", help="This archive alone: URL/BUCKET, by the node's own key."),
]
REPUBLISH_S = 600.0


class Mode(StrEnum):
    """How a node comes back."""

    MINIMAL = "minimal"
    RECENT = "recent"
    COMPLETE = "complete"


class Form(StrEnum):
    """Of exported files."""

    PARQUET = "parquet"


def _load(node: str, config: Path | None, data: Path | None) -> "CoreSettings":
    from infra.local import shutdown
    from schemas.settings import load_config
    from streams.node.config import CoreSettings

    if config is None:
        config = shutdown.open_deployment(get_root(data)).get_settings_file(node)
    return load_config(CoreSettings, config, os.environ)


def _get_archives(settings: "CoreSettings", url: str | None) -> "ArchiveSettings":
    """The archives to read from: all that the settings name, or the one at `url`."""
    from msgspec.structs import replace

    if settings.archive is None:
        raise LocalError(f"{settings.name} has no archive: name one in its settings ([archive])")
    if url is None:
        return settings.archive
    server, _, bucket = url.rstrip("/").rpartition("/")
    own = replace(settings.archive.bucket, url=server, bucket=bucket)
    return replace(settings.archive, bucket=own, others=())


def _get_genesis(settings: "CoreSettings") -> "ChainPosition":
    from streams.ledger.genesis import decode_genesis, open_genesis

    return open_genesis(decode_genesis(settings.genesis_file.read_bytes())).position


@contextmanager
def _explain() -> Iterator[None]:
    """What an archive does not do or have, as a line for the user."""
    from streams.archive.bucket import ArchiveUnavailable
    from streams.archive.checkpoint import DamagedArchive
    from streams.archive.history import HistoryUnavailable
    from streams.ledger.chain import ForgedLedger

    try:
        yield
    except (ArchiveUnavailable, HistoryUnavailable) as error:
        raise LocalError(str(error), fault=Fault.ARCHIVE_UNAVAILABLE) from None
    except (DamagedArchive, ForgedLedger) as error:
        raise LocalError(str(error), fault=Fault.ARCHIVE_DAMAGED) from None


@contextmanager
def _open(settings: "CoreSettings", url: str | None, *, is_own: bool) -> Iterator["History"]:
    """From the genesis on. `is_own`: the node's own archive alone."""
    from msgspec.structs import replace

    from streams.node.rejoin import open_history

    archives = _get_archives(settings, url)
    if is_own:
        archives = replace(archives, others=())
    with _explain(), open_history(archives, _get_genesis(settings)) as history:
        yield history


@app.command("ls")
def list_archive(
    node: NodeOption = "core1",
    config: ConfigOption = None,
    url: FromOption = None,
    data: DataOption = None,
    as_json: JsonOption = False,
) -> None:
    """Show what a node's archive has."""
    settings = _load(node, config, data)
    with _open(settings, url, is_own=True) as history:
        (archive,) = history.archives
        checkpoints = [each.sequence for each in archive.find_checkpoints(1)]
        snapshots = [each.sequence for each in archive.find_snapshots()]
    found = {
        "archive": archive.name,
        "checkpoints": len(checkpoints),
        "newest": checkpoints[0] if checkpoints else 0,
        "snapshots": snapshots,
    }
    _print(found, as_json=as_json)


@app.command()
def verify(
    node: NodeOption = "core1",
    config: ConfigOption = None,
    url: FromOption = None,
    headers: Annotated[bool, typer.Option("--headers", help="Headers alone: quicker.")] = False,
    data: DataOption = None,
    as_json: JsonOption = False,
) -> None:
    """Verify an archive from the genesis: chain, certificates, bodies, the newest snapshot."""
    settings = _load(node, config, data)
    transactions = 0
    with _open(settings, url, is_own=True) as history:
        tell = _make_progress("verified")
        newest = history.find_newest()
        snapshot = _verify_snapshot(history, newest)
        if headers:
            history.follow(newest, tell)
        else:
            for verified in history.read_on(newest):
                transactions += verified.header.transaction_count
                tell(verified.header.sequence, newest)
        found = {
            "archive": history.archives[0].name,
            "ledgers": history.position.sequence,
            "header_hash": history.position.header_hash.hex(),
            "transactions": None if headers else transactions,
            "snapshot": snapshot,
        }
    _print(found, as_json=as_json)


def _verify_snapshot(history: "History", newest: int) -> int | None:
    """The newest snapshot whose ledger is archived; it is read and its roots are computed."""
    from streams.archive.history import History
    from streams.archive.snapshot import make_ledger, read_snapshot

    (archive,) = history.archives
    snapshots = archive.find_snapshots(newest)
    if not snapshots:
        return None
    way = History(history.archives, history.position)
    way.follow(snapshots[0].sequence - 1)
    (verified,) = way.read_on(snapshots[0].sequence)
    rows = read_snapshot(archive.open_snapshot(snapshots[0]), archive.read)
    return make_ledger(rows, verified.header, verified.header_hash).header.sequence


@app.command()
def publish(
    snapshot: Annotated[bool, typer.Option("--snapshot", help="And a snapshot of now.")] = False,
    node: NodeOption = "core1",
    config: ConfigOption = None,
    data: DataOption = None,
    as_json: JsonOption = False,
) -> None:
    """Archive now what is due; a running node does so by itself."""
    from streams.node.archive_worker import WorkerSettings, open_publication

    settings = _load(node, config, data)
    worker = WorkerSettings(
        database=settings.database,
        archive=_get_archives(settings, None),
        genesis_file=settings.genesis_file,
    )
    published = 0
    with _explain(), open_publication(worker, lambda event: report(_describe(event))) as work:
        work.begin()
        while work.publish_next():
            published += 1
        if snapshot:
            work.publish_snapshot()
        work.prune()
        state = work.source.get_state()
    found = {"published": published, "archived": state.archived, "snapshot": state.snapshot}
    _print(found, as_json=as_json)


def catchup(
    node: NodeOption = "core1",
    mode: Annotated[Mode, typer.Option(help="A snapshot and what follows, or all.")] = Mode.MINIMAL,
    ledgers: Annotated[
        int, typer.Option(min=1, help="With recent: so many ledgers are closed again.")
    ] = 1_000,
    url: FromOption = None,
    config: ConfigOption = None,
    data: DataOption = None,
    as_json: JsonOption = False,
) -> None:
    """Bring a node that does not run up to its archives; a running one does so by itself. Stopped,
    it goes on where it was.
    """
    from streams.node import rejoin
    from streams.node.runner import open_store

    settings = _load(node, config, data)
    archives = _get_archives(settings, url)
    began = time.monotonic()
    store, ledger, _ = open_store(settings)
    try:
        _require_stopped(store, settings.name)
        with _explain(), rejoin.open_history(archives, rejoin.get_position(ledger)) as history:
            newest, first = history.find_newest(), ledger.header.sequence
            installed = None
            if mode is not Mode.COMPLETE:
                last = newest - ledgers if mode is Mode.RECENT else newest
                installed = rejoin.install_snapshot(store, history, last, _make_progress("headers"))
            ledger = installed or ledger
            began_at = ledger.header.sequence
            ledger = rejoin.replay(store, ledger, history, newest, _make_progress("closed again"))
    finally:
        store.close()
    found = {
        "node": settings.name,
        "from": first,
        "sequence": ledger.header.sequence,
        "header_hash": ledger.header_hash.hex(),
        "snapshot": None if installed is None else began_at,
        "seconds": round(time.monotonic() - began, 3),
    }
    _print(found, as_json=as_json)


def _require_stopped(store: "Store", name: str) -> None:
    if store.is_shared():
        raise LocalError(
            f"{name} runs on this database: stop it first", fault=Fault.ALREADY_RUNNING
        )


def republish(
    node: NodeOption = "core1",
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False,
    data: DataOption = None,
    as_json: JsonOption = False,
) -> None:
    """Make a node's topic of ledgers anew, from its database and its archives."""
    from infra.local import shutdown
    from infra.local.republish import republish_topic

    place = shutdown.open_deployment(get_root(data))
    if not yes and not typer.confirm(f"Delete the topic {node}.ledgers and fill it again?"):
        raise LocalError("nothing was changed", fault=Fault.UNCONFIRMED)
    found = republish_topic(place, node, REPUBLISH_S, report)
    _print(found, as_json=as_json)


def export_ledgers(
    to: Annotated[Path, typer.Option("--to", help="The folder; an export goes on where it was.")],
    form: Annotated[Form, typer.Option("--format", help="Of the files.")] = Form.PARQUET,
    node: NodeOption = "core1",
    config: ConfigOption = None,
    url: FromOption = None,
    data: DataOption = None,
    as_json: JsonOption = False,
) -> None:
    """Write archived ledgers, verified, as files for analysis: ledgers, transactions, operations,
    movements, entries.
    """
    from processors.lake import export
    from streams.archive.history import History
    from streams.ledger.chain import get_genesis_position

    del form  # there is one
    settings = _load(node, config, data)
    try:
        export.require_pyarrow()
        with _open(settings, url, is_own=url is not None) as archives:
            genesis = _get_genesis(settings)
            start = get_genesis_position(genesis.network_id)
            history = History(archives.archives, start, genesis.header_hash)
            newest = history.find_newest()
            written = export.export_ledgers(
                history.read_on(newest), to, report=lambda last: report(f"exported ledger {last}")
            )
    except export.LakeMissing as error:
        raise LocalError(str(error)) from None
    _print({"folder": str(to), "files": written, "newest": newest}, as_json=as_json)


def _make_progress(what: str) -> "Report":
    from streams.node.rejoin import make_reporter

    def tell(_: str, *, sequence: int, target: int, eta_s: int | None) -> None:
        eta = "" if eta_s is None else f", {eta_s} s left"
        report(f"{what}: ledger {sequence} of {target}{eta}")

    return make_reporter(what, tell)


def _describe(event: dict[str, Any]) -> str:
    return " ".join(f"{key} {value}" for key, value in event.items() if key != "event")


def _print(found: dict[str, Any], *, as_json: bool) -> None:
    if as_json:
        print_json(found)
        return
    for name, value in found.items():
        print_text(f"{name:<13} {value}")
