"""What transfers may move: caps in one, within 24 hours and in all; destinations. What no policy
allows does not move."""

from typing import Any

from schemas.generated.common import AccountID, Amount, TransferPurpose
from schemas.generated.entries import FlowBucket, TransferFlow, TransferPolicy
from streams.ledger.state import LedgerDelta, LedgerState

HOUR_MS = 3_600_000
HOURS = 24


def is_within_caps(state: LedgerState, policy: TransferPolicy, amount: int, time_ms: int) -> bool:
    return amount <= compute_room(state, policy, time_ms)


def compute_room(state: LedgerState, policy: TransferPolicy, time_ms: int) -> int:
    """The most that one transfer may move now; below 0 where caps were lowered since."""
    flow = state.get_transfer_flow(policy.chain_id, policy.asset, policy.purpose)
    caps, total = policy.caps, 0 if flow is None else flow.total
    daily = sum(each.amount for each in _get_buckets(flow, time_ms // HOUR_MS))
    return min(int(caps.transfer), caps.daily - daily, caps.lifetime - total)


def count_transfer(
    delta: LedgerDelta,
    about: tuple[str, str, TransferPurpose],
    amount: int,
    time_ms: int,
) -> None:
    """`about`: chain, asset and purpose."""
    flow, hour = delta.get_transfer_flow(*about), time_ms // HOUR_MS
    buckets = _get_buckets(flow, hour)
    before = sum(each.amount for each in buckets if each.hour == hour)
    earlier = tuple(each for each in buckets if each.hour != hour)
    total = Amount((0 if flow is None else flow.total) + amount)
    bucket = FlowBucket(hour, Amount(before + amount))
    delta.put(TransferFlow(*about, total, (*earlier, bucket)))


def take_back_transfer(
    delta: LedgerDelta,
    about: tuple[str, str, TransferPurpose],
    amount: int,
    time_ms: int,
) -> None:
    """Without what was counted at `time_ms`: it came to nothing."""
    flow, hour = delta.get_transfer_flow(*about), time_ms // HOUR_MS
    if flow is None:
        return
    buckets = tuple(
        FlowBucket(each.hour, Amount(max(0, each.amount - amount))) if each.hour == hour else each
        for each in flow.buckets
    )
    delta.put(TransferFlow(*about, Amount(max(0, flow.total - amount)), buckets))


def is_destination_allowed(
    state: LedgerState, account_id: AccountID, destination: Any, delay_ms: int, time_ms: int
) -> bool:
    """Whether the account has allowed it for so long."""
    found = state.get_allowed_destinations(account_id)
    return found is not None and any(
        each.destination == destination and each.allowed_at_ms + delay_ms <= time_ms
        for each in found.destinations
    )


def _get_buckets(flow: TransferFlow | None, hour: int) -> tuple[FlowBucket, ...]:
    """Those of the 24 hours up to `hour`."""
    return () if flow is None else tuple(e for e in flow.buckets if e.hour > hour - HOURS)
