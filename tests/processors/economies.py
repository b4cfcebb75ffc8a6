"""Networks with a bit of everything in them: every operation, refusals, several operations in one
transaction, what PostgreSQL's text cannot hold, entries that go away again.
"""

from collections.abc import Callable, Sequence
from typing import Any

from msgspec.structs import replace

from schemas.generated import keys
from schemas.generated.common import (
    Amount,
    FeeRange,
    FeeType,
    LimitKind,
    Price,
    TransferOutcome,
    WalletKind,
)
from schemas.generated.operations import (
    CreateAssetPair,
    CreateSigner,
    ManageAssetHalt,
    ManageAssetPair,
    ManageKeyValue,
    ManageSigner,
    Payment,
    PaymentToAccount,
    PutFeeRange,
    PutKeyValue,
    RemoveAsset,
    RemoveKeyValue,
    RemoveSigner,
    SetFees,
    StringValue,
    U32Value,
    U64Value,
    U128Value,
)
from schemas.generated.transactions import Operation
from streams.ledger.admission import Candidate
from tests.support import border
from tests.support.network import (
    FREE,
    Network,
    accept_fees,
    create_asset,
    get_account,
    get_owner,
    get_public_key,
    issue,
    make_economy,
    pay,
    put_limit,
    review,
)
from tests.support.requests import govern, preissue, put_policy

PEOPLE = ("alice", "bob", "carol")
AMOUNT = 1_000_000

Step = Callable[[Network, int], Candidate]
"""Makes a transaction; the number is different in every step."""


def _pay(network: Network, number: int) -> Candidate:
    payer, payee = PEOPLE[number % 3], PEOPLE[(number + 1) % 3]
    body = pay(network, payer, payee, "EUR", 1 + number, f"payment {number}")
    return network.prepare(payer, body, memo="a memo\0with a NUL")


def _pay_by_long_reference(network: Network, number: int) -> Candidate:
    """Of 64 bytes, and of the 63 whose length still takes one byte."""
    bodies = (pay(network, "carol", "bob", "EUR", 1, f"{number:0{size}}") for size in (63, 64))
    return network.prepare("carol", *bodies)


def _pay_too_much(network: Network, number: int) -> Candidate:
    payer, payee = PEOPLE[number % 3], PEOPLE[(number + 1) % 3]
    return network.prepare(payer, pay(network, payer, payee, "EUR", 10**20))


def _pay_again(network: Network, number: int) -> Candidate:
    """The reference was used by the issuance."""
    return network.prepare("issuer", issue(network, "alice", "EUR", 1 + number, "to alice"))


def _pay_many(network: Network, number: int) -> Candidate:
    """Three operations, the second by another account, which signs too."""
    operations = (
        pay(network, "alice", "bob", "EUR", 1 + number),
        Operation(get_account("bob"), pay(network, "bob", "carol", "EUR", 2 + number)),
        Payment(
            network.get_balance_id("alice", "EUR"),
            PaymentToAccount(get_account("carol")),
            Amount(3),
            FREE,
            "to whom it may concern",
            None,
        ),
    )
    transaction = network.build("alice", *operations)
    return network.admit(network.sign(transaction, "alice", "bob"))


def _pay_many_in_vain(network: Network, number: int) -> Candidate:
    operations = (
        pay(network, "bob", "carol", "EUR", 1 + number),
        pay(network, "bob", "carol", "EUR", 10**20),
        pay(network, "bob", "carol", "EUR", 1),
    )
    return network.prepare("bob", *operations)


def _put_key_value(network: Network, number: int) -> Candidate:
    values = (
        U32Value(number),
        U64Value((1 << 64) - 1 - number),
        StringValue("s\0"),
        U128Value((1 << 128) - 1 - number),
    )
    value = values[number % 4]
    return network.prepare("master", ManageKeyValue(f"key\0{number % 5}", PutKeyValue(value)))


def _remove_key_value(network: Network, number: int) -> Candidate:
    return network.prepare("master", ManageKeyValue(f"key\0{number % 5}", RemoveKeyValue()))


def _add_signer(network: Network, number: int) -> Candidate:
    signer = get_owner(f"signer {number % 3}", weight=1 + number % 1000, identity=1)
    return network.prepare("carol", ManageSigner(CreateSigner(signer)))


def _remove_signer(network: Network, number: int) -> Candidate:
    key = get_public_key(f"signer {number % 3}")
    return network.prepare("carol", ManageSigner(RemoveSigner(key)))


def _create_asset(network: Network, number: int) -> Candidate:
    return network.prepare("issuer", create_asset(f"A{number}", maximum=(1 << 128) - 1))


def _ask_for_asset(network: Network, number: int) -> Candidate:
    """Has a task left, so that a request stays in the state."""
    return network.prepare("issuer", create_asset(f"R{number}", tasks=16))


def _set_fees(network: Network, number: int) -> Candidate:
    """The fees that payments of carol's are charged; others' stay free."""
    account = get_account("carol")
    put = PutFeeRange(FeeRange(Amount(number), Amount(number), Amount(1), 100_000))
    subtype = 1 + number % 2
    return network.prepare("master", SetFees(account, None, "EUR", FeeType.PAYMENT, subtype, put))


def _pay_with_fees(network: Network, number: int) -> Candidate:
    """The fee of a range that holds this amount alone."""
    put = PutFeeRange(FeeRange(Amount(5_000 + number), Amount(5_000 + number), Amount(2), 1))
    fees = [SetFees(None, None, "EUR", FeeType.PAYMENT, each, put) for each in (1, 2)]
    body = replace(pay(network, "alice", "bob", "EUR", 5_000 + number), fee_data=accept_fees(2, 2))
    operations = (*fees, Operation(get_account("alice"), body))
    return network.admit(network.sign(network.build("master", *operations), "master", "alice"))


