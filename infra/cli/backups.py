"""Verbs about backups of a whole deployment."""

from pathlib import Path
from typing import Annotated, Any

import typer

from infra.cli.deployments import DataOption, get_root
from infra.cli.output import JsonOption, print_json, print_text, report

KeysOption = Annotated[
    Path, typer.Option("--keys", help="The folder of secrets: keep it elsewhere than the backup.")
]


def backup(
    to: Annotated[Path, typer.Option("--to", help="The folder of the backup, a new one.")],
    keys: KeysOption,
    data: DataOption = None,
    as_json: JsonOption = False,
) -> None:
    """Save all databases, topics and buckets of a running deployment, and its secrets apart."""
    from infra.local import shutdown
    from infra.local.backup import back_up
    from infra.local.supervisor import Control
    from infra.local.table import TABLE

    place = shutdown.open_deployment(get_root(data))
    Control(place).get_process_id()
    _print(back_up(place, TABLE, to, keys, report), as_json=as_json)


def restore(
    source: Annotated[Path, typer.Option("--from", help="The folder of the backup.")],
    keys: KeysOption,
    keks: Annotated[
        Path | None, typer.Option(help="Your own copy of the old DATA/keks: key-encryption keys.")
    ] = None,
    data: DataOption = None,
    as_json: JsonOption = False,
) -> None:
    """Make a deployment out of a backup; `tokend up` then starts it.

    Without --keks what people's wallets and addresses are wrapped with is lost.
    """
    from infra.local.backup import restore as restore_deployment
    from infra.local.table import TABLE

    found = restore_deployment(get_root(data), TABLE, source, keys, report, keks)
    _print(found, as_json=as_json)


def _print(found: dict[str, Any], *, as_json: bool) -> None:
    if as_json:
        print_json(found)
        return
    for name, value in found.items():
        print_text(f"{name:<12} {value}")
