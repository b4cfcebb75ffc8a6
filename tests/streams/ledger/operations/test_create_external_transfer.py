"""CreateExternalTransfer, case by case."""

import hashlib
from typing import Any

import pytest
from msgspec.structs import replace

from schemas.generated.common import (
    U64,
    Amount,
    Hash,
    Resource,
    TransferPurpose,
    UtxoResource,
)
from schemas.generated.entries import CommittedRequest, TransferState, WalletNonce
from schemas.generated.ledger import EffectKind, RequestChange, RequestEvent
from schemas.generated.operations import (
    CreateExternalTransferCode,
    CreateExternalTransferResult,
)
from schemas.generated.transactions import OperationResult
from streams.ledger.border.transfer_policies import HOUR_MS
from tests.streams.ledger.operations.cases import Case, run_case
from tests.streams.ledger.operations.transfers import (
    add_task,
    bank,
    block_people,
    cap_to_less,
    commit_and_ask,
    commit_and_cancel,
    demand_list,
    get_last_request,
    halt_asset,
    halt_chain,
    open_bank,
    open_for_coins,
    open_with_request,
    pay_last,
    refill,
    refill_once,
    replace_keyset,
)
from tests.support.border import (
    CHAIN,
    COSIGNERS,
    EVIDENCE,
    PAYLOAD,
    SAFE,
    ask,
    cancel,
    commit,
    get_transfer,
    nonce,
    open_border,
    put_caps,
    settle_first,
    transfer,
    utxo,
)
from tests.support.network import Network, get_account, make_economy

Code = CreateExternalTransferCode
MADE = (
    "Counters changed",
    "ExternalTransfer made",
    "TransferFlow made",
    "TransferPayload made",
    "UsedResource made",
)


def check_made(network: Network, result: OperationResult) -> None:
    payload_hash = hashlib.sha256(PAYLOAD).digest()
    assert result.outcome == CreateExternalTransferResult(U64(1), Hash(payload_hash))
    state = network.ledger.state
    assert get_transfer(network).state is TransferState.COMMITTED
    assert state.get_committed_request(U64(get_last_request(network))) == CommittedRequest(
        U64(get_last_request(network)), U64(1)
    )
    request = state.get_reviewable_request(U64(get_last_request(network)))
    assert request is not None
    assert request.pending_tasks == 128 | 256
    assert state.get_wallet_nonce(CHAIN, SAFE) == WalletNonce(CHAIN, SAFE, U64(1))


