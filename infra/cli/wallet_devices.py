"""The verbs of a wallet's second factor and devices: `tokend 2fa` and `tokend devices`."""

from pathlib import Path
from typing import Annotated, Any

import typer

from infra.cli import session as sessions
from infra.cli import user_io, wallet_io
from infra.cli.output import JsonOption, print_json, print_text
from infra.cli.wallet_io import (
    CodeOption,
    DeviceArgument,
    SecretOption,
    SessionOption,
)

second_factor = typer.Typer(help="The second factor: an authenticator's codes.")
devices = typer.Typer(help="Devices of your wallet, and what happened to it.")


@second_factor.command("enrol")
def enrol(
    secret_file: SecretOption = None,
    code: CodeOption = None,
    svg: Annotated[Path | None, typer.Option(help="Write the QR code here.")] = None,
    session: SessionOption = None,
    as_json: JsonOption = False,
) -> None:
    """Show a new secret for your authenticator; `tokend 2fa on` confirms it within ten minutes."""
    known = sessions.load_session(session)
    with wallet_io.connect(known) as client:
        shown = client.begin_second_factor(wallet_io.get_credentials(known, secret_file, code))
    qr = shown.pop("qr")
    if svg is not None:
        user_io.write_secret(svg, qr)
        shown["qr_file"] = str(svg)
    user_io.show(shown, as_json=as_json)


@second_factor.command("on")
def turn_on(
    new_code: Annotated[str, typer.Option("--code", help="A code of the secret shown.")],
    secret_file: SecretOption = None,
    code: CodeOption = None,
    session: SessionOption = None,
    as_json: JsonOption = False,
) -> None:
    """Turn it on; prints ten recovery codes, this once."""
    known = sessions.load_session(session)
    with wallet_io.connect(known) as client:
        codes = client.turn_on_second_factor(
            wallet_io.get_credentials(known, secret_file, code), new_code
        )
    if as_json:
        print_json({"recovery_codes": codes})
    else:
        print_text("\n".join(codes))


@second_factor.command("off")
def turn_off(
    secret_file: SecretOption = None,
    code: CodeOption = None,
    session: SessionOption = None,
    as_json: JsonOption = False,
) -> None:
    """Turn it off, by a code of it or a recovery code."""
    if code is None:
        raise typer.BadParameter("give a code", param_hint="--second-factor")
    known = sessions.load_session(session)
    with wallet_io.connect(known) as client:
        client.turn_off_second_factor(wallet_io.get_credentials(known, secret_file, code))
    user_io.show({"second_factor": "off"}, as_json=as_json)


@devices.command("list")
def list_devices(session: SessionOption = None, as_json: JsonOption = False) -> None:
    """The devices of your wallet."""
    known = sessions.load_session(session)
    with wallet_io.connect(known) as client:
        _print(client.get_devices(wallet_io.get_device(known)), as_json=as_json)


@devices.command("name")
def name_device(
    id_: DeviceArgument,
    name: Annotated[str, typer.Argument(help="What it is called from now on.")],
    session: SessionOption = None,
) -> None:
    """Name a device."""
    known = sessions.load_session(session)
    with wallet_io.connect(known) as client:
        client.rename_device(wallet_io.get_device(known), id_, name)


@devices.command("revoke")
def revoke_device(id_: DeviceArgument, session: SessionOption = None) -> None:
    """Revoke a device: it does not unlock your wallet any more."""
    known = sessions.load_session(session)
    with wallet_io.connect(known) as client:
        client.revoke_device(wallet_io.get_device(known), id_)


@devices.command("history")
def show_history(session: SessionOption = None, as_json: JsonOption = False) -> None:
    """What happened to your wallet in the last 90 days."""
    known = sessions.load_session(session)
    with wallet_io.connect(known) as client:
        _print(client.get_history(wallet_io.get_device(known)), as_json=as_json)


def _print(rows: list[dict[str, Any]], *, as_json: bool) -> None:
    if as_json:
        print_json([{"id": row["id"], **row["attributes"]} for row in rows])
        return
    for row in rows:
        values = (f"{name}={value}" for name, value in row["attributes"].items() if value)
        print_text("  ".join((row["id"], *values)))
