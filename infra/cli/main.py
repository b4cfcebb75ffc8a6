"""The command `tokend`: which verbs there are, and how errors end.

Nothing heavy is imported before a verb needs it, so that --help answers at once.
"""

import os
import sys
from typing import Annotated

import typer
from typer.exceptions import TyperException

from infra.cli import (
    archive,
    backups,
    chain,
    containers,
    demo,
    deployments,
    deposits,
    keks,
    keychain,
    kyc,
    nodes,
    notifications,
    output,
    payouts,
    people,
    platform,
    quorum,
    rates,
    reconcile,
    replay,
    reserves,
    services,
    streams,
    transfer,
    user,
    votes,
    wallet,
    wallet_devices,
    withdrawals,
)
from infra.local.environment import forget_postgres
from infra.local.errors import AlreadyRunning, Fault, LocalError, NotRunning
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
app.command()(archive.catchup)
app.command()(backups.backup)
app.command()(backups.restore)
app.command()(archive.republish)
app.add_typer(archive.app, name="archive")
app.command()(demo.demo)
app.command()(platform.plan)
app.command()(platform.apply)
app.add_typer(platform.export, name="export")
platform.export.command("ledgers")(archive.export_ledgers)
app.add_typer(nodes.app, name="node")
app.add_typer(votes.app, name="vote")
app.add_typer(quorum.app, name="quorum")
app.add_typer(user.app)
app.add_typer(transfer.app, name="transfer")
app.add_typer(wallet.app)
app.add_typer(keks.app, name="keks")
app.add_typer(wallet_devices.second_factor, name="2fa")
app.add_typer(wallet_devices.devices, name="devices")
app.command()(deposits.address)
app.command()(reserves.reserves)
app.command()(withdrawals.withdraw)
app.command()(reconcile.reconcile)
app.command()(withdrawals.withdrawals)
app.add_typer(deposits.app, name="deposits")
app.add_typer(chain.app, name="chain")
app.add_typer(rates.app, name="rates")
app.add_typer(rates.sandbox, name="sandbox")
app.add_typer(keychain.app, name="keychain")
app.add_typer(kyc.app, name="kyc")
app.add_typer(containers.app, name="containers")
app.add_typer(notifications.notify, name="notify")
app.add_typer(notifications.subscriptions, name="subscriptions")

app.add_typer(people.link, name="link")
app.add_typer(payouts.app, name="payout-accounts")
app.add_typer(people.blobs, name="blobs")
app.add_typer(people.invite, name="invite")
app.command("export-me")(people.export_me)

config = typer.Typer(help="Settings files.")
config.command("check")(services.check_config)
app.add_typer(config, name="config")


def main() -> None:
    """Runs a verb. Errors are one line (and the end of a log), never a traceback.

    The exceptions are `tokend --debug VERB` and a service under `tokend run`, whose log is the
    right place for a traceback.
    """
    streams.prepare_streams()
    forget_postgres(os.environ)
    arguments = sys.argv[1:] or ["--help"]
    try:
        code = app(arguments, standalone_mode=False)
        streams.flush()
    except services.ServiceFailure as error:
        raise error.cause from None
    except Exception as error:
        if "--debug" in arguments and not isinstance(error, KNOWN):
            raise
        code = _tell(error, is_json="--json" in arguments)
    sys.exit(code)


KNOWN = (TyperException, ConfigError, LocalError)


def _tell(error: Exception, *, is_json: bool) -> int:
    """Says what went wrong; the exit code."""
    message, details, code = _explain(error)
    fault = error.fault if isinstance(error, LocalError) else Fault.OTHER
    try:
        if message is not None:
            output.print_error(message, details, fault, is_json=is_json)
        streams.flush()
    except OSError:
        if is_json and message is not None and not isinstance(error, BrokenPipeError):
            output.report(message)
        streams.forget_output()
    return code


def _explain(error: Exception) -> tuple[str | None, tuple[str, ...], int]:
    """One line, more lines, exit code."""
    line = " ".join(str(error).split())
    if isinstance(error, TyperException):
        return f"{_get_text(error)} See `tokend --help`.", (), output.WRONG_USAGE
    if isinstance(error, typer.Abort):
        return "interrupted", (), output.INTERRUPTED
    if isinstance(error, ConfigError):
        return str(error), (), output.WRONG_USAGE
    if isinstance(error, LocalError):
        return str(error), error.details, _get_exit_code(error)
    if isinstance(error, BrokenPipeError):  # a reader such as `head` has seen enough
        return None, (), output.FAILED
    if isinstance(error, OSError) and error.strerror:
        where = f"{error.filename}: " if error.filename else ""
        return f"{where}{error.strerror}", (), output.FAILED
    text = f"unexpected {type(error).__name__}: {line}: run `tokend --debug ...` for the details"
    return text, (), output.FAILED


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
