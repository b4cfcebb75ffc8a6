"""Rolling caps: how much of an asset may be issued, or withdrawn, within 24 hours without a person.

The key-values issuance_cap:ASSET and withdrawal_cap:ASSET set them. What is asked for is counted by
the hour, from its request on; beyond the cap a request gets the task of a human review. Pure.
"""

from schemas.generated.common import Amount
from schemas.generated.entries import AssetFlow, FlowBucket, FlowKind
from schemas.generated.operations import U128Value
from schemas.tasks import Task
from streams.ledger.key_values import get_number
from streams.ledger.state import LedgerDelta, LedgerState

HOUR_MS = 3_600_000
HOURS = 24
KEYS = {FlowKind.ISSUANCE: "issuance_cap:", FlowKind.WITHDRAWAL: "withdrawal_cap:"}


def compute_cap_tasks(
    state: LedgerState, kind: FlowKind, asset: str, amount: int, time_ms: int
) -> int:
    """A human review if `amount` more would exceed the cap."""
    cap = _get_cap(state, kind, asset)
    if cap is None:
        return 0
    flowed = sum(each.amount for each in _get_buckets(state, kind, asset, time_ms // HOUR_MS))
    return int(Task.HUMAN_REVIEW) if flowed + amount > cap else 0


def count_flow(delta: LedgerDelta, kind: FlowKind, asset: str, amount: int, time_ms: int) -> None:
    """Counts what was asked for, if the asset has a cap."""
    if _get_cap(delta, kind, asset) is None:
        return
    hour = time_ms // HOUR_MS
    buckets = _get_buckets(delta, kind, asset, hour)
    before = sum(each.amount for each in buckets if each.hour == hour)
    earlier = tuple(each for each in buckets if each.hour != hour)
    delta.put(AssetFlow(asset, kind, (*earlier, FlowBucket(hour, Amount(before + amount)))))


def take_back_flow(
    delta: LedgerDelta, kind: FlowKind, asset: str, amount: int, time_ms: int
) -> None:
    """Without what was counted at `time_ms`, if its hour is still kept."""
    flow, hour = delta.get_asset_flow(asset, kind), time_ms // HOUR_MS
    if flow is None or all(each.hour != hour for each in flow.buckets):
        return
    buckets = (
        FlowBucket(each.hour, Amount(max(0, each.amount - amount))) if each.hour == hour else each
        for each in flow.buckets
    )
    delta.put(AssetFlow(asset, kind, tuple(buckets)))


def _get_buckets(
    state: LedgerState, kind: FlowKind, asset: str, hour: int
) -> tuple[FlowBucket, ...]:
    """Those of the 24 hours up to `hour`."""
    flow = state.get_asset_flow(asset, kind)
    if flow is None:
        return ()
    return tuple(each for each in flow.buckets if each.hour > hour - HOURS)


def _get_cap(state: LedgerState, kind: FlowKind, asset: str) -> int | None:
    return get_number(state, KEYS[kind] + asset, U128Value)
