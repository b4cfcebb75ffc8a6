"""Epochs of key-encryption keys: each version wraps for some days, and is destroyed as many days
after its successor was made. A timer of the operator's turns them (`tokend keks turn`).

A copy of the keys is written before anything is wrapped by them: the machine may die at any time.
"""

from pathlib import Path

from gateways.sealing import pkcs11
from gateways.sealing.file import add_version, drop_old_versions, get_made
from gateways.sealing.pkcs11 import Pkcs11Keks
from gateways.sealing.settings import Pkcs11Settings
from infra.local import api, identity, keychain
from infra.local.folders import write_private
from infra.local.health import is_healthy
from infra.local.place import Place

DAY_S = 86_400
INSTANCES = {
    api.DATABASE: tuple(api.INSTANCES),
    identity.KEYSERVER: identity.INSTANCES,
    keychain.KEYCHAIN: tuple(keychain.INSTANCES),
}


def turn(place: Place, copies: Path, days: int, now: float) -> dict[str, list[str]]:
    """What was done, by the name of the keys. `copies`: a folder where no backup lies. Raises
    KekError."""
    copies.mkdir(mode=0o700, parents=True, exist_ok=True)
    return {
        file.stem: _turn_one(place, file, copies / file.name, days, now)
        for file in sorted(place.folder.keks.glob("*.json"))
    }


def _turn_one(place: Place, file: Path, copy: Path, days: int, now: float) -> list[str]:
    old = new = file.read_bytes()
    done, until = [], now - days * DAY_S
    # Who is ready has wrapped everything by the newest version within the last minutes.
    if _is_served(place, file.stem):
        new = drop_old_versions(old, until)
        done += ["old versions destroyed"] if new != old else []
    if get_made(old) <= until:
        new = add_version(new, now)
        done.append("a new version made")
    if not copy.exists() or copy.read_bytes() != new:
        write_private(copy, new)
        done.append("copied")
    if new != old:
        write_private(file, new)
    return done


def turn_module(name: str, token: Pkcs11Settings, days: int, now: float, *, is_served: bool) -> str:
    """The same for keys in a security module: whose backups are that module's own. Raises
    KekError."""
    place = (name, token.module, token.token, token.pin.reveal())
    until, done = now - days * DAY_S, []
    made = Pkcs11Keks(*place).newest_made or 0
    if is_served and (gone := pkcs11.drop_old_versions(*place, until)):
        done.append(f"destroyed {', '.join(map(str, gone))}")
    if made <= until:
        done.append(f"made {pkcs11.add_version(*place, now)}")
    return "; ".join(done)


def _is_served(place: Place, name: str) -> bool:
    addresses = [place.get_address(f"{each}.http") for each in INSTANCES.get(name, ())]
    return any(is_healthy(each, "/ready") for each in addresses)
