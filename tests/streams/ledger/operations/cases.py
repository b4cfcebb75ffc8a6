"""How an operation is tested: a list of cases, each one transaction on a small economy.

The economy has alice and bob with EUR, and their issuer. A case may prepare it further, in ledgers
of its own or by putting an entry that no operation makes so far.
"""

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from schemas.codec import decode
from schemas.generated.entries import AccountRole, SignerRole
from schemas.generated.keys import Entry
from schemas.generated.ledger import LedgerEntry
from schemas.generated.transactions import OperationResult, TransactionCode
from streams.ledger.access.beginning import ACCOUNT_RULES
from streams.ledger.state import LedgerDelta
from streams.ledger.values import GENERAL_ROLE
from tests.support.network import Network, get_account, make_economy

Prepare = Callable[[Network], object]


def nothing(network: Network) -> None:
    """The economy as it is."""


@dataclass(frozen=True)
class Case:
    """`code` None: it succeeds. `changes`: kinds of entries, with how many of each were made,
    changed or removed, as "Balance changed"."""

    name: str
    source: str
    make: Callable[[Network], Any]
    code: Any = None
    changes: tuple[str, ...] = ()
    given: Prepare = nothing
    check: Callable[[Network, OperationResult], None] | None = None


def run_case(case: Case) -> None:
    network = make_economy()
    case.given(network)
    before = dict(network.ledger.state.encoded)
    closed = network.apply(case.source, case.make(network))
    applied = closed.applied[0]
    assert applied.defect is None
    [result] = applied.result.operations
    if case.code is not None:
        assert result.outcome is case.code
        assert applied.result.code is TransactionCode.FAILED
        assert network.ledger.state.encoded == before
        assert not applied.effects
    else:
        assert applied.result.code is TransactionCode.SUCCESS, result.outcome
        assert Counter(map(_describe, applied.changes)) == Counter(case.changes)
        assert applied.effects
    if case.check is not None:
        case.check(network, result)


def make_account_role(role_id: int, name: str, *rules: str) -> AccountRole:
    """A role with some of the genesis' rules."""
    numbers = {name: number for number, (name, _) in enumerate(ACCOUNT_RULES, 1)}
    return AccountRole(
        role_id,
        name,
        tuple(numbers[each] for each in rules),
        b"",
        None,
        is_read_only=False,
        pays_for_operations=False,
    )


def make_signer_role(role_id: int, name: str) -> SignerRole:
    """A role without rules of its own."""
    return SignerRole(role_id, name, get_account("master"), (), b"", None, is_read_only=False)


def allow_general_anything(network: Network) -> None:
    put(network, make_account_role(GENERAL_ROLE, "general", "anything"))


def put(network: Network, *entries: Entry) -> None:
    """Puts what no operation makes so far. The state root does not follow."""
    delta = LedgerDelta(network.ledger.state)
    for entry in entries:
        delta.put(entry)
    delta.commit()


def _describe(change: tuple[bytes, bytes | None, bytes | None]) -> str:
    _, before, after = change
    raw = before if after is None else after
    assert raw is not None
    verb = "made" if before is None else "removed" if after is None else "changed"
    return f"{type(decode(LedgerEntry, raw).data).__name__} {verb}"
