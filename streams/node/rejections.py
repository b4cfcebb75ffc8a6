"""How this node refuses an envelope: it is processed, counted, and told on `<node>.rejections`.

Shell; the one way, whoever found the reason.
"""

from schemas.generated.common import Hash
from schemas.generated.events import Rejection
from streams.herder.offsets import Offsets
from streams.herder.outputs import Reject
from streams.ledger.admission import RejectionReason
from streams.ledger.close import Ledger
from streams.node.inbox import get_now_ms
from streams.node.metrics import Metrics
from streams.node.publisher import Publisher

DETAIL_MAX = 200


class Rejections:
    """`ledger` is the herder's: the last one it closed."""

    def __init__(
        self, ledger: Ledger, offsets: Offsets, publisher: Publisher, metrics: Metrics
    ) -> None:
        self._ledger = ledger
        self._offsets = offsets
        self._publisher = publisher
        self._metrics = metrics

    def reject(self, output: Reject) -> None:
        self._offsets.set_processed(output.envelope_hash)
        self._metrics.rejections.labels(output.rejection.code.name).inc()
        sequence = self._ledger.header.sequence
        rejection = make_rejection(output.envelope_hash, output.rejection, sequence, get_now_ms())
        self._publisher.tell(rejection)


def make_rejection(
    envelope_hash: Hash, reason: RejectionReason, sequence: int, now_ms: int
) -> Rejection:
    """The record of a refusal that was judged against ledger `sequence`."""
    detail = reason.detail[:DETAIL_MAX]
    return Rejection(envelope_hash, reason.transaction_hash, reason.code, detail, sequence, now_ms)
