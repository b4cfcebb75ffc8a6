"""Closing a ledger: the state transition function of the whole network.

`close_ledger` takes what was agreed (an SCP value and its transactions) and returns what came of
it; it mutates the ledger it is given. It does no I/O and decides nothing that consensus decided.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field

from schemas.codec import encode
from schemas.generated.common import Hash
from schemas.generated.consensus import ScpValue
from schemas.generated.keys import KeyBytes
from schemas.generated.ledger import LedgerHeader
from streams.ledger import invariants, state_trie
from streams.ledger.admission import Candidate
from streams.ledger.apply import Applied, Change, apply_transaction
from streams.ledger.body import BodyWriter
from streams.ledger.context import CloseContext, TransactionContext
from streams.ledger.errors import InvariantViolation
from streams.ledger.hash_window import HashWindow, WindowRow
from streams.ledger.hashes import compute_apply_order, compute_hash, compute_set_hash
from streams.ledger.merkle import compute_root
from streams.ledger.operation_fees import get_operation_fee_asset
from streams.ledger.references import Bucket, ReferenceRow
from streams.ledger.state import LedgerState
from streams.ledger.state_trie import StateTrie
from streams.ledger.upgrades import Changes, apply_upgrades, are_valid


@dataclass(slots=True)
class Ledger:
    """A node's copy of the network's ledger: everything after the last closed one."""

    state: LedgerState
    trie: StateTrie
    window: HashWindow
    header: LedgerHeader
    header_hash: Hash


@dataclass(slots=True, frozen=True)
class ClosedLedger:
    """What closing produced. `trie`: of the state after it. `changes`: per key the entry's bytes
    before and after the ledger; `window_rows`: what it added to the hash window; `reference_rows`:
    to the reference windows, of which the `dropped_references` are the buckets that it dropped."""

    header: LedgerHeader
    header_bytes: bytes
    header_hash: Hash
    body: bytes
    trie: StateTrie
    applied: list[Applied]
    changes: dict[KeyBytes, tuple[bytes | None, bytes | None]] = field(default_factory=dict)
    window_rows: tuple[WindowRow, ...] = ()
    reference_rows: tuple[ReferenceRow, ...] = ()
    dropped_references: tuple[Bucket, ...] = ()
    upgrades: tuple[bytes, ...] = ()


def close_ledger(
    ledger: Ledger, value: ScpValue, candidates: Mapping[Hash, Candidate]
) -> ClosedLedger:
    """`candidates`: the set's members by envelope hash. Raises InvariantViolation only."""
    _check_value(ledger, value, candidates)
    context = get_next_context(ledger, value.close_time_ms)
    references = ledger.state.references
    dropped = references.drop_passed(context.settings, value.close_time_ms)
    outcome = _Outcome(len(candidates))
    for each in compute_apply_order(value.set_hash, candidates):
        outcome.add(_apply(ledger.state, candidates[each], context))
    upgrades = apply_upgrades(value.upgrades, ledger.state, value.close_time_ms)
    outcome.upgrade(upgrades)
    invariants.check_changes(
        ledger.state,
        {key: (before, ledger.state.get(key)) for key, (before, _) in outcome.changes.items()},
    )
    closed = _seal(ledger, value, context, outcome, tuple(dropped))
    ledger.state.trim_cache()
    return closed


class _Outcome:
    """What came of the transactions so far. What follows from one alone is made with it: later its
    parts have left the processor's caches. `changes`: as `ClosedLedger`'s."""

    def __init__(self, count: int) -> None:
        self.applied: list[Applied] = []
        self.receipts: list[bytes] = []
        self.body = BodyWriter(count)
        self.changes: dict[KeyBytes, tuple[bytes | None, bytes | None]] = {}
        self.outside: list[Change] = []

    def add(self, applied: Applied) -> None:
        result = encode(applied.result)
        self.applied.append(applied)
        self.receipts.append(applied.candidate.transaction_hash + result)
        self.body.add(applied, result)
        for key, before, after in applied.changes:
            first = self.changes.get(key)
            self.changes[key] = (before if first is None else first[0], after)

    def upgrade(self, changes: Changes) -> None:
        """`changes`: those of the entries that no transaction changes."""
        self.outside = [(key, before, after) for key, (before, after) in sorted(changes.items())]
        self.changes.update(changes)


def compute_trie_changes(
    changes: Mapping[KeyBytes, tuple[bytes | None, bytes | None]],
) -> dict[bytes, bytes | None]:
    return {
        compute_hash(key): None if after is None else compute_hash(after)
        for key, (_, after) in changes.items()
    }


def _check_value(ledger: Ledger, value: ScpValue, candidates: Mapping[Hash, Candidate]) -> None:
    if value.previous_header_hash != ledger.header_hash:
        raise InvariantViolation("the agreed value builds on another ledger")
    if value.set_hash != compute_set_hash(ledger.header_hash, sorted(candidates)):
        raise InvariantViolation("the transactions are not those of the agreed set")
    if value.close_time_ms <= ledger.header.close_time_ms:
        raise InvariantViolation("the agreed close time does not pass the last")
    if not are_valid(value.upgrades, ledger.state):
        raise InvariantViolation("the agreed upgrades are not valid here: is this release too old?")


def _apply(state: LedgerState, candidate: Candidate, context: CloseContext) -> Applied:
    return apply_transaction(
        state,
        candidate,
        TransactionContext(context, candidate.transaction_hash, candidate.signers),
    )


def get_next_context(ledger: Ledger, close_time_ms: int) -> CloseContext:
    """Of the ledger after the last closed one."""
    return CloseContext(
        network_id=ledger.header.network_id,
        sequence=ledger.header.sequence + 1,
        close_time_ms=close_time_ms,
        settings=ledger.state.get_network_settings(),
        base_assets=ledger.state.get_base_assets().codes,
        operation_fee_asset=get_operation_fee_asset(ledger.state),
    )


def _seal(
    ledger: Ledger,
    value: ScpValue,
    context: CloseContext,
    outcome: _Outcome,
    dropped: tuple[Bucket, ...],
) -> ClosedLedger:
    applied, changes = outcome.applied, outcome.changes
    body = outcome.body.finish(outcome.outside, value.upgrades)
    window_rows = ledger.window.add_ledger(
        (
            (each.candidate.transaction_hash, each.candidate.transaction.max_time_ms)
            for each in applied
        ),
        value.close_time_ms,
    )
    reference_rows = ledger.state.references.seal()
    ledger.trie = state_trie.update(ledger.trie, compute_trie_changes(changes))
    ledger.header = LedgerHeader(
        network_id=context.network_id,
        sequence=context.sequence,
        previous_header_hash=ledger.header_hash,
        close_time_ms=value.close_time_ms,
        ledger_version=context.settings.ledger_version,
        set_hash=value.set_hash,
        transaction_count=len(applied),
        receipts_root=Hash(compute_root(outcome.receipts)),
        body_hash=compute_hash(body),
        state_root=Hash(ledger.trie.root),
        hash_window_root=ledger.window.compute_root(),
        reference_window_root=ledger.state.references.compute_root(),
        quorum_set_hash=compute_hash(encode(ledger.state.get_validators().quorum_set)),
    )
    header_bytes = encode(ledger.header)
    ledger.header_hash = compute_hash(header_bytes)
    return ClosedLedger(
        ledger.header,
        header_bytes,
        ledger.header_hash,
        body,
        ledger.trie,
        applied,
        changes,
        window_rows,
        reference_rows,
        dropped,
        value.upgrades,
    )
