"""Space on the disks that a deployment writes to: servers stop when one is full.

Knows folders only, nothing about the servers that fill them.
"""

import os
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from infra.local.place import Place
from infra.local.rows import Server

# Kafka preallocates 10 MiB for an index, PostgreSQL writes its log in files of 16 MiB.
FREE_BYTES_MIN = 32 * 1024 * 1024
FREE_FILES_MIN = 64


@dataclass(frozen=True, slots=True)
class Disk:
    """That of one folder. `free_bytes`, `free_files`: how much more it can hold, None where that is
    not limited. `problem` is for the user, None while there is space.
    """

    folder: Path
    free_bytes: int | None
    free_files: int | None = None

    @property
    def problem(self) -> str | None:
        if self.free_bytes is not None and self.free_bytes < FREE_BYTES_MIN:
            lacks = f"is full ({self.free_bytes // 1024} KiB free)"
        elif self.free_files is not None and self.free_files < FREE_FILES_MIN:
            lacks = f"has no inodes left ({self.free_files} more files)"
        else:
            return None
        return f"the disk of {self.folder} {lacks}: make space; what has stopped goes on by itself"


def get_disks(place: Place, servers: Sequence[Server]) -> list[Disk]:
    """Where the servers' data and the logs stand."""
    folders = [each for server in servers for each in server.get_folders(place)]
    return [get_disk(folder) for folder in (*folders, place.folder.logs)]


def get_disk(folder: Path) -> Disk:
    """What an ordinary user may still write there, or where the folder would be made."""
    existing = folder
    while not existing.exists() and existing != existing.parent:
        existing = existing.parent
    found = os.statvfs(existing)
    # A file system without a limit says that it has room for nothing at all.
    free_bytes = found.f_bavail * found.f_frsize if found.f_blocks > 0 else None
    return Disk(folder, free_bytes, found.f_favail if found.f_files > 0 else None)


def find_problem(disks: Iterable[Disk]) -> str | None:
    return next((disk.problem for disk in disks if disk.problem is not None), None)
