"""What is known of a transaction: in a ledger, pending, rejected by most nodes, or expired.

Nothing is stored here. A submitter gets an address that names the envelope's hash and its max_time,
so that any gateway of the network can answer truthfully. Expired is final only once the close time
of a ledger in the views has passed max_time and no ledger up to it holds the transaction.
"""

from collections import Counter
from dataclasses import dataclass
from typing import Any

import msgspec

from gateways.horizon.database import PointQuery, Snapshot
from gateways.horizon.operations import SUCCESS
from gateways.horizon.service import Horizon
from schemas.generated.events import RejectionCode
from schemas.values import format_time

TRANSACTION = PointQuery(
    "select transaction_hash as key, * from horizon.transactions where transaction_hash = any(%s)"
)
REJECTIONS_OF_ENVELOPE = PointQuery(
    "select envelope_hash as key, * from horizon.rejections where envelope_hash = any(%s)"
    " order by node"
)
REJECTIONS_OF_TRANSACTION = PointQuery(
    "select transaction_hash as key, * from horizon.rejections where transaction_hash = any(%s)"
    " order by envelope_hash, node"
)


class RejectionAttributes(msgspec.Struct, frozen=True):
    """One node's rejection. Other nodes may have admitted the envelope."""

    node: str
    envelope_hash: str
    code: str
    detail: str
    ledger_sequence: str
    rejected_at: str


def render_rejection(row: Any) -> RejectionAttributes:
    return RejectionAttributes(
        row.node,
        row.envelope_hash.hex(),
        row.code,
        row.detail,
        str(row.ledger_sequence),
        format_time(row.rejected_at_ms),
    )


@dataclass(frozen=True, slots=True)
class Expectation:
    """Which transaction; its envelope and max_time where the client knows them."""

    transaction_hash: bytes
    envelope_hash: bytes | None
    max_time_ms: int | None

    def get_path(self) -> str:
        """The address of its status."""
        path = f"/v3/transactions/{self.transaction_hash.hex()}"
        if self.envelope_hash is None or self.max_time_ms is None:
            return path
        return f"{path}?envelope_hash={self.envelope_hash.hex()}&max_time_ms={self.max_time_ms}"


@dataclass(frozen=True, slots=True)
class Status:
    """`word` as in TransactionAttributes.status, or "unknown". `row`: if a ledger has it."""

    word: str
    row: Any
    rejections: tuple[RejectionAttributes, ...]
    sequence: int
    close_time_ms: int
    code: str | None = None

    @property
    def closed_at(self) -> str:
        return format_time(self.close_time_ms)

    @property
    def snapshot(self) -> Snapshot:
        """The ledger that this is true of."""
        return Snapshot(self.sequence, self.close_time_ms, [])

    @property
    def detail(self) -> str:
        if self.row is not None:
            return f"ledger {self.row.ledger_sequence} has it with code {self.row.result_code}"
        details = next((each.detail for each in self.rejections if each.code == self.code), "")
        return f"most nodes reject it now: {self.code}: {details}"


async def get_status(horizon: Horizon, expectation: Expectation) -> Status:
    """Raises Problem when the views cannot be read."""
    by_envelope = expectation.envelope_hash is not None
    query = (
        (REJECTIONS_OF_ENVELOPE, expectation.envelope_hash)
        if by_envelope
        else (REJECTIONS_OF_TRANSACTION, expectation.transaction_hash)
    )
    snapshot = await horizon.database.get_points((TRANSACTION, expectation.transaction_hash), query)
    rows, rejections = snapshot.rows
    at = (snapshot.sequence, snapshot.close_time_ms)
    if rows:
        word = "success" if rows[0].result_code == SUCCESS else "failed"
        return Status(word, rows[0], (), *at)
    told = tuple(render_rejection(each) for each in rejections)
    max_time_ms = expectation.max_time_ms
    if max_time_ms is not None and snapshot.close_time_ms > max_time_ms:
        return Status("expired", None, told, *at)
    code = await _get_common_rejection(horizon, rejections)
    if code is not None:
        return Status("rejected", None, told, *at, code)
    is_known = bool(told) or (by_envelope and max_time_ms is not None)
    return Status("pending" if is_known else "unknown", None, told, *at)


async def _get_common_rejection(horizon: Horizon, rows: list[Any]) -> str | None:
    """The code most often given, if most validators reject one and the same envelope.

    DUPLICATE means that a ledger has the transaction: these views will have it soon.
    """
    rejecting = [row for row in rows if row.code != RejectionCode.DUPLICATE.name]
    if not rejecting:
        return None
    needed = await horizon.get_rejections_needed()
    envelope_hash, count = Counter(row.envelope_hash for row in rejecting).most_common(1)[0]
    if count < needed:
        return None
    codes = Counter(row.code for row in rejecting if row.envelope_hash == envelope_hash)
    return str(codes.most_common(1)[0][0])
