"""ManageAllowedDestination: where an account allows its withdrawals to go."""

from schemas.generated.bounds import ALLOWED_DESTINATIONS_DESTINATIONS_ITEMS_MAX
from schemas.generated.common import U64, AccountID, Action
from schemas.generated.entries import AllowedDestination, AllowedDestinations
from schemas.generated.keys import allowed_destinations_key
from schemas.generated.operations import (
    ManageAllowedDestination,
    ManageAllowedDestinationCode,
    ManageAllowedDestinationResult,
)
from schemas.generated.transactions import OperationResult
from streams.ledger.access.requirements import Requirements, require_destinations
from streams.ledger.balances import add_participant
from streams.ledger.context import TransactionContext
from streams.ledger.destinations import is_destination
from streams.ledger.operations.outcome import refused, succeeded
from streams.ledger.output import EFFECT_BYTES, compute_change_bytes, compute_result_bytes
from streams.ledger.state import LedgerDelta, LedgerState

Code = ManageAllowedDestinationCode
OUTPUT_BYTES = (
    compute_change_bytes(AllowedDestinations)
    + EFFECT_BYTES
    + compute_result_bytes(ManageAllowedDestinationResult)
)


def validate(op: ManageAllowedDestination) -> Code | None:
    """Checks that hold whatever the ledger says."""
    return None if is_destination(op.destination) else Code.INVALID_DESTINATION


def get_requirements(
    op: ManageAllowedDestination,
    source: AccountID,  # noqa: ARG001 - every operation has this form
    state: LedgerState,  # noqa: ARG001
) -> Requirements | None:
    """Changing one's own list."""
    return (require_destinations(Action.CREATE if op.is_allowed else Action.REMOVE),)


def apply(
    op: ManageAllowedDestination,
    source: AccountID,
    delta: LedgerDelta,
    context: TransactionContext,
) -> OperationResult:
    """The time that a policy demands runs from this ledger's."""
    found = delta.get_allowed_destinations(source)
    before = () if found is None else found.destinations
    others = tuple(each for each in before if each.destination != op.destination)
    is_known = len(others) < len(before)
    if op.is_allowed and is_known:
        return refused(Code.ALREADY_ALLOWED)
    if not op.is_allowed and not is_known:
        return refused(Code.NOT_FOUND)
    if op.is_allowed and len(before) == ALLOWED_DESTINATIONS_DESTINATIONS_ITEMS_MAX:
        return refused(Code.TOO_MANY_DESTINATIONS)
    if op.is_allowed:
        made = AllowedDestination(op.destination, U64(context.ledger.close_time_ms))
        others = (*others, made)
    if others:
        delta.put(AllowedDestinations(source, others))
    else:
        delta.remove(allowed_destinations_key(source))
    add_participant(delta, source)
    return succeeded(ManageAllowedDestinationResult())


def compute_output_bytes(op: ManageAllowedDestination, state: LedgerState | None) -> int:  # noqa: ARG001 - a common form
    """The most bytes it can add to a ledger's body beside the envelope."""
    return OUTPUT_BYTES
