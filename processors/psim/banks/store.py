"""Where a bank's files lie: a folder, a bucket, or a list that the bank serves. Shell.

Files are read once: their names never stand for other contents, and if they do, nothing is lost,
because the deliveries of one statement are compared by what they say.
"""

import asyncio
from pathlib import Path
from typing import Any, Protocol

import httpx2
import msgspec

from processors.http_answers import AnswerTooLarge, read_bounded
from processors.psim.banks.iso20022 import BYTES_MAX
from processors.psim.chains.source import ChainContradiction, ChainUnavailable
from schemas.settings import BucketSettings
from streams.archive.bucket import ArchiveUnavailable, Bucket, ObjectMissing

FILES_MAX, SUFFIX = 100_000, ".xml"
TIMEOUT_S = 30.0
PAGE = 1_000


class FileStore(Protocol):
    """Raises `ChainUnavailable`, and `ChainContradiction` for what is too large."""

    async def list(self) -> list[str]: ...

    async def read(self, name: str) -> bytes: ...


class FolderStore:
    """Files that end with .xml; partial ones have other names until they are whole."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    async def list(self) -> list[str]:
        try:
            return sorted(each.name for each in self._folder.iterdir() if each.suffix == SUFFIX)
        except OSError as error:
            raise ChainUnavailable(f"the bank's folder: {error.strerror}") from None

    async def read(self, name: str) -> bytes:
        path = self._folder / name
        try:
            if path.stat().st_size > BYTES_MAX:
                raise ChainContradiction(f"{name}: more than {BYTES_MAX} bytes")
            return await asyncio.to_thread(path.read_bytes)
        except OSError as error:
            raise ChainUnavailable(f"{name}: {error.strerror}") from None


class BucketStore:
    """Objects below a prefix, whose names end with .xml."""

    def __init__(self, settings: BucketSettings, prefix: str) -> None:
        self._bucket = Bucket(settings)
        self._prefix = prefix

    async def list(self) -> list[str]:
        try:
            return await asyncio.to_thread(self._list)
        except ArchiveUnavailable as error:
            raise ChainUnavailable(f"the bank's bucket: {error}") from None

    def _list(self) -> Any:
        found: Any = []
        while len(found) < FILES_MAX:
            page = self._bucket.list(self._prefix, found[-1] if found else "", PAGE)
            if not page:
                break
            found += page
        return [each for each in found if each.endswith(SUFFIX)]

    async def read(self, name: str) -> bytes:
        try:
            return await asyncio.to_thread(self._bucket.get, name, BYTES_MAX)
        except ObjectMissing as error:
            raise ChainContradiction(str(error)) from None
        except ArchiveUnavailable as error:
            raise ChainUnavailable(f"the bank's bucket: {error}") from None


class HttpStore:
    """`URL`: a JSON list of names; `URL/NAME`: a file."""

    def __init__(self, url: str) -> None:
        self._url = url.rstrip("/")
        self._client = httpx2.AsyncClient(trust_env=False, timeout=TIMEOUT_S)

    async def list(self) -> list[str]:
        try:
            return msgspec.json.decode(await self._get(self._url), type=list[str])[:FILES_MAX]
        except msgspec.DecodeError:
            raise ChainContradiction("the bank's list of files is none") from None

    async def read(self, name: str) -> bytes:
        return await self._get(f"{self._url}/{name}")

    async def _get(self, url: str) -> bytes:
        try:
            async with self._client.stream("GET", url) as response:
                if response.status_code != httpx2.codes.OK:
                    raise ChainUnavailable(f"the bank's files: HTTP status {response.status_code}")
                return await read_bounded(response, BYTES_MAX)
        except AnswerTooLarge as error:
            raise ChainContradiction(f"a bank's file: {error}") from None
        except (httpx2.HTTPError, OSError) as error:
            raise ChainUnavailable(f"the bank's files: {type(error).__name__}") from None