COMMITTING = ("CommittedRequest made", "ReviewableRequest changed")
COIN = Resource(UtxoResource("eip155:1", EVIDENCE, 0))
CASES = (
    Case(
        "a withdrawal",
        "master",
        pay_last(),
        changes=(*MADE, *COMMITTING, "WalletNonce changed"),
        given=open_with_request,
        check=check_made,
    ),
    Case("a bank's file", "master", bank, changes=(*MADE, *COMMITTING), given=open_bank),
    Case("a refill", "master", refill, changes=MADE, given=open_for_coins),
    Case(
        "a cancel",
        "master",
        lambda network: cancel(network, 1),
        changes=(
            "Counters changed",
            "ExternalTransfer changed",
            "ExternalTransfer made",
            "TransferPayload made",
        ),
        given=commit,
    ),
    Case(
        "no chain",
        "master",
        pay_last(chain_id="x"),
        Code.INVALID_CHAIN_ID,
        given=open_with_request,
    ),
    Case("no request", "master", transfer, Code.INVALID_REQUESTS, given=open_border),
    Case(
        "a request twice",
        "master",
        pay_last(requests=(U64(1), U64(1))),
        Code.INVALID_REQUESTS,
        given=open_with_request,
    ),
    Case(
        "a request of a refill",
        "master",
        lambda network: refill(network, requests=(U64(1),)),
        Code.INVALID_REQUESTS,
        given=open_for_coins,
    ),
    Case(
        "no resource",
        "master",
        pay_last(resources=()),
        Code.INVALID_RESOURCES,
        given=open_with_request,
    ),
    Case(
        "a resource twice",
        "master",
        pay_last(resources=(utxo(1), utxo(1))),
        Code.INVALID_RESOURCES,
        given=open_with_request,
    ),
    Case(
        "two nonces",
        "master",
        pay_last(resources=(nonce(0), nonce(1))),
        Code.INVALID_RESOURCES,
        given=open_with_request,
    ),
    Case(
        "another chain's coin",
        "master",
        pay_last(resources=(COIN,)),
        Code.INVALID_RESOURCES,
        given=open_with_request,
    ),
    Case(
        "a parent of what cancels nothing",
        "master",
        pay_last(parent=U64(1)),
        Code.INVALID_PARENT,
        given=commit_and_ask,
    ),
    Case(
        "a submitter on a chain",
        "master",
        pay_last(submitter=get_account("bob")),
        Code.INVALID_SUBMITTER,
        given=open_with_request,
    ),
    Case(
        "a bank's file without one",
        "master",
        lambda network: bank(network, submitter=None),
        Code.INVALID_SUBMITTER,
        given=open_bank,
    ),
    Case(
        "no payload",
        "master",
        pay_last(payload=b""),
        Code.INVALID_PAYLOAD,
        given=open_with_request,
    ),
    Case("a halted chain", "master", pay_last(), Code.CHAIN_HALTED, given=halt_chain),
    Case(
        "no keyset",
        "master",
        pay_last(keyset_version=2),
        Code.KEYSET_NOT_FOUND,
        given=open_with_request,
    ),
    Case(
        "without the account's nonce",
        "master",
        pay_last(resources=(utxo(0),)),
        Code.KEYSET_DOES_NOT_BIND,
        given=open_with_request,
    ),
    Case(
        "another account's nonce",
        "master",
        pay_last(resources=(nonce(0, "0xother"),)),
        Code.KEYSET_DOES_NOT_BIND,
        given=open_with_request,
    ),
    Case(
        "a keyset that does not bind yet",
        "master",
        pay_last(keyset_version=2),
        Code.KEYSET_DOES_NOT_BIND,
        given=replace_keyset,
    ),
    Case(
        "a keyset that does not bind any more",
        "master",
        pay_last(resources=(nonce(5),)),
        Code.KEYSET_DOES_NOT_BIND,
        given=replace_keyset,
    ),
    Case(
        "a cancel of nothing",
        "master",
        lambda network: cancel(network, 7),
        Code.PARENT_NOT_FOUND,
        given=open_with_request,
    ),
    Case(
        "a cancel of a cancel",
        "master",
        lambda network: cancel(network, 2),
        Code.PARENT_NOT_FOUND,
        given=commit_and_cancel,
    ),
    Case(
        "a cancel of what is settled",
        "master",
        lambda network: cancel(network, 1),
        Code.PARENT_IS_SETTLED,
        given=settle_first,
    ),
    Case(
        "a second cancel",
        "master",
        lambda network: cancel(network, 1),
        Code.PARENT_HAS_A_CANCEL,
        given=commit_and_cancel,
    ),
    Case(
        "a request of another kind",
        "master",
        pay_last(requests=(U64(1),)),
        Code.REQUEST_NOT_FOUND,
        given=open_with_request,
    ),
    Case("a committed request", "master", pay_last(), Code.REQUEST_NOT_READY, given=commit),
    Case("a task is left", "master", pay_last(), Code.REQUEST_NOT_READY, given=add_task),
    Case(
        "who asked is blocked",
        "master",
        pay_last(),
        Code.REQUESTOR_NOT_ALLOWED,
        given=block_people,
    ),
    Case("a halted asset", "master", pay_last(), Code.ASSET_HALTED, given=halt_asset),
    Case(
        "another amount",
        "master",
        pay_last(amount=Amount(99)),
        Code.AMOUNT_MISMATCHED,
        given=open_with_request,
    ),
    Case(
        "a refill of nothing",
        "master",
        lambda network: refill(network, amount=Amount(0)),
        Code.AMOUNT_MISMATCHED,
        given=open_for_coins,
    ),
    Case(
        "a cancel of an amount",
        "master",
        lambda network: replace(cancel(network, 1), amount=Amount(1)),
        Code.AMOUNT_MISMATCHED,
        given=commit,
    ),
    Case(
        "no policy",
        "master",
        lambda network: refill(network, purpose=TransferPurpose.SWEEP),
        Code.POLICY_NOT_FOUND,
        given=open_for_coins,
    ),
    Case(
        "a destination that is new",
        "master",
        pay_last(),
        Code.DESTINATION_NOT_ALLOWED,
        given=demand_list,
    ),
    Case("more than the cap", "master", pay_last(), Code.CAP_EXCEEDED, given=cap_to_less),
    Case(
        "another nonce",
        "master",
        pay_last(resources=(nonce(1),)),
        Code.NONCE_MISMATCHED,
        given=open_with_request,
    ),
    Case("a coin in use", "master", refill, Code.RESOURCE_IN_USE, given=refill_once),
    Case(
        "a submitter who is nobody",
        "master",
        lambda network: bank(network, submitter=get_account("nobody")),
        Code.SUBMITTER_NOT_FOUND,
        given=open_bank,
    ),
)


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_create_external_transfer(case: Case) -> None:
    run_case(case)


def commit_last(network: Network, after_ms: int = 1_000) -> Any:
    made = pay_last()(network)
    closed = network.apply_signed("master", ["master"], made, interval_ms=after_ms)
    return closed.applied[0].result.operations[0].outcome


def test_those_who_sign_and_those_who_asked_are_told() -> None:
    network = make_economy()
    open_with_request(network)
    effects = network.apply("master", pay_last()(network)).applied[0].effects
    told = [each.account_id for each in effects if each.kind is EffectKind.TRANSFER_CHANGED]
    assert told == [get_account(name) for name in ("master", *COSIGNERS)]
    assert effects[-1].account_id == get_account("alice")
    change = RequestChange(
        U64(get_last_request(network)), "withdrawal", RequestEvent.TASKS_CHANGED, 384
    )
    assert effects[-1].detail == change


def test_a_destination_is_good_after_the_delay() -> None:
    network = make_economy()
    demand_list(network)
    assert commit_last(network) is Code.DESTINATION_NOT_ALLOWED
    assert isinstance(commit_last(network, 5_000), CreateExternalTransferResult)


def test_caps_hold_for_one_transfer_a_day_and_all_time() -> None:
    network = make_economy()
    open_border(network)
    network.apply("master", put_caps(60, 100, 150))
    for amount, after_ms, code in (
        (61, 1_000, Code.CAP_EXCEEDED),
        (60, 1_000, None),
        (41, 1_000, Code.CAP_EXCEEDED),
        (40, 1_000, None),
        (50, 23 * HOUR_MS, Code.CAP_EXCEEDED),
        (50, HOUR_MS, None),
        (1, 48 * HOUR_MS, Code.CAP_EXCEEDED),
    ):
        ask(network, amount=amount)
        outcome = commit_last(network, after_ms)
        if code is None:
            assert isinstance(outcome, CreateExternalTransferResult), amount
        else:
            assert outcome is code, amount
