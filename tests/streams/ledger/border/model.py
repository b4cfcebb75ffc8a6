"""A second, simple model of withdrawals and the transfers that pay them.

It says of each step whether it takes effect, and shares no code with the ledger. `Border` makes the
same steps on a real ledger and compares.
"""

from copy import deepcopy
from dataclasses import dataclass, field
from functools import cache
from random import Random
from typing import Any

from msgspec.structs import replace

from schemas.generated.common import U64, SignerData, TransferOutcome, WalletKind
from schemas.generated.entries import TransferState
from schemas.generated.operations import (
    CreateGovernedChangeRequestResult,
    CreateSigner,
    ManageAssetHalt,
    ManageSigner,
    ReviewAction,
)
from schemas.generated.transactions import TransactionCode
from streams.ledger.values import GENERAL_ROLE, MASTER_SIGNER_ROLE
from tests.streams.ledger.operations.cases import make_account_role, put
from tests.support import border
from tests.support.network import Network, get_account, get_public_key, make_economy, review
from tests.support.requests import govern, put_policy

PEOPLE = ("alice", "bob")
REVIEWERS = ("anna", "ben")
BLOCKED_ROLE = 99
HELD = 1_000_000
USED = (TransferOutcome.PAID, TransferOutcome.INEFFECTIVE)
VERSIONS_MAX = 16


@dataclass
class Request:
    """`transfer`: what is to pay it; `end`: PAID or REFUNDED."""

    name: str
    amount: int
    transfer: int | None = None
    end: str = ""


@dataclass
class Transfer:
    """`signed`: who signed the newest version."""

    requests: tuple[int, ...]
    parent: int | None = None
    cancel: int | None = None
    versions: int = 1
    signed: set[str] = field(default_factory=set)
    state: TransferState = TransferState.COMMITTED
    outcome: TransferOutcome | None = None

    @property
    def is_open(self) -> bool:
        return self.state is not TransferState.SETTLED

    def begin_version(self) -> None:
        self.versions += 1
        self.signed = set()
        self.state = TransferState.COMMITTED


@cache
def _make_network() -> Network:
    network = make_economy()
    border.open_border(network)
    network.apply("issuer", *(border.fund(network, name, HELD) for name in PEOPLE))
    for identity, name in enumerate(REVIEWERS, 1):
        data = SignerData(get_public_key(name), MASTER_SIGNER_ROLE, 1000, identity, b"")
        network.apply("master", ManageSigner(CreateSigner(data)))
    network.apply("master", border.put_caps(10**9, 10**9, 10**9))
    network.apply("master", put_policy("governed_change", 2, 1))
    put(network, make_account_role(BLOCKED_ROLE, "blocked", "send-transactions"))
    return network


