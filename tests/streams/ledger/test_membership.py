"""Who may be in a set: signatures and weights, time bounds, duplicates, sizes."""

from typing import Any

import pytest
from msgspec.structs import replace

from schemas.generated.common import AccessRule, Action, AssetResource
from schemas.generated.entries import SignerRole, SignerRule
from schemas.generated.events import RejectionCode
from schemas.generated.operations import (
    CreateSigner,
    CreateSignerRole,
    ManageSigner,
    ManageSignerRole,
    RemoveSigner,
)
from schemas.generated.transactions import Operation, Transaction
from streams.ledger.admission import Candidate
from streams.ledger.errors import InvalidSet
from streams.ledger.membership import compute_rejection, validate_set
from streams.ledger.values import DEFAULT_SIGNER_ROLE, GENERAL_ROLE, OWNER_SIGNER_ROLE
from tests.streams.ledger.operations.cases import make_account_role, make_signer_role, put
from tests.support.network import (
    Network,
    create_account,
    create_asset,
    create_balance,
    get_account,
    get_owner,
    get_public_key,
    make_economy,
    pay,
)

NEXT_MS = 1_000


def judge(network: Network, candidate: Candidate, after_ms: int = NEXT_MS) -> RejectionCode | None:
    ledger = network.ledger
    close_time_ms = ledger.header.close_time_ms + after_ms
    rejection = compute_rejection(ledger.state, ledger.window, candidate, close_time_ms)
    return None if rejection is None else rejection.code


def judge_signed(network: Network, transaction: Transaction, *signers: str) -> RejectionCode | None:
    return judge(network, network.admit(network.sign(transaction, *signers)))


def build_payment(network: Network, **changes: Any) -> Transaction:
    return network.build("alice", pay(network, "alice", "bob", "EUR", 1), **changes)


LATER_ROLE = 5  # the first that is created


def add_signer(
    network: Network, name: str, weight: int, identity: int, role_id: int = OWNER_SIGNER_ROLE
) -> None:
    data = replace(get_owner(name, weight, identity), role_id=role_id)
    network.apply("alice", ManageSigner(CreateSigner(data)))


def test_an_owner_may_sign() -> None:
    network = make_economy()
    assert judge_signed(network, build_payment(network), "alice") is None


@pytest.mark.parametrize(
    ("signers", "expected"),
    [
        ((), RejectionCode.BAD_AUTH),
        (("bob",), RejectionCode.BAD_AUTH),
        (("alice", "bob"), RejectionCode.BAD_AUTH_EXTRA),
    ],
)
def test_signatures_must_suffice_and_none_be_in_vain(
    signers: tuple[str, ...], expected: RejectionCode
) -> None:
    network = make_economy()
    assert judge_signed(network, build_payment(network), *signers) is expected


@pytest.mark.parametrize(
    ("signers", "expected"),
    [
        (("half", "other half"), None),
        (("half",), RejectionCode.BAD_AUTH),
        (("half", "same half"), RejectionCode.BAD_AUTH),  # one identity: only the heaviest counts
        (("half", "same half", "other half"), None),
        (("alice", "half"), None),
    ],
)
def test_weights_add_up_over_identities(
    signers: tuple[str, ...], expected: RejectionCode | None
) -> None:
    network = make_economy()
    add_signer(network, "half", 500, 1)
    add_signer(network, "same half", 499, 1)
    add_signer(network, "other half", 500, 2)
    assert judge_signed(network, build_payment(network), *signers) is expected


def test_a_signer_may_sign_only_what_its_role_allows() -> None:
    network = make_economy()
    rule = AccessRule(AssetResource("EUR", None), Action.SEND, forbids=False)
    owner = get_account("alice")
    put(
        network,
        SignerRule(99, "pay", owner, rule, b"", is_read_only=False),
        SignerRole(9, "payer", owner, (99,), b"", None, is_read_only=False),
    )
    add_signer(network, "payer", 1000, 1, role_id=9)
    assert judge_signed(network, build_payment(network), "payer") is None
    other = network.build("alice", create_asset("USD"))
    assert judge_signed(network, other, "payer") is RejectionCode.BAD_AUTH


