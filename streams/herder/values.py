"""What SCP agrees on, judged: the application side of consensus. Pure.

Knows values, sets and the ledger before them; it never looks at a statement or a ballot.
"""

from schemas.codec import Malformed, decode, encode
from schemas.generated.common import Hash
from schemas.generated.consensus import ScpValue
from streams.consensus.application import Timeouts, Validation
from streams.herder.transaction_sets import TransactionSets
from streams.ledger.close import Ledger
from streams.ledger.hashes import ZERO_HASH


def decode_value(value: bytes) -> ScpValue | None:
    """None: no honest node says this. No upgrade is defined so far, so none may be in it."""
    try:
        decoded = decode(ScpValue, value)
    except Malformed:
        return None
    return None if decoded.upgrades else decoded


class Values:
    """Answers SCP's questions about values (streams.consensus.application.Application)."""

    def __init__(self, ledger: Ledger, sets: TransactionSets) -> None:
        self._ledger = ledger
        self._sets = sets
        self.now_ms = 0

    def validate_value(self, slot: int, value: bytes, is_nomination: bool) -> Validation:
        decoded = decode_value(value)
        if decoded is None:
            return Validation.INVALID
        header = self._ledger.header
        if slot != header.sequence + 1:
            return Validation.MAYBE_VALID
        if decoded.previous_header_hash != self._ledger.header_hash:
            return Validation.INVALID
        if decoded.close_time_ms <= header.close_time_ms:
            return Validation.INVALID
        if is_nomination and not self._is_timely(decoded.close_time_ms):
            return Validation.INVALID
        if not self._sets.is_complete(decoded.set_hash):
            return Validation.STRUCTURALLY_VALID
        fault = self._sets.get_fault(decoded.set_hash, self._ledger, decoded.close_time_ms)
        if fault is not None:
            self._sets.given_up.add(decoded.set_hash)
            return Validation.STRUCTURALLY_VALID
        return Validation.FULLY_VALID

    def extract_valid_value(self, slot: int, value: bytes) -> bytes | None:  # noqa: ARG002
        return None

    def combine_candidates(self, slot: int, candidates: tuple[bytes, ...]) -> bytes:  # noqa: ARG002
        """One whole candidate by a fixed order, never a mixture; one with transactions first."""
        return max(candidates, key=lambda value: (_get_set_hash(value) != ZERO_HASH, value))

    def is_given_up(self, slot: int, value: bytes) -> bool:  # noqa: ARG002
        return _get_set_hash(value) in self._sets.given_up

    def derive_empty_value(self, slot: int, value: bytes) -> bytes:  # noqa: ARG002
        decoded = decode(ScpValue, value)
        return encode(ScpValue(decoded.previous_header_hash, ZERO_HASH, decoded.close_time_ms, ()))

    def get_timeouts(self, slot: int) -> Timeouts:  # noqa: ARG002
        settings = self._ledger.state.get_network_settings()
        initial, increment = settings.timeout_initial_ms, settings.timeout_increment_ms
        return Timeouts(initial, increment, initial, increment)

    def _is_timely(self, close_time_ms: int) -> bool:
        """Not before the interval has passed, not too far ahead of this node's clock."""
        settings = self._ledger.state.get_network_settings()
        earliest = self._ledger.header.close_time_ms + settings.minimum_interval_ms
        latest = max(self.now_ms + settings.close_time_ahead_ms, earliest)
        return earliest <= close_time_ms <= latest


def _get_set_hash(value: bytes) -> Hash:
    return decode(ScpValue, value).set_hash
