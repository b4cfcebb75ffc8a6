"""Key-encryption keys: in a file and in a module (SoftHSM2), by the same tests."""

import secrets
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest

from gateways.sealing import file, pkcs11
from gateways.sealing.file import FileKeks
from gateways.sealing.keks import KekError, KeyEncryptionKeys, Unopenable, get_version
from gateways.sealing.settings import KekSettings, open_keks
from tests.support.security_module import PIN, token

__all__ = ["token"]

DAY_S = 86_400


@dataclass
class Set:
    """Keys, and how another version of them is made, as an operator does."""

    keks: KeyEncryptionKeys
    add_version: Callable[..., object]
    drop_old_versions: Callable[[float], object]
    open_others: Callable[[], KeyEncryptionKeys]


def make_file_set(folder: Path) -> Set:
    def make(name: str) -> Path:
        path = folder / name
        path.touch(mode=0o600)
        path.write_bytes(file.make_content())
        return path

    path = make("keks.json")
    return Set(
        FileKeks("people", path),
        lambda now=None: path.write_bytes(file.add_version(path.read_bytes(), now)),
        lambda until: path.write_bytes(file.drop_old_versions(path.read_bytes(), until)),
        lambda: FileKeks("people", make("others.json")),
    )


def make_module_set(token: tuple[str, str]) -> Set:
    module, label = token
    name, others = (f"{each}-{secrets.token_hex(4)}" for each in ("people", "others"))
    for each in (name, others):
        pkcs11.add_version(each, module, label, PIN)
    return Set(
        pkcs11.Pkcs11Keks(name, module, label, PIN),
        lambda now=None: pkcs11.add_version(name, module, label, PIN, now),
        lambda until: pkcs11.drop_old_versions(name, module, label, PIN, until),
        lambda: pkcs11.Pkcs11Keks(others, module, label, PIN),
    )


@pytest.fixture(params=["file", "module"])
def made(request: pytest.FixtureRequest, tmp_path: Path) -> Set:
    if request.param == "file":
        return make_file_set(tmp_path)
    return make_module_set(request.getfixturevalue("token"))


def test_what_is_wrapped_opens_in_its_place_alone(made: Set) -> None:
    wrapped = made.keks.wrap(b"a secret", "wallets.verifier/1")
    assert b"a secret" not in wrapped
    assert made.keks.unwrap(wrapped, "wallets.verifier/1") == b"a secret"
    assert made.keks.wrap(b"a secret", "wallets.verifier/1") != wrapped
    for context in ("wallets.verifier/2", "wallets.envelope/1", ""):
        with pytest.raises(Unopenable):
            made.keks.unwrap(wrapped, context)
    for position in range(len(wrapped)):
        changed = bytearray(wrapped)
        changed[position] ^= 1
        with pytest.raises(Unopenable):
            made.keks.unwrap(bytes(changed), "wallets.verifier/1")
    for length in range(len(wrapped)):
        with pytest.raises(Unopenable):
            made.keks.unwrap(wrapped[:length], "wallets.verifier/1")


def test_others_keys_open_nothing(made: Set) -> None:
    wrapped = made.keks.wrap(b"a secret", "here")
    with pytest.raises(Unopenable):
        made.open_others().unwrap(wrapped, "here")


def test_a_new_version_wraps_and_old_ones_still_open(made: Set) -> None:
    keks = made.keks
    old, lookup = keks.wrap(b"a secret", "here"), keks.compute_lookup("email", b"a@b.example")
    assert keks.rewrap(old, "here") is None
    made.add_version()
    assert keks.unwrap(old, "here") == b"a secret"
    keks.refresh()
    assert keks.newest == 2
    new = keks.rewrap(old, "here")
    assert new is not None
    assert (get_version(old), get_version(new)) == (1, 2)
    assert keks.unwrap(new, "here") == b"a secret"
    assert keks.compute_lookup("email", b"a@b.example") == lookup


def test_versions_end_once_their_successor_is_old(made: Set) -> None:
    keks, began = made.keks, time.time()
    assert abs((keks.newest_made or 0) - began) < 60
    wrapped = [keks.wrap(b"a secret", "here")]
    for days in (10, 20):
        made.add_version(began + days * DAY_S)
        keks.refresh()
        assert keks.newest_made == int(began + days * DAY_S)
        wrapped.append(keks.wrap(b"a secret", "here"))
    made.drop_old_versions(began + 15 * DAY_S)
    keks.refresh()
    with pytest.raises(Unopenable):
        keks.unwrap(wrapped[0], "here")
    assert [keks.unwrap(each, "here") for each in wrapped[1:]] == [b"a secret"] * 2


def test_a_version_that_another_process_has_used_is_found(tmp_path: Path) -> None:
    made = make_file_set(tmp_path)
    other = FileKeks("people", tmp_path / "keks.json")
    made.add_version()
    made.keks.refresh()
    assert other.unwrap(made.keks.wrap(b"a secret", "here"), "here") == b"a secret"


def test_lookups_differ_by_purpose_value_and_keys(made: Set) -> None:
    keks, others = made.keks, made.open_others()
    found = [
        keks.compute_lookup("email", b"a@b.example"),
        keks.compute_lookup("email", b"c@b.example"),
        keks.compute_lookup("salt", b"a@b.example"),
        keks.compute_lookup("emaila", b"@b.example"),
    ]
    found.append(others.compute_lookup("email", b"a@b.example"))
    assert len(set(found)) == len(found)
    assert found[0] == keks.compute_lookup("email", b"a@b.example")


def test_a_file_that_others_may_read_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "keks.json"
    path.write_bytes(file.make_content())
    path.chmod(0o644)
    with pytest.raises(KekError, match="others may read it"):
        FileKeks("people", path)


@pytest.mark.parametrize("content", [b"", b"{}", b'{"lookup": "00", "versions": {"1": "00"}}'])
def test_a_damaged_file_is_refused_without_showing_it(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "keks.json"
    path.touch(mode=0o600)
    path.write_bytes(content)
    with pytest.raises(KekError, match="put it back"):
        FileKeks("people", path)


def test_settings_name_one_place(tmp_path: Path) -> None:
    with pytest.raises(KekError, match="either"):
        open_keks(KekSettings(name="people"))
    with pytest.raises(KekError, match="put the file"):
        open_keks(KekSettings(name="people", path=tmp_path / "gone.json"))
