"""CreateKycRecoveryRequest, case by case."""

from typing import Any

import pytest
from msgspec.structs import replace

from schemas.generated.common import SignerData
from schemas.generated.ledger import EffectKind
from schemas.generated.operations import (
    CreateKycRecoveryRequest,
    CreateKycRecoveryRequestCode,
    ReviewAction,
    U32Value,
)
from tests.streams.ledger.operations.cases import Case, run_case
from tests.streams.ledger.operations.test_initiate_kyc_recovery import (
    allow,
    initiate,
    put_key_value,
)
from tests.support.network import (
    Network,
    get_account,
    get_owner,
    get_public_key,
    make_economy,
    review,
)

Code = CreateKycRecoveryRequestCode
FIRST_REQUEST = 4  # make_economy has made three
ASKED = ("ReviewableRequest made", "AccountReservation made", "Counters changed")


def ask(*signers: SignerData, **changes: Any) -> CreateKycRecoveryRequest:
    made = CreateKycRecoveryRequest(0, signers or (get_owner("restored"),), None, None)
    return replace(made, **changes)


def open_recovery(network: Network) -> None:
    allow(network)
    put_key_value(network, "create_kyc_recovery_tasks", U32Value(16))


def open_at_once(network: Network) -> None:
    allow(network)
    put_key_value(network, "create_kyc_recovery_tasks", U32Value(0))


def ask_once(network: Network) -> None:
    open_recovery(network)
    network.apply("alice", ask())


def reject_once(network: Network) -> None:
    ask_once(network)
    network.apply("master", review(network, FIRST_REQUEST, ReviewAction.REJECT))


CASES = (
    Case("for review", "alice", lambda _: ask(), given=open_recovery, changes=ASKED),
    Case(
        "at once",
        "alice",
        lambda _: ask(),
        given=open_at_once,
        changes=("Account changed", "Signer removed", "Signer made", "Counters changed"),
    ),
    Case(
        "edited after a rejection",
        "alice",
        lambda _: ask(request_id=FIRST_REQUEST),
        given=reject_once,
        changes=("ReviewableRequest changed",),
    ),
    Case(
        "without signers",
        "alice",
        lambda _: ask(signers=()),
        Code.NO_SIGNER_DATA,
    ),
    Case(
        "one key twice",
        "alice",
        lambda _: ask(get_owner("restored"), get_owner("restored")),
        Code.SIGNER_DUPLICATION,
    ),
    Case(
        "details that are not JSON",
        "alice",
        lambda _: ask(replace(get_owner("restored"), details=b"{")),
        Code.INVALID_SIGNER_DATA,
    ),
    Case("too light", "alice", lambda _: ask(get_owner("restored", 999)), Code.INVALID_WEIGHT),
    Case(
        "a bit of the system",
        "issuer",
        lambda _: ask(all_tasks=1),
        Code.SYSTEM_TASKS_NOT_ALLOWED,
    ),
    Case(
        "tasks for a request that is edited",
        "issuer",
        lambda _: ask(all_tasks=16, request_id=FIRST_REQUEST),
        Code.NOT_ALLOWED_TO_SET_TASKS_ON_UPDATE,
    ),
    Case("not configured", "alice", lambda _: ask(), Code.RECOVERY_NOT_ALLOWED),
    Case("of the master", "master", lambda _: ask(), Code.MASTER_NOT_ALLOWED, given=open_recovery),
    Case(
        "a role that does not exist",
        "alice",
        lambda _: ask(replace(get_owner("restored"), role_id=77)),
        Code.NO_SUCH_SIGNER_ROLE,
        given=open_recovery,
    ),
    Case("no tasks", "alice", lambda _: ask(), Code.KYC_RECOVERY_TASKS_NOT_FOUND, given=allow),
    Case("a second one", "alice", lambda _: ask(), Code.REQUEST_ALREADY_EXISTS, given=ask_once),
    Case(
        "in place of no request",
        "alice",
        lambda _: ask(request_id=77),
        Code.REQUEST_NOT_FOUND,
        given=open_recovery,
    ),
    Case(
        "in place of a pending one",
        "alice",
        lambda _: ask(request_id=FIRST_REQUEST),
        Code.REQUEST_IS_PENDING,
        given=ask_once,
    ),
)


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_create_kyc_recovery_request(case: Case) -> None:
    run_case(case)


def get_signers(network: Network) -> tuple[bytes, ...]:
    account = network.ledger.state.get_account(get_account("alice"))
    assert account is not None
    return account.signers


def test_a_user_who_has_lost_every_key_gets_new_ones_after_a_review() -> None:
    network = make_economy()
    open_recovery(network)
    network.apply("master", initiate())
    transaction = network.build("alice", ask())
    network.close(network.admit(network.sign(transaction, "new")))
    assert get_signers(network) == (get_public_key("new"),)
    closed = network.apply("master", review(network, FIRST_REQUEST))
    assert get_signers(network) == (get_public_key("restored"),)
    assert EffectKind.SIGNERS_REPLACED in {each.kind for each in closed.applied[0].effects}


def test_a_recovery_that_begins_anew_ends_the_pending_request() -> None:
    network = make_economy()
    ask_once(network)
    network.apply("master", initiate())
    assert network.ledger.state.get_reviewable_request(FIRST_REQUEST) is None
    assert get_signers(network) == (get_public_key("new"),)
