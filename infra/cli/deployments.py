"""Verbs about a whole deployment: up, down, destroy, status, logs."""

import contextlib
import json
import os
import signal
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from infra.cli import output
from infra.cli.output import JsonOption, print_json, print_text, report
from infra.local.errors import Fault, LocalError, NotRunning

if TYPE_CHECKING:
    from infra.local.launch import RunningDeployment
    from infra.local.place import Place
    from infra.local.rows import Service

DataOption = Annotated[
    Path | None,
    typer.Option(
        "--data",
        help="The data folder.",
        show_default="~/.local/share/tokend; root: /var/lib/tokend",
    ),
]

CHAIN_NUMBERS = ("read", "final", "checkpoint", "open", "pending", "ready", "unknown")


def get_root(data: Path | None) -> Path:
    from infra.local.folders import get_default_root

    return (data or get_default_root(os.environ, os.geteuid())).resolve()


def up(
    profile: Annotated[
        str, typer.Option(help="What to run: servers, core, identity or all.")
    ] = "all",
    data: DataOption = None,
    detach: Annotated[bool, typer.Option("--detach", help="Return when all is ready.")] = False,
    as_json: JsonOption = False,
) -> None:
    """Start everything on this machine; Ctrl-C stops it."""
    import asyncio

    from infra.local.table import TABLE

    if profile not in TABLE.profiles:
        raise typer.BadParameter(
            f"choose among {', '.join(TABLE.profiles)}", param_hint="--profile"
        )
    try:
        asyncio.run(_run_deployment(get_root(data), profile, is_detached=detach, as_json=as_json))
    except asyncio.CancelledError:
        raise typer.Exit(output.INTERRUPTED) from None


async def _run_deployment(root: Path, profile: str, *, is_detached: bool, as_json: bool) -> None:
    import asyncio

    from infra.local import launch
    from infra.local.table import TABLE

    cancel_on_signals()
    began = time.monotonic()
    running = await launch.start_deployment(root, TABLE, profile, report, is_detached=is_detached)
    report(f"all is ready after {time.monotonic() - began:.1f} s")
    if is_detached:
        running.detach()
        _print_endpoints(running, as_json=as_json)
        return
    with contextlib.suppress(OSError):  # nobody reads them, which is no reason to stop
        _print_endpoints(running, as_json=as_json)
    report("Ctrl-C stops it")
    # Cancelled now means asked to stop, which it did: exit code 0.
    with contextlib.suppress(asyncio.CancelledError):
        try:
            await launch.watch_deployment(running, report)
        finally:
            running.stop(report)


def cancel_on_signals() -> None:
    """Ctrl-C, a plain kill and a closed terminal cancel the running task, once.

    Further signals do not interrupt the clean-up. A signal that our caller ignores (nohup) stays
    ignored.
    """
    import asyncio

    task, loop = asyncio.current_task(), asyncio.get_running_loop()
    wanted = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)

    def cancel() -> None:
        for sent in wanted:
            loop.add_signal_handler(sent, lambda: None)
        if task is not None:
            task.cancel()

    for sent in wanted:
        if signal.getsignal(sent) is not signal.SIG_IGN:
            loop.add_signal_handler(sent, cancel)


def _print_endpoints(running: "RunningDeployment", *, as_json: bool) -> None:
    endpoints = json.loads(running.place.folder.endpoints_file.read_text())
    if as_json:
        print_json(endpoints)
        return
    print_text(f"data folder  {running.place.folder.root}")
    for server in running.table.get_servers(running.profile):
        print_text(f"{server.title:<12} {running.place.get_address(server.name)}")
    for name, service in endpoints["services"].items():
        print_text(f"{name:<12} {service['url']}")


def down(data: DataOption = None, as_json: JsonOption = False) -> None:
    """Stop everything, in order; the data stays."""
    from infra.local.shutdown import open_deployment, stop_deployment

    root = get_root(data)
    stop_deployment(open_deployment(root), report)
    if as_json:
        print_json({"stopped": str(root)})


def destroy(
    data: DataOption = None,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False,
    as_json: JsonOption = False,
) -> None:
    """Stop everything and delete the data folder, databases and keys included."""
    from infra.local.shutdown import destroy_deployment, open_for_deletion
    from infra.local.table import TABLE

    root = get_root(data)
    place = open_for_deletion(root)
    if not yes:
        if not sys.stdin.isatty():
            raise LocalError(
                f"this would delete {root}: confirm with --yes", fault=Fault.UNCONFIRMED
            )
        if not typer.confirm(f"Delete {root} with its databases and keys, for ever?", err=True):
            raise LocalError("nothing was deleted")
    destroy_deployment(place, TABLE.servers, report)
    if as_json:
        print_json({"destroyed": str(root)})


def status(
    data: DataOption = None,
    watch: Annotated[bool, typer.Option("--watch", help="Show it again every second.")] = False,
    as_json: JsonOption = False,
) -> None:
    """Show each process, and each node's ledger. Exit code 1 if a process does not run, a disk is
    full, or not all is up yet.
    """
    root = get_root(data)
    while True:
        current = get_status(root)
        if as_json:
            print(json.dumps(current) if watch else json.dumps(current, indent=2), flush=True)
        else:
            _print_status(current, is_watched=watch)
        if not watch:
            break
        time.sleep(1.0)
    is_down = any(each["state"] not in ("RUNNING", "STARTING") for each in current["processes"])
    is_full = any(disk["problem"] for disk in current["disks"])
    if is_down or is_full or current["state"] != "running":
        raise typer.Exit(output.FAILED)


