"""Verbs about one service (run, config check, migrate), and doctor."""

import os
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from infra.cli import output
from infra.cli.deployments import DataOption, get_root
from infra.cli.output import JsonOption, print_json, print_text, report
from infra.local.environment import forget_clients
from infra.local.errors import Fault, LocalError

if TYPE_CHECKING:
    from infra.local.rows import Program

ConfigOption = Annotated[Path, typer.Option("--config", help="The settings file (TOML).")]


class ServiceFailure(Exception):
    """A service that `tokend run` had started ended by an exception, `cause`."""

    def __init__(self, cause: Exception) -> None:
        super().__init__(str(cause))
        self.cause = cause


def run(
    service: Annotated[str, typer.Argument(help="The service, as the table names its program.")],
    config: ConfigOption,
) -> None:
    """Run one service in the foreground; environment variables override its settings file."""
    from infra.local.rows import load_object

    program = _get_program(service)
    settings = _load(program, config)
    forget_clients(os.environ)
    function = load_object(program.run)
    try:
        function(settings)
    except Exception as error:
        raise ServiceFailure(error) from error


def check_config(
    service: Annotated[str, typer.Argument(help="The service the file is for.")],
    config: ConfigOption,
    as_json: JsonOption = False,
) -> None:
    """Check a settings file, with the environment over it, without starting anything."""
    _load(_get_program(service), config)
    if as_json:
        print_json({"service": service, "config": str(config), "ok": True})
    else:
        print_text(f"{config} is good for {service}")


def migrate(
    service: Annotated[
        str | None,
        typer.Argument(help="One service by its own settings file; else the deployment's."),
    ] = None,
    config: Annotated[Path | None, typer.Option("--config", help="That settings file.")] = None,
    data: DataOption = None,
    as_json: JsonOption = False,
) -> None:
    """Bring databases up to date; `tokend up` does so by itself."""
    applied: list[str] = []
    if service is None:
        _migrate_deployment(get_root(data), applied)
    elif config is None:
        raise typer.BadParameter(f"give the settings file of {service}", param_hint="--config")
    else:
        _migrate_service(service, config, applied)
    if as_json:
        print_json({"applied": applied})
    elif not applied:
        print_text("all databases were up to date")


def _migrate_deployment(root: Path, applied: list[str]) -> None:
    from infra.local import databases, shutdown
    from infra.local.supervisor import Control
    from infra.local.table import TABLE

    place = shutdown.open_deployment(root)
    Control(place).get_process_id()

    def note(line: str) -> None:
        applied.append(line)
        report(line)

    table = TABLE.get_for(place)
    databases.migrate_databases(place, table, table.get_services(place.state.profile), note)


def _migrate_service(service: str, config: Path, applied: list[str]) -> None:
    from infra.local.migrations import apply_all

    program = _get_program(service)
    database = _get_database(_load(program, config))
    if not program.migrations or database is None:
        raise LocalError(f"{service} has no database")
    for name in apply_all(database.url.reveal(), program.migrations):
        applied.append(name)
        report(f"applied {name}")


def _get_database(settings: Any) -> Any:
    """Its own: a gateway calls it its store, and may read another one."""
    return getattr(settings, "store", None) or getattr(settings, "database", None)


def doctor(data: DataOption = None, as_json: JsonOption = False) -> None:
    """Check what this machine offers and say what to do. Exit code 1 if something is missing."""
    from infra.local.machine import check_machine
    from infra.local.table import TABLE

    checks = check_machine(get_root(data), TABLE.servers)
    if as_json:
        print_json(
            [{"check": c.name, "ok": c.is_ok, "found": c.found, "do": c.remedy} for c in checks]
        )
    else:
        for check in checks:
            mark = "ok " if check.is_ok else "NOT"
            print_text(f"{mark} {check.name:<12} {check.found}{_to_do(check.is_ok, check.remedy)}")
    if not all(check.is_ok for check in checks):
        raise typer.Exit(output.FAILED)


def _to_do(is_ok: bool, remedy: str) -> str:
    return "" if is_ok else f": {remedy}"


def _get_program(name: str) -> "Program":
    from infra.local.table import TABLE

    if name not in TABLE.programs:
        names = ", ".join(TABLE.programs) or "none yet"
        raise LocalError(
            f"there is no service {name!r}: choose among {names}", fault=Fault.UNKNOWN_NAME
        )
    return TABLE.programs[name]


def load_settings(service: str, config: Path) -> Any:
    """Of one service. Raises LocalError, ConfigError."""
    return _load(_get_program(service), config)


def _load(program: "Program", config: Path) -> Any:
    from infra.local.rows import load_object
    from schemas.settings import load_config

    return load_config(load_object(program.settings), config, os.environ)
