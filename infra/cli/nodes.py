"""Verbs about the deployment's core nodes."""

import typer

from infra.cli.deployments import DataOption, get_root
from infra.cli.output import JsonOption, print_json, print_text, report

app = typer.Typer(help="The core nodes of the deployment.")


@app.callback()
def nodes() -> None:
    """Keeps `add` a verb of its own, though it is the only one."""


@app.command()
def add(data: DataOption = None, as_json: JsonOption = False) -> None:
    """Add a core node to the running network; nothing restarts.

    It catches up from the archives and follows. To let it take part, vote for the quorum set that
    this prints.
    """
    from infra.local import shutdown
    from infra.local.growth import add_node, write_quorum_set
    from infra.local.table import TABLE

    place = shutdown.open_deployment(get_root(data))
    name = add_node(place, TABLE, report)
    file = write_quorum_set(place)
    if as_json:
        print_json({"node": name, "quorum_set": file})
        return
    print_text(f"{name} follows the network; to let it vote: tokend vote propose {file}")
