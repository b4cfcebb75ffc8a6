"""Verbs about key-encryption keys: what a deployment has, and a new version of it."""

import time
from pathlib import Path
from typing import Annotated

import typer

from infra.cli.deployments import DataOption, get_root
from infra.cli.output import JsonOption, print_json, print_text
from infra.local.errors import Fault, LocalError

WRAPPED_S = 600  # by then services have wrapped again by a new version

app = typer.Typer(help="Key-encryption keys of services, which no backup holds.")


@app.command("list")
def show(data: DataOption = None, as_json: JsonOption = False) -> None:
    """Whose keys there are, and where: copy them to where no backup lies."""
    from infra.local.folders import DataFolder

    files = sorted(DataFolder(get_root(data)).keks.glob("*.json"))
    if as_json:
        print_json({file.stem: str(file) for file in files})
        return
    for file in files:
        print_text(f"{file.stem:<12} {file}")


@app.command("rotate")
def rotate(
    name: Annotated[str, typer.Argument(help="As `tokend keks list` shows it.")],
    data: DataOption = None,
) -> None:
    """Add a version. Within a minute services wrap again by it what older ones have wrapped."""
    from gateways.sealing.file import add_version
    from gateways.sealing.keks import KekError
    from infra.local.folders import DataFolder, write_private

    file = DataFolder(get_root(data)).keks / f"{name}.json"
    try:
        write_private(file, add_version(file.read_bytes()))
    except FileNotFoundError:
        raise LocalError(f"there are no keys {name!r}", fault=Fault.UNKNOWN_NAME) from None
    except KekError as error:
        raise LocalError(f"{file}: {error}") from None
    print_text(f"{file}: copy it again to where no backup lies")


@app.command("turn")
def turn(
    copy_to: Annotated[
        Path, typer.Option("--copy-to", help="Your folder of copies, where no backup lies.")
    ],
    data: DataOption = None,
    days: Annotated[int, typer.Option(min=1, max=30, help="How long a version wraps.")] = 15,
    as_json: JsonOption = False,
) -> None:
    """For a timer, once a day: add versions to keys that are older, destroy those that were
    superseded as long ago, and copy what has changed before it is used."""
    from gateways.sealing.keks import KekError
    from infra.local.key_epochs import turn as turn_keys
    from infra.local.shutdown import open_deployment

    try:
        done = turn_keys(open_deployment(get_root(data)), copy_to, days, time.time())
    except (KekError, OSError) as error:
        raise LocalError(str(error)) from None
    if as_json:
        print_json(done)
        return
    for name, each in done.items():
        print_text(f"{name:<12} {', '.join(each) or 'as it was'}")


@app.command("turn-module")
def turn_module(
    service: Annotated[str, typer.Argument(help="keyserver, api or keychain.")],
    config: Annotated[Path, typer.Option(help="The settings of an instance, with [kek.pkcs11].")],
    days: Annotated[int, typer.Option(min=1, max=30, help="How long a version wraps.")] = 15,
) -> None:
    """As `turn`, for keys in a security module, while the instance of the settings is ready."""
    from gateways.sealing.keks import KekError
    from infra.cli.services import load_settings
    from infra.local.health import is_healthy
    from infra.local.key_epochs import turn_module as turn_keys

    settings = load_settings(service, config)
    kek = getattr(settings, "kek", None)
    if kek is None or kek.pkcs11 is None:
        text = f"{config}: there is no [kek.pkcs11]"
        raise LocalError(text, fault=Fault.UNKNOWN_NAME)
    is_served = is_healthy(f"{settings.host}:{settings.port}", "/ready")
    try:
        done = turn_keys(kek.name, kek.pkcs11, days, time.time(), is_served=is_served)
    except KekError as error:
        raise LocalError(str(error)) from None
    print_text(f"{kek.name}: {done or 'as it was'}")


@app.command("retire")
def retire(
    name: Annotated[str, typer.Argument(help="As `tokend keks list` shows it.")],
    data: DataOption = None,
    is_now: Annotated[
        bool, typer.Option("--now", help="Even if services may not have wrapped all again yet.")
    ] = False,
) -> None:
    """Destroy all versions but the newest: what backups hold under them can never be read again.
    Copies of the file elsewhere must be replaced as well."""
    from gateways.sealing.file import drop_old_versions
    from gateways.sealing.keks import KekError
    from infra.local.folders import DataFolder, write_private

    file = DataFolder(get_root(data)).keks / f"{name}.json"
    try:
        age_s = time.time() - file.stat().st_mtime
        if age_s < WRAPPED_S and not is_now:
            raise LocalError(f"the newest version is {age_s:.0f} s old: wait for {WRAPPED_S} s")
        write_private(file, drop_old_versions(file.read_bytes()))
    except FileNotFoundError:
        raise LocalError(f"there are no keys {name!r}", fault=Fault.UNKNOWN_NAME) from None
    except KekError as error:
        raise LocalError(f"{file}: {error}") from None
    print_text(f"{file}: replace every copy of it by this one")
