"""Upgrades: what validators agree to change, with the value of a ledger. Pure.

An upgrade rules from the ledger after the one that carries it. Of each kind there is at most one in
a ledger. Which upgrades a node votes for is its operator's matter; which ones are valid is not.
"""

from collections.abc import Callable, Sequence
from typing import Any

from msgspec.structs import replace

from schemas.codec import Malformed, decode, encode
from schemas.contract import ReferenceKind
from schemas.generated.bounds import LEDGER_RECORD_BODY_LENGTH_MAX
from schemas.generated.common import Hash
from schemas.generated.consensus import (
    IntervalsUpgrade,
    QuorumSetUpgrade,
    ReferencesUpgrade,
    SetLimitsUpgrade,
    TimeBoundsUpgrade,
    TimeoutsUpgrade,
    Upgrade,
    VersionUpgrade,
)
from schemas.generated.entries import NetworkSettings, Validators
from schemas.generated.keys import Entry, KeyBytes, get_key
from schemas.generated.ledger import LedgerEntry
from streams.consensus.quorum_set import normalise_quorum_set, validate_quorum_set
from streams.ledger.hashes import compute_hash
from streams.ledger.references import DAY_MS, compute_first_day
from streams.ledger.state import LedgerState
from streams.ledger.windows import WINDOW_MS

MINUTE_MS = 60_000
DAYS_AHEAD_MAX_MS = DAY_MS
OUTPUT_BYTES_MIN = 1024 * 1024  # the widest transaction fits
OUTPUT_BYTES_MAX = LEDGER_RECORD_BODY_LENGTH_MAX - 64 * 1024  # upgrades stand in the body too

Changes = dict[KeyBytes, tuple[bytes | None, bytes | None]]
"""Per key the entry's bytes before and after."""


def decode_upgrades(raws: Sequence[bytes]) -> tuple[Upgrade, ...] | None:
    """None unless each is one, ascending by kind, none twice."""
    found = []
    for raw in raws:
        try:
            found.append(decode(Upgrade, raw))
        except Malformed:
            return None
    kinds = [KINDS.index(type(each.change)) for each in found]
    return tuple(found) if kinds == sorted(set(kinds)) else None


def compute_upgrade_hash(raw: bytes) -> Hash:
    """What names an upgrade among a node's votes."""
    return compute_hash(raw)


def explain_fault(change: Any, state: LedgerState) -> str | None:
    """Why the ledger after the last one cannot carry this change; None: it can."""
    if isinstance(change, QuorumSetUpgrade):
        return _explain_quorum_set(change, state)
    settings = state.get_network_settings()
    if all(getattr(settings, name) == getattr(change, name) for name in change.__struct_fields__):
        return "it is in force"
    if isinstance(change, VersionUpgrade):
        return _explain_version(change, settings, state.version_max)
    return RULES[type(change)](change, settings)


def are_valid(raws: Sequence[bytes], state: LedgerState) -> bool:
    """Whether the ledger after the last one may carry exactly these."""
    if not raws:
        return True
    upgrades = decode_upgrades(raws)
    return upgrades is not None and all(
        explain_fault(each.change, state) is None for each in upgrades
    )


def apply_upgrades(raws: Sequence[bytes], state: LedgerState, close_time_ms: int) -> Changes:
    """Changes the state. They have been found valid, so they cannot fail."""
    changes: Changes = {}
    for upgrade in decode_upgrades(raws) or ():
        entry = _compute_entry(upgrade.change, state, close_time_ms)
        key, after = get_key(entry), encode(LedgerEntry(entry))
        first = changes.get(key)
        before = state.encoded.get(key) if first is None else first[0]
        changes[key] = (before, after)
        state.encoded[key] = after
        state.decoded[key] = entry
    return changes


def _compute_entry(change: Any, state: LedgerState, close_time_ms: int) -> Entry:
    if isinstance(change, QuorumSetUpgrade):
        return Validators(change.quorum_set)
    settings = state.get_network_settings()
    fields = {name: getattr(change, name) for name in change.__struct_fields__}
    if isinstance(change, ReferencesUpgrade):
        today = close_time_ms // DAY_MS  # what the window of now has dropped never comes back
        first = {kind: compute_first_day(settings, kind, today) for kind in ReferenceKind}
        fields["payment_references_from"] = first[ReferenceKind.PAYMENT]
        fields["issuance_references_from"] = first[ReferenceKind.ISSUANCE]
    changed: NetworkSettings = replace(settings, **fields)
    return changed


def _explain_quorum_set(change: QuorumSetUpgrade, state: LedgerState) -> str | None:
    quorum_set = change.quorum_set
    if quorum_set == state.get_validators().quorum_set:
        return "it is in force"
    if normalise_quorum_set(quorum_set) != quorum_set:
        return "the quorum set is not in its normal form"
    return validate_quorum_set(quorum_set, is_own=True)


def _explain_version(change: VersionUpgrade, settings: NetworkSettings, known: int) -> str | None:
    if change.ledger_version <= settings.ledger_version:
        return "versions only rise"
    if change.ledger_version > known:
        return f"this node knows versions up to {known}: it needs a newer release"
    return None


def _explain_intervals(change: IntervalsUpgrade, _: NetworkSettings) -> str | None:
    if 50 <= change.minimum_interval_ms <= change.heartbeat_ms <= MINUTE_MS:
        return None
    return "the interval must be at least 50 ms, the heartbeat at least that and at most a minute"


def _explain_timeouts(change: TimeoutsUpgrade, _: NetworkSettings) -> str | None:
    if 50 <= change.timeout_initial_ms <= MINUTE_MS and change.timeout_increment_ms <= MINUTE_MS:
        return None
    return "the first time-out must be 50 ms to a minute, the increment at most a minute"


def _explain_set_limits(change: SetLimitsUpgrade, _: NetworkSettings) -> str | None:
    if OUTPUT_BYTES_MIN <= change.max_set_output_bytes <= OUTPUT_BYTES_MAX:
        return None
    return f"max_set_output_bytes must be {OUTPUT_BYTES_MIN} to {OUTPUT_BYTES_MAX}"


def _explain_time_bounds(change: TimeBoundsUpgrade, _: NetworkSettings) -> str | None:
    if (
        WINDOW_MS <= change.max_time_ahead_ms <= DAYS_AHEAD_MAX_MS
        and 1_000 <= change.close_time_ahead_ms <= MINUTE_MS
    ):
        return None
    return (
        f"max_time_ahead_ms must be {WINDOW_MS} (services need that) to {DAYS_AHEAD_MAX_MS},"
        " close_time_ahead_ms a second to a minute"
    )


def _explain_references(_: ReferencesUpgrade, __: NetworkSettings) -> str | None:
    return None  # the schema bounds them


RULES: dict[type, Callable[[Any, NetworkSettings], str | None]] = {
    IntervalsUpgrade: _explain_intervals,
    TimeoutsUpgrade: _explain_timeouts,
    SetLimitsUpgrade: _explain_set_limits,
    TimeBoundsUpgrade: _explain_time_bounds,
    ReferencesUpgrade: _explain_references,
}
KINDS = (VersionUpgrade, *RULES, QuorumSetUpgrade)
"""In the order of the union's branches."""
