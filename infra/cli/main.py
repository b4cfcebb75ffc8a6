"""The command `tokend`: which verbs there are, and how errors end.

Nothing heavy is imported before a verb needs it, so that --help answers at once.
"""

import os
import sys
from typing import Annotated

import typer
from typer.exceptions import TyperException

from infra.cli import containers, demo, deployments, output, replay, services, user
from infra.local.environment import forget_postgres
from infra.local.errors import AlreadyRunning, LocalError, NotRunning
from schemas.settings import ConfigError

EPILOG = (
    "Exit codes: 0 done; 1 it failed; 2 wrong usage or settings; 3 nothing runs there; "
    "4 something runs there already; 130 interrupted."
)

app = typer.Typer(
    name="tokend",
    epilog=EPILOG,
    pretty_exceptions_enable=False,
    add_completion=False,
)


@app.callback()
def common(
    debug: Annotated[bool, typer.Option("--debug", help="Show tracebacks.")] = False,
) -> None:
    """Runs tokend on this machine: Kafka, PostgreSQL, core nodes and services."""


app.command()(deployments.up)
app.command()(deployments.down)
app.command()(deployments.destroy)
app.command()(deployments.status)
app.command()(deployments.logs)
app.command()(services.run)
app.command()(services.migrate)
app.command()(services.doctor)
app.command()(replay.replay)
app.command()(demo.demo)
app.add_typer(user.app)
app.add_typer(containers.app, name="containers")

config = typer.Typer(help="Settings files.")
config.command("check")(services.check_config)
app.add_typer(config, name="config")


def main() -> None:
    """Runs a verb. What goes wrong is told in one line (and the end of a log), never a traceback.

    Except by `tokend --debug VERB`, and in a service that `tokend run` has started: its log is
    where a traceback belongs.
    """
    arguments = sys.argv[1:] or ["--help"]
    forget_postgres(os.environ)
    is_debug = "--debug" in arguments
    is_json = "--json" in arguments
    try:
        sys.exit(app(arguments, standalone_mode=False))
    except TyperException as error:
        output.print_error(f"{_get_text(error)} See `tokend --help`.", is_json=is_json)
        sys.exit(output.WRONG_USAGE)
    except ConfigError as error:
        output.print_error(str(error), is_json=is_json)
        sys.exit(output.WRONG_USAGE)
    except LocalError as error:
        output.print_error(str(error), error.details, is_json=is_json)
        sys.exit(_get_exit_code(error))
    except services.ServiceFailure as error:
        raise error.cause from None
    except Exception as error:
        if is_debug:
            raise
        line = " ".join(str(error).split())
        output.print_error(
            f"unexpected {type(error).__name__}: {line}: run `tokend --debug ...` for the details",
            is_json=is_json,
        )
        sys.exit(output.FAILED)


def _get_text(error: TyperException) -> str:
    text = error.format_message().rstrip(".")
    return text[:1].lower() + text[1:] + "."


def _get_exit_code(error: LocalError) -> int:
    if isinstance(error, NotRunning):
        return output.NOT_RUNNING
    if isinstance(error, AlreadyRunning):
        return output.ALREADY_RUNNING
    return output.FAILED


if __name__ == "__main__":
    main()
