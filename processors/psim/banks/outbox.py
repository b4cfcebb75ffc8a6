"""Where payment files for a bank are laid: a folder, a bucket, or an address of the bank's. Shell.

A file is begun once for ever: a mark with its name stays, whatever the bank does with the file, so
that neither a restart nor a second process lays it there again. Between the mark and the file there
may be a crash; then nobody knows, and people find out.
"""

import asyncio
import os
from pathlib import Path
from typing import Protocol
from uuid import uuid4

import httpx2

from processors.psim.chains.source import ChainUnavailable
from schemas.settings import BucketSettings, Secret
from streams.archive.bucket import ArchiveUnavailable, Bucket

TIMEOUT_S = 30.0
MARK, PARTIAL = ".begun", ".partial"
TAKEN = frozenset({409, 412})


class Outbox(Protocol):
    """Its one function."""

    async def put(self, name: str, content: bytes) -> bool:
        """Whether it was laid there now; False: somebody has begun to, before. Raises
        `ChainUnavailable`: nobody knows whether it is there."""
        ...


class FolderOutbox:
    """The mark lies beside the file, in a folder of its own."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    async def put(self, name: str, content: bytes) -> bool:
        try:
            return await asyncio.to_thread(self._put, name, content)
        except OSError as error:
            raise ChainUnavailable(f"the folder for the bank: {error.strerror}") from None

    def _put(self, name: str, content: bytes) -> bool:
        marks = self._folder / MARK
        marks.mkdir(exist_ok=True)
        try:
            _write(marks / name, b"")
        except FileExistsError:
            return False
        _sync(marks)
        partial = self._folder / (name + PARTIAL)
        _write(partial, content)
        partial.rename(self._folder / name)
        _sync(self._folder)
        return True


class BucketOutbox:
    """Every try leaves a mark, and only who finds his own alone goes on."""

    def __init__(self, settings: BucketSettings, prefix: str) -> None:
        self._bucket = Bucket(settings)
        self._prefix = prefix

    async def put(self, name: str, content: bytes) -> bool:
        try:
            return await asyncio.to_thread(self._put, name, content)
        except ArchiveUnavailable as error:
            raise ChainUnavailable(f"the bucket for the bank: {error}") from None

    def _put(self, name: str, content: bytes) -> bool:
        marks = f"{self._prefix}{MARK}/{name}/"
        own = f"{marks}{uuid4().hex}"
        if self._bucket.list(marks, count=1):
            return False
        self._bucket.put(own, b"")
        if self._bucket.list(marks, count=2) != [own]:
            return False
        self._bucket.put(f"{self._prefix}{name}", content)
        return True


class HttpOutbox:
    """`PUT URL/NAME`: a bank that takes a name once, and says so ever after."""

    def __init__(self, url: str, key: Secret | None) -> None:
        headers = {} if key is None else {"authorization": f"Bearer {key.reveal()}"}
        self._url = url.rstrip("/")
        self._client = httpx2.AsyncClient(trust_env=False, timeout=TIMEOUT_S, headers=headers)

    async def put(self, name: str, content: bytes) -> bool:
        headers = {"if-none-match": "*", "content-type": "application/xml"}
        try:
            answer = await self._client.put(f"{self._url}/{name}", content=content, headers=headers)
        except (httpx2.HTTPError, OSError) as error:
            raise ChainUnavailable(f"the bank's files: {type(error).__name__}") from None
        if answer.status_code in TAKEN:
            return False
        if not answer.is_success:
            raise ChainUnavailable(f"the bank's files: HTTP status {answer.status_code}")
        return True


def _write(path: Path, content: bytes) -> None:
    """A new file, durably."""
    with path.open("xb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())


def _sync(folder: Path) -> None:
    """Makes names in it durable."""
    number = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(number)
    finally:
        os.close(number)
