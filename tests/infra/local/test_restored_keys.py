"""Key-encryption keys are in no backup; with the operator's own copy of them wallets open again."""

import asyncio
import json
import shutil
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest

from gateways.client.keyserver import KeyServerClient
from gateways.client.wallets import Credentials, OpenWallet
from gateways.sealing.file import FileKeks
from infra.local import api, identity, launch, network
from infra.local.backup import back_up, restore
from infra.local.place import Place
from infra.local.postgres import PostgresServer
from infra.local.rows import SERVERS, Table
from tests.support.canary import get_forms
from tests.support.servers import make_folder

TABLE = Table(
    tiers=(SERVERS, api.IDENTITY),
    profiles={SERVERS: (SERVERS,), "all": (SERVERS, api.IDENTITY)},
    servers=(PostgresServer("postgres"),),
    programs={identity.KEYSERVER: identity.PROGRAM},
    services=identity.get_services((), (), network.get_genesis_file)[:1],
    prepare=network.prepare,
    get_kept_files=lambda place: (network.get_genesis_file(place),),
)
GIVEN = Credentials("restored@example.org", "correct horse")


@pytest.fixture
def folder() -> Iterator[Path]:
    """Where PostgreSQL's own user may come."""
    made = make_folder()
    yield made
    shutil.rmtree(made, ignore_errors=True)


def report(_: str) -> None:
    return


def start(root: Path) -> launch.RunningDeployment:
    return asyncio.run(launch.start_deployment(root, TABLE, "all", report))


def open_client(place: Place) -> KeyServerClient:
    return KeyServerClient(place.get_url("keyserver1.http"))


def sign_up(place: Place) -> OpenWallet:
    keks = FileKeks(identity.KEYSERVER, place.get_kek_file(identity.KEYSERVER))
    with open_client(place) as client:
        signup = client.sign_up(GIVEN.email, GIVEN.secret)
        with psycopg.connect(place.get_database_url(identity.KEYSERVER)) as connection:
            query = "select type, token, content from keyserver.outbox"
            ((type_, token, content),) = connection.execute(query).fetchall()
        letter = json.loads(keks.unwrap(content, f"outbox/{type_}/{token}"))
        client.confirm(signup, letter["sealed"]["code"])
        return client.unlock(GIVEN)


@pytest.mark.servers
def test_a_wallet_opens_after_a_restore_with_the_keys_kept_apart(folder: Path) -> None:
    names = ("root", "again", "backup", "secrets", "copies")
    root, again, to, secrets, copies = (folder / name for name in names)
    running = start(root)
    try:
        wallet = sign_up(running.place)
        back_up(running.place, TABLE, to, secrets, report)
        shutil.copytree(running.place.folder.keks, copies)
    finally:
        running.stop(report)
    shutil.rmtree(root)
    kept = json.loads((copies / f"{identity.KEYSERVER}.json").read_bytes())
    saved = [
        file.read_bytes() for each in (to, secrets) for file in each.rglob("*") if file.is_file()
    ]
    for key in (kept["lookup"], *kept["versions"].values()):
        assert not [form for form in get_forms(key) if any(form in each for each in saved)]
    restore(again, TABLE, to, secrets, report, copies)
    restored = start(again)
    try:
        with open_client(restored.place) as client:
            assert client.unlock(GIVEN).content == wallet.content
    finally:
        restored.stop(report)
