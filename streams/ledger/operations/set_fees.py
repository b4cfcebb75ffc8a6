"""SetFees: one range of a fee schedule."""

from schemas.generated.bounds import FEE_SCHEDULE_RANGES_ITEMS_MAX
from schemas.generated.common import AccountID, Action, FeeRange, FeeType
from schemas.generated.entries import FeeSchedule
from schemas.generated.keys import get_key
from schemas.generated.operations import PutFeeRange, SetFees, SetFeesCode, SetFeesResult
from schemas.generated.transactions import OperationResult
from streams.ledger.access.requirements import Requirements, require_fees
from streams.ledger.balances import add_participant
from streams.ledger.context import TransactionContext
from streams.ledger.fees import SUBTYPES
from streams.ledger.operations.outcome import refused, succeeded
from streams.ledger.output import EFFECT_BYTES, compute_change_bytes, compute_result_bytes
from streams.ledger.state import LedgerDelta, LedgerState

OUTPUT_BYTES = (
    compute_change_bytes(FeeSchedule) + EFFECT_BYTES + compute_result_bytes(SetFeesResult)
)


def validate(op: SetFees) -> SetFeesCode | None:
    """Checks that hold whatever the ledger says."""
    if op.account_id is not None and op.role_id is not None:
        return SetFeesCode.ACCOUNT_AND_ROLE_GIVEN
    if op.subtype not in SUBTYPES[op.fee_type]:
        return SetFeesCode.SUB_TYPE_NOT_EXIST
    lower, upper = _get_bounds(op)
    if lower > upper:
        return SetFeesCode.INVALID_RANGE
    if op.fee_type is FeeType.OPERATION and not _is_fixed(op):
        return SetFeesCode.OPERATION_FEE_NOT_FIXED
    return None


def get_requirements(
    op: SetFees,
    source: AccountID,  # noqa: ARG001 - every operation has this form
    state: LedgerState,
) -> Requirements | None:
    """Changing fees of the asset."""
    asset = state.get_asset(op.asset)
    return None if asset is None else (require_fees(Action.UPDATE, asset.code, asset.asset_type),)


def apply(
    op: SetFees,
    source: AccountID,
    delta: LedgerDelta,
    context: TransactionContext,  # noqa: ARG001 - every operation has this form
) -> OperationResult:
    """Puts or removes one range; a schedule without ranges is removed (TokenD 2.1)."""
    if op.account_id is not None and delta.get_account(op.account_id) is None:
        return refused(SetFeesCode.ACCOUNT_NOT_FOUND)
    if op.role_id is not None and delta.get_account_role(op.role_id) is None:
        return refused(SetFeesCode.ROLE_NOT_FOUND)
    name = (op.account_id, op.role_id, op.asset, op.fee_type, op.subtype)
    schedule = delta.get_fee_schedule(*name)
    ranges = () if schedule is None else schedule.ranges
    bounds = _get_bounds(op)
    others = tuple(each for each in ranges if (each.lower, each.upper) != bounds)
    if not isinstance(op.action, PutFeeRange):
        if len(others) == len(ranges):
            return refused(SetFeesCode.NOT_FOUND)
        ranges = others
    elif any(_have_overlap(op.action.range, each) for each in others):
        return refused(SetFeesCode.RANGE_OVERLAP)
    elif len(others) == FEE_SCHEDULE_RANGES_ITEMS_MAX:
        return refused(SetFeesCode.TOO_MANY_RANGES)
    else:
        ranges = tuple(sorted((*others, op.action.range), key=lambda each: each.lower))
    changed = FeeSchedule(*name, ranges)
    if ranges:
        delta.put(changed)
    else:
        delta.remove(get_key(changed))
    add_participant(delta, source)
    return succeeded(SetFeesResult())


def compute_output_bytes(op: SetFees, state: LedgerState | None) -> int:  # noqa: ARG001 - a common form
    """The most bytes it can add to a ledger's body beside the envelope."""
    return OUTPUT_BYTES


def _get_bounds(op: SetFees) -> tuple[int, int]:
    given = op.action.range if isinstance(op.action, PutFeeRange) else op.action
    return given.lower, given.upper


def _is_fixed(op: SetFees) -> bool:
    """Whether it is a fee that an operation can have, which has no amount."""
    has_percent = isinstance(op.action, PutFeeRange) and op.action.range.percent != 0
    return _get_bounds(op) == (0, 0) and not has_percent


def _have_overlap(one: FeeRange, other: FeeRange) -> bool:
    return one.lower <= other.upper and other.lower <= one.upper
