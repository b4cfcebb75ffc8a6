"""The audit log: a hash chain, so that a row that is changed, moved or taken out is found.

Each row's hash is H("tokend-keychain-audit" || hash before || number, 8 bytes || content), and the
content is JSON that names everything. Rows are written in the commit of what they tell of, before
it is answered. Whoever has kept a head (number and hash) can show that nothing before was changed.
"""

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from hashlib import sha256
from typing import Any

from gateways.http.store import Transaction

DOMAIN = b"tokend-keychain-audit"
START = bytes(32)
"""The hash before the first row."""
LOCK = "select pg_advisory_xact_lock(7233514098)"
HEAD = "select number, hash from keychain.audit order by number desc limit 1"
INSERT = (
    "insert into keychain.audit (number, at, actor, action, owner, key_id, content, hash)"
    " values (%s, %s, %s, %s, %s, %s, %s, %s)"
)


@dataclass(frozen=True, slots=True)
class Head:
    """The newest row."""

    number: int
    hash: bytes


@dataclass(frozen=True, slots=True)
class Row:
    """As it is kept."""

    number: int
    content: str
    hash: bytes


class AuditBroken(Exception):
    """The chain does not hold; the text names the row."""


def compute_row_hash(before: bytes, number: int, content: str) -> bytes:
    return sha256(DOMAIN + before + number.to_bytes(8, "big") + content.encode()).digest()


def verify_chain(start: Head, rows: Iterable[Row]) -> Head:
    """The head after `rows`, which follow `start`. Raises AuditBroken."""
    head = start
    for row in rows:
        if row.number != head.number + 1:
            raise AuditBroken(f"row {head.number + 1} is missing: row {row.number} follows")
        if compute_row_hash(head.hash, row.number, row.content) != row.hash:
            raise AuditBroken(f"row {row.number} is not what was written")
        head = Head(row.number, row.hash)
    return head


async def read_head(transaction: Any) -> Head:
    """`transaction`: or a store."""
    rows = await transaction.execute(HEAD)
    return Head(*rows[0]) if rows else Head(0, START)


async def append(
    transaction: Transaction,
    actor: bytes,
    action: str,
    *,
    owner: bytes | None = None,
    key_id: bytes | None = None,
    **more: Any,
) -> None:
    """In the caller's commit, which others wait for from here on: it should be short."""
    await transaction.execute(LOCK)
    head = await read_head(transaction)
    at = datetime.now(UTC)
    content = _encode(
        {
            "at": at.isoformat(timespec="milliseconds"),
            "actor": actor.hex(),
            "action": action,
            "owner": None if owner is None else owner.hex(),
            "key_id": None if key_id is None else key_id.hex(),
            **more,
        }
    )
    number = head.number + 1
    digest = compute_row_hash(head.hash, number, content)
    values = (number, at, actor, action, owner, key_id, content, digest)
    await transaction.execute(INSERT, values)


def _encode(content: Mapping[str, Any]) -> str:
    return json.dumps(content, sort_keys=True, separators=(",", ":"))
