"""Keys turn by the calendar, and the copy is there before they are used."""

import json
import threading
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from gateways.sealing import pkcs11
from gateways.sealing.file import FileKeks
from gateways.sealing.keks import Unopenable
from gateways.sealing.settings import Pkcs11Settings
from infra.cli.main import app
from infra.local.folders import DataFolder
from infra.local.key_epochs import DAY_S, turn, turn_module
from infra.local.place import Place
from infra.local.table import TABLE
from infra.local.toml import encode_toml
from schemas.settings import Secret
from tests.support.security_module import PIN, token

__all__ = ["token"]

NAME, DAYS = "keyserver", 15


@pytest.fixture
def place(tmp_path: Path) -> Place:
    folder = DataFolder(tmp_path / "data")
    folder.make(is_shared=False)
    made = Place(folder)
    made.get_kek_file(NAME)
    return made


@pytest.fixture
def served(place: Place) -> Iterator[None]:
    """An instance that is ready: it has wrapped everything by the newest version."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200)
            self.end_headers()

        def log_message(self, *_: Any) -> None:
            return

    server = ThreadingHTTPServer(("127.0.0.1", place.get_port("keyserver2.http")), Handler)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield
    server.shutdown()
    server.server_close()
    thread.join()


def turn_on_day(place: Place, copies: Path, day: int) -> list[str]:
    return turn(place, copies, DAYS, time.time() + day * DAY_S)[NAME]


@pytest.mark.usefixtures("served")
def test_a_version_wraps_for_an_epoch_and_is_readable_for_another(
    place: Place, tmp_path: Path
) -> None:
    copies, file = tmp_path / "copies", place.get_kek_file(NAME)
    assert turn_on_day(place, copies, 0) == ["copied"]
    assert turn_on_day(place, copies, DAYS - 1) == []
    wrapped = FileKeks(NAME, file).wrap(b"plain", "here")
    assert turn_on_day(place, copies, DAYS) == ["a new version made", "copied"]
    keks = FileKeks(NAME, file)
    assert (keks.newest, keks.unwrap(wrapped, "here")) == (2, b"plain")
    assert "old versions destroyed" in turn_on_day(place, copies, 2 * DAYS)
    content = json.loads(file.read_bytes())
    assert list(content["versions"]) == ["2", "3"]
    assert json.loads((copies / file.name).read_bytes()) == content
    assert (copies / file.name).stat().st_mode & 0o777 == 0o600


def test_nothing_is_destroyed_while_no_instance_is_ready(place: Place, tmp_path: Path) -> None:
    for day in (DAYS, 2 * DAYS, 3 * DAYS):
        assert "old versions destroyed" not in turn_on_day(place, tmp_path / "copies", day)
    assert FileKeks(NAME, place.get_kek_file(NAME)).newest == 4


def test_a_copy_is_there_before_its_keys_are_used(
    place: Place, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The machine dies between the two: what runs goes on with the old version."""
    copies, file = tmp_path / "copies", place.get_kek_file(NAME)
    before = file.read_bytes()
    later = json.loads(before)["made"]["1"] + DAYS * DAY_S
    written: list[Path] = []

    def write(path: Path, content: bytes) -> None:
        if path == file:
            raise OSError("the machine dies")
        written.append(path)
        path.write_bytes(content)

    monkeypatch.setattr("infra.local.key_epochs.write_private", write)
    with pytest.raises(OSError, match="dies"):
        turn(place, copies, DAYS, later)
    assert written == [copies / file.name]
    assert file.read_bytes() == before
    assert list(json.loads(written[0].read_bytes())["versions"]) == ["1", "2"]


def test_keys_in_a_module_turn_likewise(token: tuple[str, str]) -> None:
    module, label = token
    settings = Pkcs11Settings(module=module, token=label, pin=Secret(PIN))
    place = ("epochs", module, label, PIN)
    now = time.time()
    pkcs11.add_version(*place, now)
    keks = pkcs11.Pkcs11Keks(*place)
    wrapped = keks.wrap(b"plain", "here")

    def turn_on(day: int, *, is_served: bool = True) -> str:
        at = now + day * DAY_S
        return turn_module("epochs", settings, DAYS, at, is_served=is_served)

    assert [turn_on(day) for day in (0, DAYS - 1, DAYS + 1)] == ["", "", "made 2"]
    keks.refresh()
    assert (keks.newest, keks.unwrap(wrapped, "here")) == (2, b"plain")
    assert turn_on(2 * DAYS + 2, is_served=False) == "made 3"
    assert turn_on(2 * DAYS + 2) == "destroyed 1"
    keks.refresh()
    with pytest.raises(Unopenable):
        keks.unwrap(wrapped, "here")


def test_the_verb_turns_the_keys_that_the_settings_name(
    token: tuple[str, str], place: Place, tmp_path: Path
) -> None:
    module, label = token
    pkcs11.add_version("verb", module, label, PIN, time.time() - (DAYS + 1) * DAY_S)
    (row,) = (each for each in TABLE.services if each.name == "keyserver1")
    settings = dict(row.get_settings(place))
    in_file = tmp_path / "in-a-file.toml"
    in_file.write_text(encode_toml(settings))
    in_module = tmp_path / "in-a-module.toml"
    kek = {"name": "verb", "pkcs11": {"module": module, "token": label, "pin": PIN}}
    in_module.write_text(encode_toml(settings | {"kek": kek}))

    def run(config: Path) -> str:
        verb = ["keks", "turn-module", "keyserver", "--config", str(config), "--days", str(DAYS)]
        done = CliRunner().invoke(app, verb)
        return done.output.strip() or str(done.exception)

    assert run(in_module) == "verb: made 2"
    assert run(in_module) == "verb: as it was"
    assert run(in_file) == f"{in_file}: there is no [kek.pkcs11]"
