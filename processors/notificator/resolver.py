"""From an account to the addresses of who holds it: asked anew for every try, kept nowhere.

The API service knows them. A file may name more, or others: an operator's own word goes first.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import Protocol

import httpx2
import msgspec
import structlog

from schemas.settings import Secret

log = structlog.get_logger()


class Contact(msgspec.Struct, frozen=True):
    """Addresses of one person; None where there is none."""

    email: str | None = None
    phone: str | None = None
    locale: str = ""


class Resolver(Protocol):
    """Whoever knows addresses."""

    async def resolve(self, account: str) -> Contact | None:
        """Of the account G...; None if there are none. Raises OSError when it cannot be asked."""
        ...


class FileResolver:
    """Reads {"G...": {"email": ...}} from a file, again whenever it has changed."""

    def __init__(self, file: Path) -> None:
        self._file = file
        self._seen: tuple[int, int] | None = None
        self._contacts: dict[str, Contact] = {}

    async def resolve(self, account: str) -> Contact | None:
        status = self._file.stat()
        seen = (status.st_mtime_ns, status.st_ino)
        if seen != self._seen:
            try:
                read = msgspec.json.decode(self._file.read_bytes(), type=dict[str, Contact])
            except msgspec.DecodeError as error:
                raise OSError(f"contacts_file: {type(error).__name__}: correct the file") from None
            self._contacts, self._seen = read, seen
        return self._contacts.get(account)


class _Answer(msgspec.Struct, frozen=True):
    contact: Contact | None


class ApiResolver:
    """Asks the private port of API; `urls` in turn until one answers."""

    def __init__(self, urls: Sequence[str], token: Secret, client: httpx2.AsyncClient) -> None:
        self._urls = tuple(urls)
        self._token = token
        self._client = client

    async def resolve(self, account: str) -> Contact | None:
        headers = {"Authorization": f"Bearer {self._token.reveal()}"}
        for url in self._urls:
            try:
                answer = await self._client.post(
                    f"{url}/v1/contacts", json={"account": account}, headers=headers
                )
                if answer.status_code == 200:
                    return msgspec.json.decode(answer.content, type=_Answer).contact
            except (httpx2.HTTPError, msgspec.DecodeError):
                continue
        raise OSError("API does not answer: no addresses")


class FirstResolver:
    """The first of several that knows the account."""

    def __init__(self, *resolvers: Resolver) -> None:
        self._resolvers = resolvers

    async def resolve(self, account: str) -> Contact | None:
        for resolver in self._resolvers:
            contact = await resolver.resolve(account)
            if contact is not None:
                return contact
        return None