@pytest.mark.parametrize("lost", ["signer", "signer role", "account role"])
def test_what_was_authorized_once_is_judged_again_when_who_may_sign_has_changed(lost: str) -> None:
    network = make_economy()
    candidate = network.admit(network.sign(build_payment(network), "alice"))
    assert judge(network, candidate) is None
    assert judge(network, candidate) is None
    expected = RejectionCode.BAD_AUTH
    if lost == "signer":
        network.apply("alice", ManageSigner(RemoveSigner(get_public_key("alice"))))
    elif lost == "signer role":
        put(network, make_signer_role(OWNER_SIGNER_ROLE, "owner"))
    else:
        put(network, make_account_role(GENERAL_ROLE, "general"))
    expected = (
        RejectionCode.SENDER_NOT_ALLOWED if lost == "account role" else RejectionCode.BAD_AUTH
    )
    assert judge(network, candidate) is expected
    with pytest.raises(InvalidSet):
        validate_set(
            network.ledger.state,
            network.ledger.window,
            [candidate],
            network.ledger.header.close_time_ms + NEXT_MS,
        )


def test_every_source_of_an_operation_must_have_signed() -> None:
    network = make_economy()
    operation = Operation(get_account("bob"), pay(network, "bob", "alice", "EUR", 1))
    transaction = network.build("alice", operation)
    assert judge_signed(network, transaction, "alice", "bob") is None
    assert judge_signed(network, transaction, "alice") is RejectionCode.BAD_AUTH
    assert judge_signed(network, transaction, "bob") is RejectionCode.BAD_AUTH
    stranger = Operation(get_account("nobody"), operation.body)
    transaction = network.build("alice", stranger)
    code = judge_signed(network, transaction, "alice", "nobody")
    assert code is RejectionCode.NO_OPERATION_ACCOUNT


def test_a_source_must_exist_and_be_allowed_to_send() -> None:
    network = make_economy()
    nobody = network.build("nobody", pay(network, "nobody", "bob", "EUR", 1))
    assert judge_signed(network, nobody, "nobody") is RejectionCode.NO_ACCOUNT
    put(network, make_account_role(GENERAL_ROLE, "general"))
    code = judge_signed(network, build_payment(network), "alice")
    assert code is RejectionCode.SENDER_NOT_ALLOWED


@pytest.mark.parametrize(
    ("min_ms", "max_ms", "expected"),
    [
        (0, NEXT_MS, None),
        (NEXT_MS, NEXT_MS, None),
        (NEXT_MS + 1, NEXT_MS + 1, RejectionCode.TOO_EARLY),
        (0, NEXT_MS - 1, RejectionCode.TOO_LATE),
        (0, NEXT_MS + 15 * 60_000, None),
        (0, NEXT_MS + 15 * 60_000 + 1, RejectionCode.TOO_FAR_AHEAD),
    ],
)
def test_time_bounds_are_held_against_the_close_time(
    min_ms: int, max_ms: int, expected: RejectionCode | None
) -> None:
    network = make_economy()
    now_ms = network.ledger.header.close_time_ms
    candidate = network.prepare(
        "alice",
        pay(network, "alice", "bob", "EUR", 1),
        min_time_ms=now_ms + min_ms,
        max_time_ms=now_ms + max_ms,
    )
    assert judge(network, candidate) is expected


def test_what_entered_a_ledger_is_a_duplicate_for_as_long_as_it_could_be_valid() -> None:
    network = make_economy()
    candidate = network.prepare("alice", pay(network, "alice", "bob", "EUR", 10**9))
    network.close(candidate)  # underfunded: it entered the ledger all the same
    again = network.admit(candidate.envelope)
    assert judge(network, again) is RejectionCode.DUPLICATE
    last_ms = candidate.transaction.max_time_ms - network.ledger.header.close_time_ms
    network.close(interval_ms=last_ms - 1)
    assert judge(network, again, after_ms=1) is RejectionCode.DUPLICATE
    assert judge(network, again, after_ms=2) is RejectionCode.TOO_LATE


