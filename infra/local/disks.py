"""Space on the disks that a deployment writes to: servers stop when one is full.

Knows folders only, nothing about the servers that fill them.
"""

import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from infra.local.place import Place
from infra.local.rows import Server

# Kafka preallocates 10 MiB for an index, PostgreSQL writes its log in files of 16 MiB.
FREE_BYTES_MIN = 32 * 1024 * 1024


@dataclass(frozen=True, slots=True)
class Disk:
    """That of one folder. `problem` is for the user, None while there is space."""

    folder: Path
    free_bytes: int

    @property
    def problem(self) -> str | None:
        if self.free_bytes >= FREE_BYTES_MIN:
            return None
        return (
            f"the disk of {self.folder} is full ({self.free_bytes // 1024} KiB free): "
            "make space; what has stopped goes on by itself then"
        )


def get_disks(place: Place, servers: Sequence[Server]) -> list[Disk]:
    """Where the servers' data and the logs stand."""
    folders = [each for server in servers for each in server.get_folders(place)]
    folders.append(place.folder.logs)
    return [Disk(folder, _get_free_bytes(folder)) for folder in folders]


def _get_free_bytes(folder: Path) -> int:
    """What an ordinary user may still write."""
    found = os.statvfs(folder)
    return found.f_bavail * found.f_frsize
