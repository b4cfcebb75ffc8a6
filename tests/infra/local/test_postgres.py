"""PostgreSQL: each installation there is, as it is and where its user cannot reach it."""

import os
import shutil
import sys
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest

from infra.local import postgres, postgres_admin, processes
from infra.local.accounts import get_server_account
from infra.local.errors import Fault
from infra.local.folders import DataFolder
from infra.local.place import Place
from infra.local.postgres import Installation
from tests.infra.refusals import refused
from tests.support.database_server import make_place, run_postgres
from tests.support.servers import NativeServers

WHEEL = postgres.find_installations()[-1]


@pytest.fixture
def place() -> Iterator[Place]:
    with make_place() as made:
        yield made


def start_and_ask(place: Place, installation: Installation) -> str:
    """Makes a cluster and a database, runs the server, returns the version it tells."""
    with run_postgres(place, installation):
        for names in (["a"], ["a", "b"]):
            passwords = {name: place.get_secret(f"postgres.{name}") for name in names}
            postgres_admin.create_databases(postgres.get_superuser_url(place), passwords)
        with psycopg.connect(place.get_database_url("a")) as connection:
            row = connection.execute("SHOW server_version").fetchone()
            assert connection.execute("SELECT upper('é') = 'É'").fetchone() is not None
    return str(row and row[0])


@pytest.mark.servers
@pytest.mark.parametrize(
    "installation", postgres.find_installations(), ids=lambda i: str(i.version)
)
def test_every_installation_works(place: Place, installation: Installation) -> None:
    assert start_and_ask(place, installation).startswith(str(installation.version))
    folder = postgres.get_folder(place)
    assert postgres.choose_installation(folder).version == installation.version
    # What initdb needed is gone, the password above all; a private clone's programs were copied.
    left = {path.name for path in folder.parent.glob("postgres*")}
    assert left - {f"postgres-{installation.version}-programs"} == {"postgres"}


@pytest.mark.servers
def test_programs_in_a_private_folder_are_copied_for_root(place: Place, tmp_path: Path) -> None:
    tmp_path.chmod(0o700)
    for folder in WHEEL.package:
        shutil.copytree(folder, tmp_path / folder.name)
    package = tuple(tmp_path / folder.name for folder in WHEEL.package)
    private = Installation(WHEEL.version, package[0] / "pginstall/bin", package)
    assert start_and_ask(place, private).startswith(str(WHEEL.version))
    copies = place.folder.root / f"postgres-{WHEEL.version}-programs"
    assert copies.exists() == (os.geteuid() == 0)


@pytest.mark.skipif(os.geteuid() != 0, reason="only root's PostgreSQL runs as another user")
def test_databases_go_where_postgresql_s_user_can_reach_them(tmp_path: Path) -> None:
    tmp_path.chmod(0o700)
    folder = DataFolder(tmp_path / "data")
    folder.make(is_shared=True)
    place = Place(folder)
    account = get_server_account()
    chosen = postgres.choose_folder(place, account)
    assert chosen == postgres.choose_folder(place, account)
    assert chosen.is_relative_to(postgres.REACHABLE)
    assert account is not None
    assert account.can_pass_to(chosen.parent)
    assert not account.can_pass_to(folder.root)
    shutil.rmtree(chosen.parent)


def test_databases_of_a_version_that_is_gone_are_refused(tmp_path: Path) -> None:
    (tmp_path / "PG_VERSION").write_text("9\n")
    with refused(Fault.POSTGRES_MISSING):
        postgres.choose_installation(tmp_path)


def test_no_password_on_a_command_line_or_in_the_log(own_servers: NativeServers) -> None:
    url = own_servers.create_database("secretive")
    place = own_servers.running.place
    passwords = [file.read_bytes().strip() for file in place.folder.secrets.iterdir()]
    assert len(passwords) == 7
    with psycopg.connect(url) as connection, pytest.raises(psycopg.errors.UndefinedColumn):
        connection.execute(f"SELECT nonsense AS {passwords[0].decode()!r}".replace("'", '"'))
    seen = b"".join(file.read_bytes() for file in place.folder.logs.iterdir())
    for process_id in processes.find_processes(place.folder.root):
        seen += Path("/proc", str(process_id), "cmdline").read_bytes()
        seen += Path("/proc", str(process_id), "environ").read_bytes()
    assert b"postgres" in seen
    assert [password for password in passwords if password in seen] == []


def test_servers_listen_on_this_machine_alone(own_servers: NativeServers) -> None:
    """Every listening TCP socket of the deployment is on 127.0.0.1, IPv4-mapped or not."""
    root = own_servers.running.place.folder.root
    inodes = set()
    for process_id in processes.find_processes(root):
        for entry in Path("/proc", str(process_id), "fd").iterdir():
            target = os.readlink(entry) if entry.is_symlink() else ""
            if target.startswith("socket:["):
                inodes.add(target[8:-1])
    addresses = set()
    for table in ("/proc/net/tcp", "/proc/net/tcp6"):
        for line in Path(table).read_text().splitlines()[1:]:
            _, local, _, state, *_, inode = line.split()[:10]
            if state == "0A" and inode in inodes:
                addresses.add(local.partition(":")[0])
    word = "0100007F" if sys.byteorder == "little" else "7F000001"
    assert {address[-8:] for address in addresses} == {word}