def _set_price(network: Network, number: int) -> Candidate:
    """Creates a pair of an asset that the step before created, or of none."""
    at = network.ledger.header.close_time_ms
    action = CreateAssetPair(Price((1 << 128) - 1, 1 + number), number, at, 60_000, 1_000_000)
    return network.prepare("master", ManageAssetPair(f"A{number - 104}", "EUR", action))


def _review(network: Network, _: int) -> Candidate:
    """Of the oldest request; while there is none, a pre-issuance that is refused."""
    standing = [key for key in network.ledger.state.encoded if key[0] == keys.REVIEWABLE_REQUEST[0]]
    if not standing:
        return network.prepare("issuer", preissue(network, "EUR", 10**31, "too much"))
    return network.prepare("master", review(network, int.from_bytes(min(standing)[1:])))


def _preissue(network: Network, number: int) -> Candidate:
    """Makes an asset; of the one made a ledger before all is pre-issued and removed."""
    made = create_asset(f"P{number}", maximum=5)
    action: Any = made.action
    bodies: list[Any] = [replace(made, action=replace(action, initial_preissued_amount=0))]
    last = f"P{number - 100}"
    if network.ledger.state.get_asset(last) is not None:
        bodies += [preissue(network, last, 5, f"pre-issuance {number}"), RemoveAsset(last)]
    return network.prepare("issuer", *bodies)


def _govern(network: Network, number: int) -> Candidate:
    """Halts withdrawals, and puts a policy at once or by a request that stands."""
    policy = put_policy("withdrawal", 1 + number % 20, number, "EUR", number)
    halt = ManageAssetHalt("EUR", None, True)
    return network.prepare("master", halt, govern(policy, 16 if number % 200 < 100 else None))


def _cross_border(network: Network, number: int) -> Candidate:
    """Every ledger another part: keysets and addresses, who takes one, how far a chain is."""
    if network.ledger.state.get_wallet(border.CHAIN, WalletKind.DEPOSIT) is None:
        return network.prepare("master", govern(border.make_keyset()))
    bodies: tuple[Any, ...] = (
        border.add_address(f"0x{number}", index=number),
        border.add_address(f"RF{number}", border.BANK, 0),
        border.advance(number),
    )
    taken = [
        Operation(get_account("bob"), border.bind(each)) for each in (border.CHAIN, border.BANK)
    ]
    transaction = network.build("master", *bodies, *taken)
    return network.admit(network.sign(transaction, "master", "bob"))


def _withdraw(network: Network, number: int) -> Candidate:
    """One part of a withdrawal's way after the other: asked for, committed, signed and settled,
    closed."""
    state = network.ledger.state
    last = state.get_external_transfer(state.get_counters().transfer)
    if last is not None and last.settled_at_ms is not None:
        return network.prepare("master", border.close(last.transfer_id))
    if last is not None:
        signed = [
            Operation(get_account(name), border.sign(network, last.transfer_id))
            for name in border.COSIGNERS[:2]
        ]
        confirmed = border.confirm(network, last.transfer_id)
        settled = border.settle(last.transfer_id, tuple(TransferOutcome)[number % 3], fee=5)
        transaction = network.build("master", *signed, confirmed, settled)
        return network.admit(network.sign(transaction, "master", *border.COSIGNERS[:2]))
    asked = border.find_withdrawals(network)
    if asked:
        return network.prepare("master", border.transfer(network, asked[0]))
    limit = put_limit(LimitKind.WITHDRAW, border.ETH, 10**9)
    transaction = network.build(
        "bob", border.withdraw(network, "bob", 7), Operation(get_account("master"), limit)
    )
    return network.admit(network.sign(transaction, "bob", "master"))


STEPS: tuple[Step, ...] = (
    _pay,
    _pay_by_long_reference,
    _pay_too_much,
    _pay_again,
    _pay_many,
    _pay_many_in_vain,
    _put_key_value,
    _remove_key_value,
    _add_signer,
    _remove_signer,
    _create_asset,
    _ask_for_asset,
    _set_fees,
    _pay_with_fees,
    _set_price,
    _review,
    _preissue,
    _govern,
    _cross_border,
    _withdraw,
)


def make_network(ledgers: Sequence[Sequence[int]]) -> Network:
    """An economy, then one ledger for each of `ledgers`, of the steps with these indexes as far as
    they may be in a set."""
    network = make_economy(PEOPLE, AMOUNT)
    border.open_border(network)
    for number, steps in enumerate(ledgers):
        candidates = [
            STEPS[step](network, number * 100 + place) for place, step in enumerate(steps)
        ]
        network.close(*filter(network.is_member, candidates))
    return network


def make_varied_network(ledgers: int = 4) -> Network:
    """Every step in every ledger."""
    return make_network([range(len(STEPS))] * ledgers)


def make_busy_network(ledgers: int, payments: int = 20) -> Network:
    """Payments only, without references, so that ledgers are quick to make."""
    network = make_economy(PEOPLE, AMOUNT)
    for _ in range(ledgers):
        bodies: list[Any] = [
            (PEOPLE[i % 3], pay(network, PEOPLE[i % 3], PEOPLE[(i + 1) % 3], "EUR", 1 + i))
            for i in range(payments)
        ]
        network.close(*(network.prepare(payer, body) for payer, body in bodies))
    return network
