"""What transfers add to a ledger's body: within what they declare, and within limits."""

from collections.abc import Iterator
from typing import Any

import pytest
from msgspec.structs import replace

from schemas.generated.common import (
    U64,
    Amount,
    BankAccount,
    Fee,
    FeeRange,
    FeeType,
    IdempotencyResource,
    LimitKind,
    Resource,
    TransferOutcome,
    WalletKind,
)
from schemas.generated.operations import (
    CreateWithdrawalRequest,
    ManageKeyset,
    ManageKeyValue,
    PutFeeRange,
    PutKeyValue,
    SetFees,
    StringValue,
    SubmitExternalTransfer,
)
from schemas.strkey import encode_balance_id
from streams.ledger.values import AMOUNT_MAX
from tests.streams.ledger.wide_border import make_cosigners
from tests.support.border import (
    BANK,
    ETH,
    close,
    confirm,
    mark_unknown,
    nonce,
    open_border,
    put_caps,
    replace_transfer,
    settle,
    sign,
    transfer,
)
from tests.support.network import (
    Network,
    create_account,
    get_account,
    issue,
    make_economy,
    make_reference,
    put_limit,
)
from tests.support.requests import govern

PAYLOAD = b"p" * 8192
SIGNATURE = b"s" * 4096
LONGEST = BankAccount("NO9386011117947", "DNBANOKKXXX")


def open_wide(network: Network) -> None:
    """Fifteen cosigners of a bank's wallet; withdrawals have a fee, two limits count them."""
    open_border(network)
    add_cosigners_of_a_wide_keyset(network)
    cosigners = make_cosigners(0)
    keyset = ManageKeyset(BANK, WalletKind.HOT, 14, cosigners, "d" * 512, "", U64(0), ())
    every = PutFeeRange(FeeRange(Amount(0), AMOUNT_MAX, Amount(1), 0))
    owner = StringValue(encode_balance_id(network.get_balance_id("bob", ETH)))
    network.apply(
        "master",
        govern(keyset),
        put_caps(10**6, 10**6, 10**6, chain_id=BANK),
        put_caps(10**6, 10**6, 10**6),
        SetFees(None, None, ETH, FeeType.WITHDRAWAL, 0, every),
        put_limit(LimitKind.SPEND, ETH, 10**9),
        put_limit(LimitKind.WITHDRAW, ETH, 10**9),
        ManageKeyValue(f"network_fee_balance:{BANK}", PutKeyValue(owner)),
    )
    network.apply("issuer", issue(network, "alice", ETH, 100_000, "rich"))


def add_cosigners_of_a_wide_keyset(network: Network) -> None:
    made = ("poor", *(f"cosigner {n}" for n in range(10)))
    known = network.ledger.state.get_account
    missing = [name for name in made if known(get_account(name)) is None]
    network.apply("master", *(create_account(name) for name in missing))


def ask_many(network: Network, count: int, details: bytes = b"") -> tuple[int, ...]:
    first = network.ledger.state.get_counters().request + 1
    made = [
        CreateWithdrawalRequest(
            network.get_balance_id("alice", ETH),
            Amount(100 + number),
            Fee(Amount(9), Amount(9)),
            LONGEST,
            make_reference(network, f"{network.salt:05}-{number:058}"),
            details,
        )
        for number in range(count)
    ]
    network.apply("alice", *made)
    return tuple(range(first, first + count))


def check(network: Network, source: str, body: Any) -> int:
    """Its own bytes in the ledger's body: beside a ledger's of nothing."""
    candidate = network.prepare(source, body)
    closed = network.close(candidate)
    applied = closed.applied[0]
    assert applied.result.code.name == "SUCCESS", applied.result
    assert len(closed.body) <= candidate.output_bytes
    return len(closed.body) - len(candidate.envelope)


def make_file(network: Network, requests: tuple[int, ...], resources: int) -> Any:
    keys = (Resource(IdempotencyResource(BANK, f"{n:064}")) for n in range(resources))
    made = transfer(network, *requests, chain_id=BANK, resources=tuple(keys), payload=PAYLOAD)
    return replace(made, submitter=get_account("bob"))


def get_steps(network: Network, names: list[str]) -> Iterator[tuple[str, Any]]:
    """A transfer's whole life, with a second version."""
    for name in names[:14]:
        yield name, sign(network, signature=SIGNATURE)
    yield "master", confirm(network, slots=tuple(range(14)))
    yield "master", replace(replace_transfer(network), payload=PAYLOAD)
    for name in names[:14]:
        yield name, sign(network, signature=SIGNATURE)
    yield "master", confirm(network, slots=tuple(range(14)))
    yield "bob", SubmitExternalTransfer(U64(1), 2)
    yield "master", mark_unknown()


@pytest.mark.parametrize("outcome", list(TransferOutcome), ids=lambda each: each.name)
def test_no_operation_adds_more_than_it_declares(outcome: TransferOutcome) -> None:
    network = make_economy()
    open_wide(network)
    requests = ask_many(network, 100, b'"' + b"d" * 500 + b'"')
    names = ["alice", "bob", "issuer", "master", "poor", *(f"cosigner {n}" for n in range(10))]
    check(network, "master", make_file(network, requests, 100))
    for source, body in get_steps(network, names):
        check(network, source, body)
    check(network, "master", settle(outcome=outcome, fee=5_000))
    check(network, "master", close())


@pytest.mark.parametrize(("count", "most"), [(10, 24_000), (100, 200_000)])
def test_bodies_stay_within_the_limits(count: int, most: int) -> None:
    """Of requests without free text, with the largest payload and signatures of two of three."""
    network = make_economy()
    open_wide(network)
    network.apply("master", put_caps(10**6, 10**6, 10**6))
    requests = ask_many(network, count)
    resources = (nonce(0),)
    sizes = {}
    made = transfer(network, *requests, resources=resources, payload=PAYLOAD)
    sizes["create"] = check(network, "master", made)
    for name in ("cosigner 1", "cosigner 2"):
        sizes["sign"] = check(network, name, sign(network, signature=SIGNATURE))
    sizes["confirm"] = check(network, "master", confirm(network))
    sizes["settle"] = check(network, "master", settle(fee=5))
    sizes["close"] = check(network, "master", close())
    assert max(sizes.values()) <= most, sizes
