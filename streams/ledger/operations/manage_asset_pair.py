"""ManageAssetPair: a pair of assets, its price and how prices are checked."""

from msgspec.structs import replace

from schemas.generated.common import AccountID, Action
from schemas.generated.entries import AssetPair
from schemas.generated.operations import (
    CreateAssetPair,
    ManageAssetPair,
    ManageAssetPairCode,
    ManageAssetPairResult,
    UpdatePairPolicies,
    UpdatePrice,
)
from schemas.generated.transactions import OperationResult
from streams.ledger.access.requirements import Requirements, require_asset_pair
from streams.ledger.balances import add_participant
from streams.ledger.context import CloseContext, TransactionContext
from streams.ledger.operations.outcome import refused, succeeded
from streams.ledger.output import EFFECT_BYTES, compute_change_bytes, compute_result_bytes
from streams.ledger.prices import add_price_change, is_step_exceeded, is_too_old
from streams.ledger.state import LedgerDelta, LedgerState

OUTPUT_BYTES = (
    compute_change_bytes(AssetPair) + EFFECT_BYTES + compute_result_bytes(ManageAssetPairResult)
)


def validate(op: ManageAssetPair) -> ManageAssetPairCode | None:
    """Checks that hold whatever the ledger says."""
    action = op.action
    if op.base == op.quote:
        return ManageAssetPairCode.SAME_ASSET
    if not isinstance(action, UpdatePairPolicies) and (
        action.price.numerator == 0 or action.price.denominator == 0
    ):
        return ManageAssetPairCode.INVALID_PRICE
    if not isinstance(action, UpdatePrice) and action.max_age_ms == 0:
        return ManageAssetPairCode.INVALID_MAX_AGE
    return None


def get_requirements(
    op: ManageAssetPair,
    source: AccountID,  # noqa: ARG001 - every operation has this form
    state: LedgerState,  # noqa: ARG001
) -> Requirements:
    """Who sets prices need not be allowed to change how prices are checked."""
    action = Action.UPDATE if isinstance(op.action, UpdatePrice) else Action.CREATE
    return (require_asset_pair(action, op.base, op.quote),)


def apply(
    op: ManageAssetPair, source: AccountID, delta: LedgerDelta, context: TransactionContext
) -> OperationResult:
    """A price beyond the pair's step is refused, unless people accepted it (a governed change)."""
    action, pair = op.action, delta.get_asset_pair(op.base, op.quote)
    if isinstance(action, CreateAssetPair):
        return _create(op, action, source, delta, context)
    if pair is None:
        return refused(ManageAssetPairCode.NOT_FOUND)
    if isinstance(action, UpdatePairPolicies):
        delta.put(replace(pair, max_age_ms=action.max_age_ms, step_max=action.step_max))
        add_participant(delta, source)
        return succeeded(ManageAssetPairResult())
    code = compute_price_refusal(pair, action, context.ledger)
    if code is None and is_step_exceeded(pair, action.price) and not context.is_governed:
        code = ManageAssetPairCode.PRICE_STEP_EXCEEDED
    if code is not None:
        return refused(code)
    apply_price(delta, pair, action, source)
    return succeeded(ManageAssetPairResult())


def compute_output_bytes(op: ManageAssetPair, state: LedgerState | None) -> int:  # noqa: ARG001 - a common form
    """The most bytes it can add to a ledger's body beside the envelope."""
    return OUTPUT_BYTES


def compute_price_refusal(
    pair: AssetPair, update: UpdatePrice, ledger: CloseContext
) -> ManageAssetPairCode | None:
    """Why `pair` cannot take this price, however small the step is."""
    if update.round <= pair.round:
        return ManageAssetPairCode.ROUND_NOT_INCREASED
    if update.quoted_at_ms > ledger.close_time_ms + ledger.settings.close_time_ahead_ms:
        return ManageAssetPairCode.QUOTED_IN_FUTURE
    if update.quoted_at_ms < pair.quoted_at_ms:
        return ManageAssetPairCode.QUOTED_BEFORE_CURRENT
    if is_too_old(replace(pair, quoted_at_ms=update.quoted_at_ms), ledger.close_time_ms):
        return ManageAssetPairCode.PRICE_TOO_OLD
    return None


def apply_price(
    delta: LedgerDelta, pair: AssetPair, update: UpdatePrice, source: AccountID
) -> None:
    """Sets the price. The caller has checked it; `source` is whose effect tells of it."""
    changed = replace(
        pair, price=update.price, round=update.round, quoted_at_ms=update.quoted_at_ms
    )
    delta.put(changed)
    add_price_change(delta, source, changed)


def _create(
    op: ManageAssetPair,
    action: CreateAssetPair,
    source: AccountID,
    delta: LedgerDelta,
    context: TransactionContext,
) -> OperationResult:
    ledger = context.ledger
    if delta.get_asset(op.base) is None or delta.get_asset(op.quote) is None:
        return refused(ManageAssetPairCode.ASSET_NOT_FOUND)
    if delta.get_asset_pair(op.base, op.quote) or delta.get_asset_pair(op.quote, op.base):
        return refused(ManageAssetPairCode.ALREADY_EXISTS)
    if action.quoted_at_ms > ledger.close_time_ms + ledger.settings.close_time_ahead_ms:
        return refused(ManageAssetPairCode.QUOTED_IN_FUTURE)
    pair = AssetPair(
        op.base,
        op.quote,
        action.price,
        action.round,
        action.quoted_at_ms,
        action.max_age_ms,
        action.step_max,
    )
    if is_too_old(pair, ledger.close_time_ms):
        return refused(ManageAssetPairCode.PRICE_TOO_OLD)
    delta.put(pair)
    add_price_change(delta, source, pair)
    return succeeded(ManageAssetPairResult())
