"""Looks for secrets where none may be: as text, hex, base64 or bytes, in anything.

It knows what the files in a deployment's folder of secrets hold, and nothing of services.
"""

import base64
import binascii
import os
import stat
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from schemas.strkey import StrkeyError, decode_seed

LOOK_S, LOOKS = 0.02, 20


@dataclass(frozen=True)
class Canaries:
    """Every form of every secret, with the secret's name."""

    forms: dict[bytes, str]

    @classmethod
    def read(cls, folder: Path) -> "Canaries":
        """Those of a folder of secrets, one a file."""
        forms = {}
        for file in sorted(folder.iterdir()):
            for form in get_forms(file.read_text().strip()):
                forms[form] = file.name
        return cls(forms)

    def find(self, content: bytes) -> set[str]:
        """The names of the secrets that stand in `content`."""
        return {name for form, name in self.forms.items() if form in content}


def get_forms(secret: str) -> Iterator[bytes]:
    """A secret and what it encodes, each as it is, in hex and in base64 wherever it begins."""
    for raw in (secret.encode(), *_decode(secret)):
        yield raw
        yield raw.hex().encode()
        yield raw.hex().upper().encode()
        for shift in range(3):
            # Only the letters that depend on nothing else than the secret.
            encoded = base64.b64encode(bytes(shift) + raw)
            inner = encoded[(4 if shift else 0) : (len(encoded) - 4)]
            yield inner
            yield inner.replace(b"+", b"-").replace(b"/", b"_")


def _decode(secret: str) -> Iterator[bytes]:
    for decode in (decode_seed, bytes.fromhex, lambda text: base64.urlsafe_b64decode(text + "=")):
        try:
            yield decode(secret)
        except (StrkeyError, ValueError, binascii.Error):
            continue


@dataclass
class ProcessWatch:
    """Keeps every argument and every variable of every process that it sees on the machine."""

    seen: set[bytes] = field(default_factory=set)

    def __enter__(self) -> "ProcessWatch":
        self._is_over = threading.Event()
        self._thread = threading.Thread(target=self._watch)
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._is_over.set()
        self._thread.join()

    def _watch(self) -> None:
        """Each process several times, because a new one turns into another program and again."""
        looks: dict[str, int] = {}
        while not self._is_over.wait(LOOK_S):
            entries = [entry for entry in os.listdir("/proc") if entry.isdigit()]
            looks = {entry: looks.get(entry, 0) + 1 for entry in entries}
            for entry, count in looks.items():
                if count <= LOOKS:
                    self._look(entry)
        for entry in looks:
            self._look(entry)

    def _look(self, entry: str) -> None:
        for name in ("cmdline", "environ"):
            try:
                self.seen.update(Path("/proc", entry, name).read_bytes().split(b"\0"))
            except OSError:  # it has ended
                continue


def find_in_open_files(root: Path, canaries: Canaries) -> dict[str, set[str]]:
    """Files under `root` that hold secrets though others than their owner may read them."""
    found = {}
    for file in root.rglob("*"):
        status = file.lstat()
        if stat.S_ISREG(status.st_mode) and stat.S_IMODE(status.st_mode) != 0o600:
            names = canaries.find(file.read_bytes())
            if names:
                found[str(file.relative_to(root))] = names
    return found
