"""Simulations for whoever asks this node: against its last closed ledger. Pure."""

from schemas.generated.events import RejectionCode
from streams.ledger.admission import RejectionReason, validate_envelope
from streams.ledger.close import Ledger
from streams.ledger.membership import compute_unsigned_rejection
from streams.ledger.simulation import Simulated, simulate_transaction


class Simulator:
    """`ledger` is the node's own, which closing changes in place."""

    def __init__(self, ledger: Ledger) -> None:
        self._ledger = ledger

    def simulate(self, envelope: bytes) -> Simulated | RejectionReason:
        """What would come of the transaction of unframed envelope bytes, signed or not, if it
        were in the next ledger alone, closed as soon as can be; or why it could not be in it."""
        ledger = self._ledger
        candidate = validate_envelope(envelope, ledger.header.network_id)
        if isinstance(candidate, RejectionReason):
            return candidate
        interval_ms = ledger.state.get_network_settings().minimum_interval_ms
        close_time_ms = ledger.header.close_time_ms + interval_ms
        code: RejectionCode | None = compute_unsigned_rejection(
            ledger.state, ledger.window, candidate, close_time_ms
        )
        if code is not None:
            return RejectionReason(code, "", candidate.transaction_hash)
        return simulate_transaction(ledger, candidate, close_time_ms)
