"""What SCP agrees on, judged: the application side of consensus. Pure.

Knows values, sets and the ledger before them; it never looks at a statement or a ballot.
"""

from msgspec.structs import replace

from schemas.codec import Malformed, decode, encode
from schemas.generated.common import Hash
from schemas.generated.consensus import ScpValue
from streams.consensus.application import Timeouts, Validation
from streams.herder.transaction_sets import TransactionSets
from streams.herder.votes import Votes
from streams.ledger.close import Ledger
from streams.ledger.hashes import ZERO_HASH
from streams.ledger.upgrades import are_valid, decode_upgrades


def decode_value(value: bytes) -> ScpValue | None:
    """None: no honest node says this."""
    try:
        decoded = decode(ScpValue, value)
    except Malformed:
        return None
    if decoded.upgrades and decode_upgrades(decoded.upgrades) is None:
        return None
    return decoded


class Values:
    """Answers SCP's questions about values (streams.consensus.application.Application)."""

    def __init__(self, ledger: Ledger, sets: TransactionSets, votes: Votes) -> None:
        self._ledger = ledger
        self._sets = sets
        self._votes = votes
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
        if not are_valid(decoded.upgrades, self._ledger.state):
            return Validation.INVALID
        if is_nomination and not self._is_timely(decoded.close_time_ms):
            return Validation.INVALID
        if is_nomination and self._keep_accepted(slot, decoded) != decoded.upgrades:
            return Validation.INVALID
        if not self._sets.is_complete(decoded.set_hash):
            return Validation.STRUCTURALLY_VALID
        fault = self._sets.get_fault(decoded.set_hash, self._ledger, decoded.close_time_ms)
        if fault is not None:
            self._sets.given_up.add(decoded.set_hash)
            return Validation.STRUCTURALLY_VALID
        return Validation.FULLY_VALID

    def extract_valid_value(self, slot: int, value: bytes) -> bytes | None:
        """Without the upgrades that this node does not vote for."""
        decoded = decode_value(value)
        if decoded is None:
            return None
        accepted = self._keep_accepted(slot, decoded)
        if accepted == decoded.upgrades:
            return None  # that is not why it is invalid
        without = encode(replace(decoded, upgrades=accepted))
        is_invalid = self.validate_value(slot, without, is_nomination=True) is Validation.INVALID
        return None if is_invalid else without

    def combine_candidates(self, slot: int, candidates: tuple[bytes, ...]) -> bytes:  # noqa: ARG002
        """One whole candidate by a fixed order, never a mixture: one with transactions first, then
        the one with most upgrades."""
        return max(candidates, key=_rank)

    def is_given_up(self, slot: int, value: bytes) -> bool:  # noqa: ARG002
        return _get_set_hash(value) in self._sets.given_up

    def derive_empty_value(self, slot: int, value: bytes) -> bytes:  # noqa: ARG002
        """Upgrades stay: they are possible without a set."""
        return encode(replace(decode(ScpValue, value), set_hash=ZERO_HASH))

    def get_timeouts(self, slot: int) -> Timeouts:  # noqa: ARG002
        settings = self._ledger.state.get_network_settings()
        initial, increment = settings.timeout_initial_ms, settings.timeout_increment_ms
        return Timeouts(initial, increment, initial, increment)

    def _keep_accepted(self, slot: int, value: ScpValue) -> tuple[bytes, ...]:
        return self._votes.keep_accepted(value.upgrades, slot, value.close_time_ms)

    def _is_timely(self, close_time_ms: int) -> bool:
        """Not before the interval has passed, not too far ahead of this node's clock."""
        settings = self._ledger.state.get_network_settings()
        earliest = self._ledger.header.close_time_ms + settings.minimum_interval_ms
        latest = max(self.now_ms + settings.close_time_ahead_ms, earliest)
        return earliest <= close_time_ms <= latest


def _rank(value: bytes) -> tuple[bool, int, bytes]:
    decoded = decode(ScpValue, value)
    return decoded.set_hash != ZERO_HASH, len(decoded.upgrades), value


def _get_set_hash(value: bytes) -> Hash:
    return decode(ScpValue, value).set_hash