def test_a_transaction_larger_than_a_ledger_is_refused() -> None:
    network = make_economy()
    settings = network.ledger.state.get_network_settings()
    candidate = network.prepare("alice", pay(network, "alice", "bob", "EUR", 1))
    put(network, replace(settings, max_set_output_bytes=candidate.output_bytes))
    assert judge(network, candidate) is None
    put(network, replace(settings, max_set_output_bytes=candidate.output_bytes - 1))
    assert judge(network, candidate) is RejectionCode.TOO_LARGE


def test_a_set_is_bounded_and_has_each_transaction_once() -> None:
    network = make_economy()
    settings, ledger = network.ledger.state.get_network_settings(), network.ledger
    first = network.prepare("alice", pay(network, "alice", "bob", "EUR", 1))
    second = network.prepare("bob", pay(network, "bob", "alice", "EUR", 1))
    at_ms = ledger.header.close_time_ms + NEXT_MS

    def validate(*candidates: Candidate) -> None:
        validate_set(ledger.state, ledger.window, candidates, at_ms)

    validate(first, second)
    put(network, replace(settings, max_set_transactions=1))
    with pytest.raises(InvalidSet, match="2 transactions, 1 allowed"):
        validate(first, second)
    size = first.output_bytes + second.output_bytes
    put(network, replace(settings, max_set_output_bytes=size - 1))
    with pytest.raises(InvalidSet, match="worst-case output"):
        validate(first, second)
    put(network, settings)
    add_signer(network, "spare", 1000, 1)
    one = build_payment(network)
    at_ms = ledger.header.close_time_ms + NEXT_MS
    twins = [network.admit(network.sign(one, name)) for name in ("alice", "spare")]
    with pytest.raises(InvalidSet, match="two envelopes of one transaction"):
        validate(*twins)
    with pytest.raises(InvalidSet, match="NO_ACCOUNT"):
        validate(network.prepare("nobody", create_account("x")))


def test_what_names_something_that_does_not_exist_is_no_member() -> None:
    network = make_economy()
    for body in (
        pay(network, "bob", "alice", "USD", 1),
        create_balance("bob", "USD"),
        ManageSigner(RemoveSigner(get_public_key("nobody"))),
    ):
        code = judge_signed(network, network.build("bob", body), "bob")
        assert code is RejectionCode.UNRESOLVED


def test_a_default_signer_may_not_touch_the_owner() -> None:
    """The protecting rules apply to every role but master and owner, also to those made later."""
    network = make_economy()
    add_signer(network, "app", 1000, 1, role_id=DEFAULT_SIGNER_ROLE)
    removal = network.build("alice", ManageSigner(RemoveSigner(get_public_key("alice"))))
    assert judge_signed(network, removal, "app") is RejectionCode.BAD_AUTH
    assert judge_signed(network, removal, "alice") is None
    assert judge_signed(network, build_payment(network), "app") is None
    later = CreateSignerRole("later", (1,), b"", None, is_read_only=False)
    network.apply("master", ManageSignerRole(later))
    add_signer(network, "other", 1000, 1, role_id=LATER_ROLE)
    assert judge_signed(network, removal, "other") is RejectionCode.BAD_AUTH
    assert judge_signed(network, build_payment(network), "other") is None


def test_a_role_that_has_ended_signs_nothing_even_if_it_was_found_authorized_before() -> None:
    network = make_economy()
    end = network.ledger.header.close_time_ms + 10 * NEXT_MS
    brief = CreateSignerRole("brief", (1,), b"", end, is_read_only=False)
    network.apply("master", ManageSignerRole(brief))
    add_signer(network, "guest", 1000, 1, role_id=LATER_ROLE)
    candidate = network.admit(network.sign(build_payment(network), "guest"))
    state, window = network.ledger.state, network.ledger.window
    assert compute_rejection(state, window, candidate, end - 1) is None
    rejection = compute_rejection(state, window, candidate, end)
    assert rejection is not None
    assert rejection.code is RejectionCode.BAD_AUTH
