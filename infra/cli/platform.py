"""Platform as code: `plan`, `apply` and `export platform`."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from infra.cli import user_io
from infra.cli.output import JsonOption, print_json, print_text
from infra.cli.user import EndpointsOption, SeedOption, UrlOption

if TYPE_CHECKING:
    from gateways.client.horizon import HorizonClient
    from gateways.client.platform.changes import Change

FileArgument = Annotated[Path, typer.Argument(help="The platform file (TOML).")]
export = typer.Typer(help="Write what a network has to a file.")


def plan(
    file: FileArgument,
    url: UrlOption = None,
    endpoints: EndpointsOption = None,
    as_json: JsonOption = False,
) -> None:
    """What `apply` would change to make the network like the file, and what else differs."""
    with user_io.connect(url, endpoints) as client:
        changes = _plan(client, _read(file))
    if as_json:
        print_json([each._asdict() for each in changes])
        return
    _show(changes)


def apply(
    file: FileArgument,
    seed_file: SeedOption = None,
    url: UrlOption = None,
    endpoints: EndpointsOption = None,
    as_json: JsonOption = False,
) -> None:
    """Make the network like the file, in as few transactions as can be. Again, it does nothing.

    What the network has and the file has not is left alone.
    """
    from gateways.client.platform.apply import apply_platform

    key, platform = user_io.read_key(seed_file), _read(file)
    with user_io.connect(url, endpoints) as client:
        applied = apply_platform(client, key, platform, _tell_nothing if as_json else _show)
    if as_json:
        print_json([each._asdict() for each in applied])
    else:
        print_text(f"{len(applied)} changes applied" if applied else "nothing to change")


@export.command("platform")
def export_platform(
    file: Annotated[Path, typer.Argument(help="The file to write.")],
    url: UrlOption = None,
    endpoints: EndpointsOption = None,
) -> None:
    """The platform of a live network as a file that `plan` finds no difference to."""
    from gateways.client.platform.file import write_platform
    from gateways.client.platform.live import read_live

    with user_io.connect(url, endpoints) as client:
        file.write_text(write_platform(read_live(client)), encoding="utf-8")
    print_text(str(file))


def _read(file: Path) -> dict[str, Any]:
    from gateways.client.platform.file import read_platform

    with user_io.errors():
        return read_platform(user_io.read_file(file).decode())


def _plan(client: "HorizonClient", platform: dict[str, Any]) -> "list[Change]":
    from gateways.client.platform.live import read_live
    from gateways.client.platform.plan import make_plan

    return make_plan(platform, read_live(client))


def _tell_nothing(_: "Sequence[Change]") -> None:
    """JSON is printed once, at the end."""


def _show(changes: "Sequence[Change]") -> None:
    for each in changes:
        print_text(f"{each.sign} {each.what}: {each.text}")
    if not changes:
        print_text("the network is like the file")
