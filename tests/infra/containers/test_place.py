"""What is prepared for containers: settings that load, secrets where they belong, the same again.

Whether the containers then run is what `make test-containers` shows.
"""

import os
import re
from pathlib import Path

import msgspec
import pytest

from infra.containers.place import IMAGE_USER, INSIDE, SETTINGS, prepare
from infra.containers.target import COMPOSE_FILE
from infra.local.folders import DataFolder
from infra.local.rows import load_object
from infra.local.table import TABLE
from schemas.settings import load_config
from tests.support.canary import Canaries, find_in_open_files

SERVICES = TABLE.get_services("all")


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("deployment")
    prepare(root, TABLE)
    return root


def read_all(root: Path) -> dict[str, bytes]:
    return {str(f.relative_to(root)): f.read_bytes() for f in root.rglob("*") if f.is_file()}


@pytest.mark.parametrize("service", SERVICES, ids=lambda service: service.name)
def test_settings_load_and_all_they_name_is_there(root: Path, service: object) -> None:
    row = next(each for each in SERVICES if each is service)
    home = root / "services" / row.name
    text = (home / SETTINGS).read_text()
    assert str(root) not in text
    named = set(re.findall(rf"{INSIDE}/([\w.]+)", text))
    assert named == {file.name for file in home.iterdir()} - {SETTINGS}
    here = home / "here.toml"
    here.write_text(text.replace(str(INSIDE), str(home)))
    try:
        load_config(load_object(TABLE.programs[row.program].settings), here, {})
    finally:
        here.unlink()


def test_each_service_sees_its_own_secrets_alone(root: Path) -> None:
    canaries = Canaries.read(root / "secrets")
    for row in SERVICES:
        seen = set().union(
            *(canaries.find(file.read_bytes()) for file in (root / "services" / row.name).iterdir())
        )
        own = {f"kafka.{row.name}", f"postgres.{row.database_name}"}
        if row.program == "core":
            own |= {f"{row.name}.seed", f"{row.name}.token", f"s3.{row.name}"}
        if row.program == "horizon-gateway":
            own |= {f"core{row.name[-1]}.token"}
        if row.program == "horizon-processor":
            own |= {f"s3.{row.name}"}
        if row.program == "psim":
            own = {f"kafka.{row.name}", f"s3.{row.name}", f"{row.name}.seed", "psim.token"}
            own |= {"btcd.rpc", f"{row.name}.gas", "sandbox.gateway"}
            own |= {f"{row.name}.cosigner.seed", f"{row.name}.chains", "psim.payouts"}
        if row.program == "notificator":
            own |= {"notificator.key", "notificator.token", "api.token"}
        if row.program == "keyserver":
            own |= {"keyserver.statement.key"}
        if row.program == "keychain":
            own = {"keychain-postgres.keychain", "keychain.reader.seed"}
        if row.program == "api":
            own |= {"api.registrar.seed", "api.token", "notificator.token", f"s3.{row.name}"}
            own |= {"psim.payouts"}
        if row.program == "kyc":
            own |= {"kyc.token", "kyc.checker.seed", f"s3.{row.name}"}
        assert seen == own
    for file in ("compose.env", "endpoints.json", "state.json"):
        assert canaries.find((root / file).read_bytes()) == set()
    assert canaries.find(COMPOSE_FILE.read_bytes()) == set()


def test_every_user_of_kafka_has_its_password_before_containers_run(root: Path) -> None:
    """The job that makes the users sees the secrets, and cannot write any."""
    made = {file.name for file in DataFolder(root).secrets.iterdir()}
    assert {f"kafka.{user}" for user in TABLE.get_roles()} <= made


def test_files_are_for_one_user_alone(root: Path) -> None:
    owner = IMAGE_USER if os.geteuid() == 0 else os.geteuid()
    for path in (root, *root.rglob("*")):
        assert path.stat().st_uid == owner
    assert find_in_open_files(root, Canaries.read(root / "secrets")) == {}


def test_again_it_writes_the_same(root: Path) -> None:
    before = read_all(root)
    prepare(root, TABLE)
    assert read_all(root) == before


def test_every_service_is_in_the_compose_file(root: Path) -> None:
    text = COMPOSE_FILE.read_text()
    names = set(re.findall(r"^  ([a-z0-9-]+):$", text.partition("\nservices:")[2], re.MULTILINE))
    servers = {server.name for server in TABLE.servers}
    assert names == {row.name for row in SERVICES} | servers | {"administrator"}
    variables = set(re.findall(r"\$\{([A-Z0-9_]+)\}", text))
    known = {line.partition("=")[0] for line in (root / "compose.env").read_text().splitlines()}
    assert variables == known


def test_users_find_the_gateways_where_they_are_published(root: Path) -> None:
    endpoints = msgspec.json.decode((root / "endpoints.json").read_bytes())
    for number, url in enumerate(endpoints["horizon"], start=1):
        assert url.startswith("http://127.0.0.1:")
        settings = (root / "services" / f"gateway{number}" / SETTINGS).read_text()
        assert f'public_url = "{url}"' in settings
    assert endpoints["kafka"]["bootstrap_servers"].startswith("127.0.0.1:")
