"""Publishing while the broker is away: ledgers wait, whatever else would be told."""

from schemas.generated.common import Hash
from schemas.generated.events import RejectionCode
from streams.ledger.admission import RejectionReason
from streams.node.publisher import REJECTIONS_WAITING_MAX, Publisher
from streams.node.rejections import make_rejection
from tests.support.network import make_economy
from tests.support.nowhere import NOWHERE, load_nothing

REASON = RejectionReason(RejectionCode.MALFORMED, "it is nothing")
PRODUCER_MESSAGES_MAX = 100_000


def test_a_flood_of_rejections_leaves_room_for_ledgers() -> None:
    """What does not fit is not told: it is provisional. Else the next ledger would end the node."""
    publisher = Publisher(NOWHERE, "core1", load_nothing)
    for number in range(PRODUCER_MESSAGES_MAX + 1):
        envelope_hash = Hash(number.to_bytes(32, "big"))
        publisher.tell(make_rejection(envelope_hash, REASON, 1, 0))
    assert len(publisher._producer) < 2 * REJECTIONS_WAITING_MAX
    records = make_economy().records
    for sequence, record in enumerate(records, start=1):
        publisher._produce(sequence, record)
    assert publisher.published == len(records)
    publisher._producer.purge()