class Border:
    """One schedule on a ledger and on the model."""

    def __init__(self, seed: int) -> None:
        self.random = Random(seed)
        self.network = deepcopy(_make_network())
        self.requests: dict[int, Request] = {}
        self.transfers: dict[int, Transfer] = {}
        self.closed = 0
        self.is_halted = False
        self.blocked: set[str] = set()
        self.keysets = 1
        self.taken: set[str] = set()

    def step(self) -> None:
        """Any step, also one that cannot take effect."""
        steps = (
            *(self.ask, self.commit, self.commit, self.reject, self.sign, self.sign, self.sign),
            *(self.confirm, self.replace, self.settle, self.settle, self.unknown, self.cancel),
            *(self.close, self.halt, self.block, self.rotate),
        )
        self.random.choice(steps)()
        self.check()

    def ask(self) -> None:
        name, amount = self.random.choice(PEOPLE), self.random.randrange(1, 50)
        if name not in self.blocked:
            self.requests[int(border.ask(self.network, name, amount))] = Request(name, amount)

    def commit(self) -> None:
        number = self.random.randrange(1, 4)
        ids = sorted(self.random.sample(sorted(self.requests), min(number, len(self.requests))))
        if not ids or any(self.requests[each].end for each in ids):
            return  # what has ended is not in the state: the transaction would enter no set
        keyset = self.random.choice((self.keysets, self.keysets, max(1, self.keysets - 1)))
        found = [self.requests[each] for each in ids]
        is_due = (
            keyset == self.keysets
            and not self.is_halted
            and all(e.transfer is None and e.name not in self.blocked for e in found)
        )
        made = border.transfer(self.network, *ids, keyset_version=keyset)
        if self.apply("master", made, is_due):
            number = self.network.ledger.state.get_counters().transfer
            self.transfers[number] = Transfer(tuple(ids))
            for each in found:
                each.transfer = number

    def reject(self) -> None:
        ids = [each for each, request in self.requests.items() if not request.end]
        if ids:
            request_id = self.random.choice(ids)
            request = self.requests[request_id]
            made = review(self.network, request_id, ReviewAction.PERMANENT_REJECT)
            if self.apply("master", made, request.transfer is None):
                request.end = "REFUNDED"

    def sign(self) -> None:
        for number, each in self.pick():
            for name in self.random.sample(border.COSIGNERS, 2):
                is_due = each.is_open and name not in each.signed
                if self.apply(name, border.sign(self.network, number), is_due):
                    each.signed.add(name)

    def confirm(self) -> None:
        for number, each in self.pick():
            signed = [slot for slot, n in enumerate(border.COSIGNERS) if n in each.signed]
            likely = signed if len(signed) > 1 else range(3)
            slots = tuple(sorted(self.random.sample(self.random.choice((likely, range(3))), 2)))
            have = {border.COSIGNERS[slot] for slot in slots} <= each.signed
            is_due = each.state is TransferState.COMMITTED and have
            if self.apply("master", border.confirm(self.network, number, slots), is_due):
                each.state = TransferState.CONFIRMED

    def replace(self) -> None:
        for number, each in self.pick():
            is_due = each.is_open and each.versions < VERSIONS_MAX
            if self.apply("master", border.replace_transfer(self.network, number), is_due):
                each.begin_version()

    def cancel(self) -> None:
        for number, each in self.pick():
            is_due = each.is_open and each.parent is None and each.cancel is None
            made = replace(border.cancel(self.network, number), keyset_version=self.keysets)
            if self.apply("master", made, is_due):
                each.cancel = int(self.network.ledger.state.get_counters().transfer)
                self.transfers[each.cancel] = Transfer((), parent=number)

    def settle(self) -> None:
        for number, each in self.pick():
            outcome = self.random.choice(tuple(TransferOutcome))
            other = self.transfers.get(each.parent or each.cancel or 0)
            is_contradicted = other is not None and other.outcome in USED and outcome in USED
            is_due = each.is_open and not is_contradicted
            if self.apply("master", border.settle(number, outcome), is_due):
                each.state, each.outcome = TransferState.SETTLED, outcome
                for request in (self.requests[r] for r in each.requests):
                    request.transfer = None
                    request.end = "PAID" if outcome is TransferOutcome.PAID else ""

    def unknown(self) -> None:
        for number, each in self.pick():
            is_due = each.state is TransferState.CONFIRMED
            if self.apply("master", border.mark_unknown(number), is_due):
                each.state = TransferState.UNKNOWN

    def close(self) -> None:
        for number, each in self.pick():
            parent = self.transfers.get(each.parent or 0)
            is_due = not each.is_open and each.cancel is None
            is_due = is_due and (parent is None or not parent.is_open)
            if self.apply("master", border.close(number), is_due):
                del self.transfers[number]
                if parent is not None:
                    parent.cancel = None

    def halt(self) -> None:
        self.is_halted = not self.is_halted
        change = ManageAssetHalt(border.ETH, None, self.is_halted)
        if self.is_halted:
            self.apply("master", change, is_due=True)
        else:
            self.govern(change)

    def block(self) -> None:
        name = self.random.choice(PEOPLE)
        account = self.network.ledger.state.get_account(get_account(name))
        assert account is not None
        self.blocked ^= {name}
        role = BLOCKED_ROLE if name in self.blocked else GENERAL_ROLE
        put(self.network, replace(account, role_id=U64(role)))

    def rotate(self) -> None:
        """New keys; some open transfers are to be signed again."""
        numbers = sorted(self.transfers)
        again = sorted(self.random.sample(numbers, min(2, len(numbers))))
        following = border.get_next_nonce(self.network)
        made = border.make_keyset(
            WalletKind.HOT,
            account=border.SAFE,
            binds_from=following,
            keys=1 + 3 * self.keysets,
            signed_again=tuple(again),
        )
        self.govern(made)
        self.keysets += 1
        for each in (self.transfers[number] for number in again):
            if each.is_open and each.versions < VERSIONS_MAX:
                each.begin_version()

    def govern(self, change: Any) -> None:
        network = self.network
        outcome = network.apply("master", govern(change)).applied[0].result.operations[0].outcome
        assert isinstance(outcome, CreateGovernedChangeRequestResult)
        approval = review(network, outcome.request_id, tasks_to_remove=8)
        network.apply_signed("master", REVIEWERS, approval)
        execution = review(network, outcome.request_id, ReviewAction.EXECUTE)
        [applied] = network.apply_signed("master", ["anna"], execution).applied
        assert applied.result.code is TransactionCode.SUCCESS, applied.result

    def pick(self) -> list[tuple[int, Transfer]]:
        """One of the transfers, settled ones included; none where there is none."""
        if not self.transfers:
            return []
        number = self.random.choice(sorted(self.transfers))
        return [(number, self.transfers[number])]

    def apply(self, source: str, body: Any, is_due: bool) -> bool:
        """Whether it took effect, which must be as the model says."""
        [applied] = self.network.apply(source, body).applied
        assert applied.defect is None, applied.defect
        is_done = applied.result.code is TransactionCode.SUCCESS
        assert is_done is is_due, (type(body).__name__, applied.result)
        if is_done:
            self.taken.add(type(body).__name__)
        return is_done

    def check(self) -> None:
        """What people hold is what the model says, and each transfer is where it says."""
        state = self.network.ledger.state
        for name in PEOPLE:
            balance = state.get_balance(self.network.get_balance_id(name, border.ETH))
            assert balance is not None
            own = [each for each in self.requests.values() if each.name == name]
            locked = sum(each.amount for each in own if not each.end)
            gone = sum(each.amount for each in own if each.end == "PAID")
            assert (balance.locked, balance.amount) == (locked, 1_000 + HELD - locked - gone)
        for number, each in self.transfers.items():
            found = border.get_transfer(self.network, number)
            assert (found.state, found.outcome) == (each.state, each.outcome)
            assert (len(found.versions), found.cancel) == (each.versions, each.cancel)
        for request_id, request in self.requests.items():
            committed = state.get_committed_request(request_id)
            assert (committed and committed.transfer_id) == request.transfer
