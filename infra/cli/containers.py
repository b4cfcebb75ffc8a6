"""Verbs about a deployment in containers: prepare it for compose.yaml, administer it, demo."""

import shlex
import threading
from pathlib import Path
from typing import Annotated

import typer

from infra.cli.output import JsonOption, print_json, print_text, report

app = typer.Typer(help="A deployment in containers, by compose.")
FolderOption = Annotated[Path, typer.Option("--data", help="The data folder.")]


@app.command()
def prepare(data: FolderOption, as_json: JsonOption = False) -> None:
    """Write keys, settings and secrets for compose.yaml; again is harmless."""
    from infra.containers.place import prepare as prepare_deployment
    from infra.containers.target import get_compose_command
    from infra.local.table import TABLE

    root = prepare_deployment(data, TABLE).folder.root
    command = shlex.join([*get_compose_command(root), "up", "--detach"])
    if as_json:
        print_json({"data_folder": str(root), "command": command})
    else:
        print_text(command)


@app.command()
def administer(data: FolderOption) -> None:
    """Make topics, users, roles and databases: a job of compose.yaml's own."""
    from infra.containers.administer import administer as administer_deployment
    from infra.local.table import TABLE

    administer_deployment(data, TABLE, report)


@app.command()
def arrange(data: FolderOption) -> None:
    """Make what services need of the network that compose has started, where it is missing."""
    from infra.containers.place import ContainerPlace
    from infra.local.folders import DataFolder
    from infra.local.table import TABLE

    place = ContainerPlace(DataFolder(data.resolve()), TABLE)
    for tier in TABLE.tiers:
        TABLE.arrange_tier(tier, place, report)


@app.command()
def demo(data: FolderOption) -> None:
    """Run the demo's scenario against a deployment that compose has started."""
    from rich.console import Console

    from infra.containers.target import ContainerTarget
    from infra.demo.scenario import Scenario

    target = ContainerTarget(data.resolve())
    target.wait_until_ready()
    arrange(data)
    Scenario(target, Console(stderr=True), threading.Event()).run()
