"""Hashes of requests."""

from typing import Any, ClassVar

from schemas.codec import encode
from schemas.generated.entries import RequestContent, ReviewableRequest
from streams.ledger.errors import InvariantViolation
from streams.ledger.hashes import compute_hash
from streams.ledger.state import LedgerState


class RequestHashes:
    """A request's hash is that of its content; what is pending was asked of it; an edit changes
    neither its kind nor its requestor."""

    kinds: ClassVar = (ReviewableRequest,)

    def see(self, before: Any, after: Any) -> None:
        if after is None:
            return
        content = RequestContent(after.request_id, after.sequence_number, after.body)
        if after.request_hash != compute_hash(encode(content)):
            raise InvariantViolation(f"the request {after.request_id} has another hash")
        if not after.pending_tasks or after.pending_tasks & ~after.all_tasks:
            raise InvariantViolation(f"the request {after.request_id} has other tasks pending")
        if before is not None and (before.requestor, type(before.body)) != (
            after.requestor,
            type(after.body),
        ):
            raise InvariantViolation(f"the request {after.request_id} became another one")

    def conclude(self, state: LedgerState) -> None:
        """Each change was judged by itself."""
