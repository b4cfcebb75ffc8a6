"""Verbs about votes: what the operators of core nodes agree to change in their network.

A node's private port takes the votes. A change needs the votes of a quorum of the network's nodes;
each operator gives those of its own.
"""

import time
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from infra.cli import user_io
from infra.cli.deployments import DataOption, get_root
from infra.cli.output import JsonOption, print_json, print_text
from infra.local.errors import Fault, LocalError
from infra.local.node_port import ask, open_node

if TYPE_CHECKING:
    import httpx2

app = typer.Typer(help="Votes for changes of the network's settings and quorum set.")

NodesOption = Annotated[
    list[str] | None,
    typer.Option("--node", help="A core node of the deployment; may be repeated. Else all."),
]
HOUR_MS = 3_600_000


@app.command()
def propose(
    file: Annotated[Path, typer.Argument(help="The change as JSON, with its type.")],
    nodes: NodesOption = None,
    at_ms: Annotated[int, typer.Option("--at-ms", help="Not before this close time.")] = 0,
    at_ledger: Annotated[int, typer.Option("--at-ledger", help="Not before this ledger.")] = 0,
    is_forced: Annotated[
        bool, typer.Option("--force", help="Also for a quorum set that could split.")
    ] = False,
    hours: Annotated[int, typer.Option(min=1, help="How long the vote stands.")] = 24,
    data: DataOption = None,
    as_json: JsonOption = False,
) -> None:
    """Vote for a change, with all of this deployment's nodes or some.

    FILE holds, for example,
    {"type": "intervals_upgrade", "minimum_interval_ms": "300", "heartbeat_ms": "5000"}.
    """
    from schemas.codec import encode
    from schemas.generated.consensus import Upgrade
    from schemas.readable import Scales, Unreadable, read_value

    try:
        upgrade = read_value(Upgrade, {"change": user_io.read_json(file)}, Scales())
    except Unreadable as error:
        raise LocalError(f"{file}: {error}", fault=Fault.OTHER) from None
    if not is_forced:
        _refuse_split(upgrade.change)
    start_ms = max(at_ms, time.time_ns() // 1_000_000)
    wanted = {
        "upgrade": encode(upgrade).hex(),
        "from_ms": at_ms,
        "from_sequence": at_ledger,
        "until_ms": start_ms + hours * HOUR_MS,
    }
    hashes = {}
    for node, client in open_nodes(data, nodes):
        hashes[node] = ask(node, client, "POST", "/votes", wanted)["hash"]
    if as_json:
        print_json(hashes)
        return
    for node, found in hashes.items():
        print_text(f"{node} votes for {found}")


def _refuse_split(change: Any) -> None:
    """Nodes refuse what is surely unsafe; this also tells what could not be found out."""
    from schemas.generated.consensus import QuorumSetUpgrade
    from streams.consensus.intersection import Verdict, check_intersection, make_uniform

    if isinstance(change, QuorumSetUpgrade):
        verdict = check_intersection(make_uniform(change.quorum_set)).verdict
        if verdict is not Verdict.INTERSECT:
            raise LocalError(f"{verdict.value}: --force votes for it all the same")


@app.command()
def show(nodes: NodesOption = None, data: DataOption = None, as_json: JsonOption = False) -> None:
    """Show what nodes vote for."""
    votes = {n: ask(n, client, "GET", "/votes")["votes"] for n, client in open_nodes(data, nodes)}
    if as_json:
        print_json(votes)
        return
    for node, held in votes.items():
        if not held:
            print_text(f"{node} votes for nothing")
        for each in held:
            fault = f" (not now: {each['fault']})" if each["fault"] else ""
            print_text(f"{node} votes for {each['hash']}: {each['change']}{fault}")


@app.command()
def withdraw(
    vote: Annotated[str, typer.Argument(help="Its hash.")],
    nodes: NodesOption = None,
    data: DataOption = None,
) -> None:
    """Take a vote back."""
    for node, client in open_nodes(data, nodes):
        ask(node, client, "DELETE", f"/votes/{vote}")
        print_text(f"{node} no longer votes for {vote}")


def open_nodes(data: Path | None, nodes: list[str] | None) -> Iterator[tuple[str, "httpx2.Client"]]:
    """A client of each node's private port."""
    from infra.local import shutdown

    place = shutdown.open_deployment(get_root(data))
    cores = user_io.read_json(place.folder.endpoints_file)["cores"]
    for node in nodes or sorted(cores):
        if node not in cores:
            raise LocalError(f"{node} is no core node of this deployment: {', '.join(cores)}")
        token = Path(cores[node]["token_file"]).read_text().strip()
        with open_node(cores[node]["url"], token) as client:
            yield node, client
