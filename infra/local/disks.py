"""Space on the disks that a deployment writes to: servers stop when one is full.

Knows folders only, nothing about the servers that fill them.
"""

import os
from dataclasses import dataclass
from pathlib import Path

from infra.local.place import Place

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


def get_disks(place: Place) -> list[Disk]:
    """Where Kafka, PostgreSQL and the logs stand."""
    folders = (place.folder.kafka, Path(place.state.postgres_folder), place.folder.logs)
    return [Disk(folder, _get_free_bytes(folder)) for folder in folders]


def _get_free_bytes(folder: Path) -> int:
    """What an ordinary user may still write."""
    found = os.statvfs(folder)
    return found.f_bavail * found.f_frsize
