"""From an account to the addresses of who holds it: asked anew for every try, kept nowhere.

Until the API service answers this, a file does.
"""

from pathlib import Path
from typing import Protocol

import msgspec
import structlog

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