def get_status(root: Path) -> dict[str, Any]:
    """Raises NotRunning, or Unreachable."""
    from infra.local import shutdown
    from infra.local.disks import get_disks
    from infra.local.supervisor import Control
    from infra.local.table import TABLE

    place = shutdown.open_deployment(root)
    table = TABLE.get_for(place)
    rows = {s.name: s for s in table.services if s.status_path is not None}
    tiers = {tier: position for position, tier in enumerate(table.tiers)}
    states = sorted(Control(place).get_states(), key=lambda s: (tiers.get(s.tier, 99), s.name))
    return {
        "data_folder": str(root),
        "profile": place.state.profile,
        "state": "running" if place.folder.endpoints_file.exists() else "starting",
        "supervisor": Control(place).get_process_id(),
        "processes": [
            {
                "name": s.name,
                "state": s.state,
                "process_id": s.process_id or None,
                "uptime_s": s.uptime_s,
                # A failed process says why, a node what it has closed.
                "error": s.description if s.state in ("BACKOFF", "FATAL") else None,
                "node": _ask_service(place, row)
                if (row := rows.get(s.name)) and s.state == "RUNNING"
                else None,
            }
            for s in states
        ],
        "disks": [
            {
                "folder": str(d.folder),
                "free_bytes": d.free_bytes,
                "free_files": d.free_files,
                "problem": d.problem,
            }
            for d in get_disks(place, table.get_servers(place.state.profile))
        ],
    }


def _describe_node(node: dict[str, Any]) -> str:
    """One line: a core node's ledger and who is missing; a gateway's newest ledger."""
    if "services" in node:
        return _describe_psim(node)
    if "header_hash" not in node:
        return "  ".join(f"{key} {value}" for key, value in node.items() if value is not None)
    parts = [f"ledger {node['sequence']} {node['header_hash'][:12]}"]
    parts += [f"{name} {node[name]}" for name in ("behind", "waiting_transactions") if node[name]]
    if node.get("archive_backlog", 0) > 1:
        parts.append(f"{node['archive_backlog']} checkpoints to archive")
    if node["missing"]:
        parts.append(f"missing {', '.join(node['missing'])}")
    if not node["has_quorum"]:
        parts.append("no quorum")
    if not node["is_healthy"]:
        parts.append("stalled")
    return "  ".join(parts)


def _describe_psim(node: dict[str, Any]) -> str:
    """The services that a process hosts, a chain each; and what is wrong."""
    parts = [f"ledger {node['sequence']}"]
    if not node["is_set_up"]:
        parts.append("the shared account is not on the ledger")
    for name, service in node["services"].items():
        parts.append(f"{name}: open {service['open']}, parked {service['parked']}")
        parts += [_describe_chain(each) for each in service.get("chains", ())]
    return "  ".join([*parts, *node["problems"]])


def _describe_chain(chain: dict[str, Any]) -> str:
    """The numbers that its service has of it."""
    known = [f"{name} {chain[name]}" for name in CHAIN_NUMBERS if chain.get(name) is not None]
    return f"{chain['chain']} {', '.join(known)}"


def _ask_service(place: "Place", row: "Service") -> dict[str, Any] | None:
    from infra.local.health import get_status as ask

    address = place.get_address(f"{row.name}.http")
    return ask(address, row.status_path or "/", row.get_token(place))


def _print_status(current: dict[str, Any], *, is_watched: bool) -> None:
    """Texts are shown as they are: a folder may be called [red]."""
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    table = Table(box=None, pad_edge=False)
    for column in ("process", "state", "pid", "up", "node"):
        table.add_column(column)
    for process in current["processes"]:
        colour = "green" if process["state"] == "RUNNING" else "red"
        table.add_row(
            process["name"],
            Text(process["state"].lower(), style=colour),
            str(process["process_id"] or ""),
            f"{process['uptime_s']} s",
            Text(process["error"] or _describe_node(process["node"] or {})),
        )
    console = Console(markup=False, emoji=False, highlight=False)
    if is_watched:
        console.clear()
    console.print(
        f"{current['data_folder']} (profile {current['profile']}, {current['state']})",
        soft_wrap=True,
    )
    console.print(table)
    for disk in current["disks"]:
        if disk["problem"]:
            console.print(disk["problem"], style="red", soft_wrap=True)


def logs(
    name: Annotated[str, typer.Argument(help="A process as `tokend status` names it.")],
    data: DataOption = None,
    lines: Annotated[int, typer.Option(min=0, help="How many lines to begin with.")] = 50,
    follow: Annotated[bool, typer.Option("--follow", help="Go on with new lines.")] = False,
    as_json: JsonOption = False,
) -> None:
    """Show the end of a process' log."""
    from infra.local import logs as files
    from infra.local import shutdown

    try:
        folder = shutdown.open_deployment(get_root(data)).folder.logs
    except NotRunning as error:
        raise LocalError(str(error)) from None
    file = files.get_log_file(folder, name)
    found = files.follow(file, lines) if follow else iter(files.get_tail(file, lines))
    for line in found:
        print_text(json.dumps({"process": name, "line": line}) if as_json else line)
