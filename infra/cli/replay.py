"""The verb `replay`: a processor's views built anew from the log."""

import os
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from infra.cli import output
from infra.cli.deployments import DataOption, get_root
from infra.cli.output import JsonOption, print_json, print_text
from infra.local.errors import LocalError

if TYPE_CHECKING:
    from processors.horizon.replay import ReplayOutcome


class View(StrEnum):
    """What can be replayed."""

    HORIZON = "horizon"


def replay(
    view: Annotated[View, typer.Option(help="Which views.")] = View.HORIZON,
    first: Annotated[
        int, typer.Option("--from", min=1, help="Copy the history before this ledger.")
    ] = 1,
    verify: Annotated[
        bool, typer.Option("--verify", help="Compare with the live views instead of replacing.")
    ] = False,
    service: Annotated[str, typer.Option(help="The processor of the deployment.")] = "horizon1",
    config: Annotated[
        Path | None, typer.Option("--config", help="A processor's settings file instead.")
    ] = None,
    data: DataOption = None,
    as_json: JsonOption = False,
) -> None:
    """Rebuild views beside the live ones, audit them against the state root, swap them in."""
    from infra.local import shutdown
    from infra.local.supervisor import Control
    from processors.horizon.config import HorizonSettings
    from processors.horizon.display import show_progress
    from processors.horizon.replay import ReplayError, run
    from schemas.settings import load_config

    if config is None:
        # Settings name addresses: those of a folder that was copied are its original's.
        place = shutdown.open_deployment(get_root(data))
        Control(place).get_process_id()
        config = place.get_settings_file(service)
    settings = load_config(HorizonSettings, config, os.environ)
    try:
        with show_progress() as report:
            outcome = run(settings, first, verify, report)
    except ReplayError as error:
        raise LocalError(str(error)) from None
    found = {"view": view.value, **_describe(outcome)}
    if as_json:
        print_json(found)
    else:
        for name, value in found.items():
            print_text(f"{name:<21} {value}")
    if not outcome.audit.is_equal or outcome.differences:
        raise typer.Exit(output.FAILED)


def _describe(outcome: "ReplayOutcome") -> dict[str, Any]:
    return {
        "sequence": outcome.sequence,
        "transactions": outcome.transactions,
        "seconds": round(outcome.seconds, 3),
        "state_root": outcome.audit.computed[0].hex(),
        "reference_window_root": outcome.audit.computed[1].hex(),
        "is_audited": outcome.audit.is_equal,
        "is_live": outcome.is_live,
        "left_for_later": list(outcome.left),
        "differences": None
        if outcome.differences is None
        else [str(each) for each in outcome.differences],
    }
