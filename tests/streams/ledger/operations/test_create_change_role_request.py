"""CreateChangeRoleRequest, case by case."""

from typing import Any

import pytest
from msgspec.structs import replace

from schemas.generated.common import AccountRequestKind, Hash, KycCommitment
from schemas.generated.entries import AccountKyc
from schemas.generated.ledger import EffectKind, RoleChange
from schemas.generated.operations import (
    CreateChangeRoleRequest,
    CreateChangeRoleRequestCode,
    ManageKeyValue,
    PutKeyValue,
    ReviewAction,
    U32Value,
)
from schemas.generated.transactions import OperationResult
from tests.streams.ledger.operations.cases import Case, run_case
from tests.support.network import ISSUER_ROLE, Network, get_account, make_economy, review

Code = CreateChangeRoleRequestCode
KYC = KycCommitment(Hash(bytes(range(32))), 7)
FIRST_REQUEST = 4  # make_economy has made three


def ask(name: str = "alice", **changes: Any) -> CreateChangeRoleRequest:
    made = CreateChangeRoleRequest(0, get_account(name), ISSUER_ROLE, KYC, None)
    return replace(made, **changes)


def set_tasks(network: Network, pair: str, tasks: int) -> None:
    put = ManageKeyValue(f"change_role_tasks:{pair}", PutKeyValue(U32Value(tasks)))
    network.apply("master", put)


def open_widely(network: Network) -> None:
    set_tasks(network, "*:*", 0)


def wait_for_review(network: Network) -> None:
    """The pair of roles itself goes before the wildcards."""
    open_widely(network)
    set_tasks(network, f"2:{ISSUER_ROLE}", 16)


def ask_once(network: Network) -> None:
    wait_for_review(network)
    network.apply("alice", ask())


def reject_once(network: Network) -> None:
    ask_once(network)
    network.apply("master", review(network, FIRST_REQUEST, ReviewAction.REJECT))


def reject_masters(network: Network) -> None:
    network.apply("master", ask(all_tasks=16))
    network.apply("master", review(network, FIRST_REQUEST, ReviewAction.REJECT))


def check_role(network: Network, _: OperationResult) -> None:
    state, alice = network.ledger.state, get_account("alice")
    account, kyc = state.get_account(alice), state.get_account_kyc(alice)
    assert account is not None
    assert account.role_id == ISSUER_ROLE
    closed_at_ms = network.ledger.header.close_time_ms
    assert kyc == AccountKyc(alice, KYC, FIRST_REQUEST, closed_at_ms)
    assert state.get_account_reservation(AccountRequestKind.CHANGE_ROLE, alice) is None


ASKED = ("ReviewableRequest made", "AccountReservation made", "Counters changed")
DONE = (
    "Account changed",
    "AccountKyc made",
    "AccessUse changed",
    "AccessUse changed",
    "Counters changed",
)

CASES = (
    Case("at once", "alice", lambda _: ask(), given=open_widely, changes=DONE, check=check_role),
    Case("for review", "alice", lambda _: ask(), given=wait_for_review, changes=ASKED),
    Case(
        "by the master, who names the tasks",
        "master",
        lambda _: ask(all_tasks=16),
        changes=ASKED,
    ),
    Case(
        "edited after a rejection",
        "alice",
        lambda _: ask(request_id=FIRST_REQUEST, kyc=None),
        given=reject_once,
        changes=("ReviewableRequest changed",),
    ),
    Case(
        "a bit of the system",
        "master",
        lambda _: ask(all_tasks=4),
        Code.SYSTEM_TASKS_NOT_ALLOWED,
    ),
    Case(
        "tasks for a request that is edited",
        "master",
        lambda _: ask(all_tasks=16, request_id=FIRST_REQUEST),
        Code.NOT_ALLOWED_TO_SET_TASKS_ON_UPDATE,
    ),
    Case("of nobody", "master", lambda _: ask("nobody"), Code.DESTINATION_NOT_FOUND),
    Case("of the master", "master", lambda _: ask("master"), Code.MASTER_NOT_ALLOWED),
    Case("no such role", "alice", lambda _: ask(role_id=77), Code.NO_SUCH_ROLE),
    Case("not foreseen", "alice", lambda _: ask(), Code.CHANGE_ROLE_TASKS_NOT_FOUND),
    Case("a second one", "alice", lambda _: ask(), Code.REQUEST_ALREADY_EXISTS, given=ask_once),
    Case(
        "in place of no request",
        "alice",
        lambda _: ask(request_id=77),
        Code.REQUEST_NOT_FOUND,
    ),
    Case(
        "in place of a pending one",
        "alice",
        lambda _: ask(request_id=FIRST_REQUEST),
        Code.REQUEST_IS_PENDING,
        given=ask_once,
    ),
    Case(
        "of another account in place of a rejected one",
        "master",
        lambda _: ask("bob", request_id=FIRST_REQUEST),
        Code.DESTINATION_MISMATCHED,
        given=reject_masters,
    ),
)


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_create_change_role_request(case: Case) -> None:
    run_case(case)


def test_a_review_gives_the_role_and_tells_the_account() -> None:
    network = make_economy()
    ask_once(network)
    closed = network.apply("master", review(network, FIRST_REQUEST))
    account = network.ledger.state.get_account(get_account("alice"))
    assert account is not None
    assert account.role_id == ISSUER_ROLE
    [change] = [e for e in closed.applied[0].effects if e.kind is EffectKind.ROLE_CHANGED]
    assert (change.account_id, change.detail) == (get_account("alice"), RoleChange(2, ISSUER_ROLE))
