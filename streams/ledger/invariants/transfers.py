"""External transfers, what they use up and what they pay."""

from typing import Any, ClassVar

from schemas.generated.entries import (
    CommittedRequest,
    ExternalTransfer,
    ReviewableRequest,
    TransferState,
    UsedResource,
    WalletNonce,
)
from streams.ledger.errors import InvariantViolation
from streams.ledger.state import LedgerState


class Transfers:
    """A resource is used by the transfer that lists it; a request is committed to the open transfer
    that pays it, and stands. Nonces are given out upwards."""

    kinds: ClassVar = (
        ExternalTransfer,
        UsedResource,
        CommittedRequest,
        ReviewableRequest,
        WalletNonce,
    )

    def __init__(self) -> None:
        self._surplus: dict[tuple[object, int], int] = {}
        self._requests: set[int] = set()

    def see(self, before: Any, after: Any) -> None:
        if isinstance(after or before, WalletNonce):
            if after is None or (before is not None and after.next < before.next):
                raise InvariantViolation("a nonce is given out again")
            return
        for entry, sign in ((before, -1), (after, 1)):
            if isinstance(entry, ExternalTransfer):
                self._see_transfer(entry, sign)
            elif isinstance(entry, UsedResource):
                self._add(entry.resource_id, entry.transfer_id, -sign)
            elif isinstance(entry, CommittedRequest):
                self._add(entry.request_id, entry.transfer_id, -sign)
                self._requests.add(entry.request_id)
        if isinstance(before, ReviewableRequest) and after is None:
            self._requests.add(before.request_id)

    def conclude(self, state: LedgerState) -> None:
        broken = sorted(each for _, each in (k for k, count in self._surplus.items() if count))
        if broken:
            raise InvariantViolation(f"transfers {broken} use or pay what is not theirs")
        for request_id in sorted(self._requests):
            is_committed = state.get_committed_request(request_id) is not None
            if is_committed and state.get_reviewable_request(request_id) is None:
                raise InvariantViolation(f"the committed request {request_id} is gone")

    def _see_transfer(self, transfer: ExternalTransfer, sign: int) -> None:
        for resource_id in transfer.resources:
            self._add(resource_id, transfer.transfer_id, sign)
        if transfer.state is not TransferState.SETTLED:
            for request_id in transfer.requests:
                self._add(request_id, transfer.transfer_id, sign)

    def _add(self, what: object, transfer_id: int, count: int) -> None:
        key = what, transfer_id
        self._surplus[key] = self._surplus.get(key, 0) + count
