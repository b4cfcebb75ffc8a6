"""Backups of a whole deployment, and a deployment out of one. It knows no server by name.

What each server holds follows from the rows: every database, bucket and topic is in a backup, also
those of later services. Secrets are not: they are copied to a folder of their own, so that whoever
has one of the two can neither act nor read. Key-encryption keys are in neither: who makes backups
must not be able to open them. What depends on something is saved before it (topics and archives
before views, views before nodes), so that what is restored never lies ahead of the nodes.
"""

import asyncio
import dataclasses
import hashlib
import json
import shutil
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from infra.local import launch
from infra.local.accounts import get_server_account
from infra.local.errors import Fault, LocalError
from infra.local.folders import DataFolder, write_private
from infra.local.place import Place
from infra.local.rows import SERVERS, Report, Server, Table

FORMAT = 2
MANIFEST = "backup.json"
CONFIG = "config"


def back_up(place: Place, table: Table, folder: Path, keys: Path, report: Report) -> dict[str, Any]:
    """Saves what the running deployment holds into `folder`, and its secrets into `keys`; both are
    new. The manifest is last: a backup without one is none. Raises LocalError.
    """
    _require_apart(folder, keys)
    began = time.monotonic()
    for each in (folder, keys):
        _make_new(each)
    table = table.get_for(place)
    (folder / CONFIG).mkdir(mode=0o700)
    for file in table.get_kept_files(place):
        shutil.copy2(file, folder / CONFIG / file.name)
    servers = _get_servers(table, place.state.profile)
    for server in sorted(servers, key=lambda each: each.backup_order):
        home = folder / server.name
        home.mkdir(mode=0o700)
        server.back_up(place, table, home, report)
    for secret in sorted(place.folder.secrets.iterdir()):
        write_private(keys / secret.name, secret.read_bytes())
    files = {str(file.relative_to(folder)): _compute_hash(file) for file in _walk(folder)}
    state = place.state
    manifest = {
        "format": FORMAT,
        "profile": state.profile,
        "joined": state.joined,
        "files": files,
    }
    write_private(folder / MANIFEST, json.dumps(manifest, indent=1).encode() + b"\n")
    size = sum(file.stat().st_size for file in _walk(folder))
    return {
        "folder": str(folder),
        "keys": str(keys),
        "not_in_it": str(place.folder.keks),
        "files": len(files),
        "bytes": size,
        "seconds": round(time.monotonic() - began, 1),
    }


def restore(
    root: Path, table: Table, folder: Path, keys: Path, report: Report, keks: Path | None = None
) -> dict[str, Any]:
    """Makes a deployment on the new data folder `root` out of a backup; it does not run afterwards.
    `keks`: a copy of the old folder of key-encryption keys, which are in no backup. Raises
    LocalError, also if a file is missing or is not what it was.
    """
    manifest = _read_manifest(folder)
    _verify(folder, manifest["files"])
    data = DataFolder(root.resolve())
    if data.state_file.exists():
        raise LocalError(
            f"{root} holds a deployment: restore to a new folder", fault=Fault.FOREIGN_FILES
        )
    data.make(is_shared=get_server_account() is not None)
    for secret in sorted(keys.iterdir()):
        write_private(data.secrets / secret.name, secret.read_bytes())
    for file in () if keks is None else sorted(keks.iterdir()):
        write_private(data.keks / file.name, file.read_bytes())
    for file in sorted((folder / CONFIG).iterdir()):
        shutil.copy2(file, data.config / file.name)
    began = time.monotonic()
    joined = manifest["joined"]
    if joined and table.extend is not None:
        table = table.extend(tuple(joined))
    servers = _get_servers(table, manifest["profile"])
    tiers = tuple(dict.fromkeys(each.tier for each in servers))
    alone = dataclasses.replace(table, profiles={SERVERS: tiers})
    running = asyncio.run(launch.start_deployment(root, alone, SERVERS, report))
    try:
        for server in servers:
            server.restore(running.place, table, folder / server.name, report)
        running.place.state.profile, running.place.state.joined = manifest["profile"], joined
        running.place.save()
    finally:
        running.stop(report)
    return {"data_folder": str(root), "seconds": round(time.monotonic() - began, 1)}


def _get_servers(table: Table, profile: str) -> list[Server]:
    """Those of the profile that save anything."""
    return [each for each in table.get_servers(profile) if type(each).back_up is not Server.back_up]


def _require_apart(folder: Path, keys: Path) -> None:
    one, other = folder.resolve(), keys.resolve()
    if one == other or one in other.parents or other in one.parents:
        raise LocalError(
            "secrets and data belong apart: name two folders, neither within the other",
            fault=Fault.UNUSABLE_NAME,
        )


def _make_new(folder: Path) -> None:
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    if any(folder.iterdir()):
        raise LocalError(f"{folder} is not empty: name a new one", fault=Fault.FOREIGN_FILES)


def _read_manifest(folder: Path) -> Mapping[str, Any]:
    try:
        manifest = json.loads((folder / MANIFEST).read_bytes())
    except FileNotFoundError:
        raise LocalError(
            f"{folder} holds no complete backup: {MANIFEST}, which is written last, is missing",
            fault=Fault.BACKUP_DAMAGED,
        ) from None
    except ValueError:
        manifest = {}
    if manifest.get("format") != FORMAT:
        raise LocalError(f"{folder / MANIFEST} is not ours", fault=Fault.BACKUP_DAMAGED)
    found: Mapping[str, Any] = manifest
    return found


def _verify(folder: Path, files: Mapping[str, str]) -> None:
    for name, expected in files.items():
        file = folder / name
        if not file.is_file() or _compute_hash(file) != expected:
            raise LocalError(
                f"{file} is missing, or is not what it was: take another backup",
                fault=Fault.BACKUP_DAMAGED,
            )


def _walk(folder: Path) -> Iterator[Path]:
    return (file for file in sorted(folder.rglob("*")) if file.is_file())


def _compute_hash(file: Path) -> str:
    with file.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()
