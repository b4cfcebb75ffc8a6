"""Operations as wide as they can be, on a state that is as wide as it can be."""

from typing import Any

from msgspec.structs import replace

from schemas.generated.common import (
    Amount,
    ApprovalRange,
    ApprovalTerms,
    BankAccount,
    ExternalDetail,
    Fee,
    FeeRange,
    FeeType,
    Limit,
    LimitKind,
    PeriodAmounts,
    Price,
)
from schemas.generated.entries import (
    AssetFlow,
    AssetSupply,
    BaseAssets,
    FlowBucket,
    FlowKind,
    KeyValue,
    Limits,
)
from schemas.generated.operations import (
    CreateAmlAlert,
    CreateAssetPair,
    CreateManageLimitsRequest,
    CreatePaymentRequest,
    CreateRedemptionRequest,
    CreateSigner,
    CreateWithdrawalRequest,
    ManageApprovalPolicy,
    ManageAsset,
    ManageAssetHalt,
    ManageAssetPair,
    ManageKeyValue,
    ManageLimits,
    ManageSigner,
    PaymentToAccount,
    PutApprovalPolicy,
    PutFeeRange,
    PutKeyValue,
    PutLimit,
    RemoveAsset,
    RemoveAssetPair,
    RemoveKeyValue,
    RemoveSigner,
    ReviewAction,
    SetFees,
    StringValue,
    U32Value,
    U128Value,
    UpdateAsset,
    UpdateMaxIssuance,
    UpdatePairPolicies,
    UpdatePrice,
    UpdateSigner,
)
from schemas.generated.transactions import Operation
from streams.ledger.caps import (
    HOUR_MS,
)
from streams.ledger.values import (
    AMOUNT_MAX,
    AssetPolicy,
)
from tests.streams.ledger.operations.cases import put
from tests.support.network import (
    Network,
    accept_fees,
    create_account,
    create_asset,
    create_balance,
    get_account,
    get_owner,
    get_public_key,
    issue,
    make_economy,
    make_reference,
    pay,
    review,
)
from tests.support.requests import govern, preissue

DETAILS = b'"' + b"x" * 2046 + b'"'
LONGEST, OTHER = "Z" * 16, "Y" * 16
TERMS = ApprovalTerms(20, 31_536_000_000)
DEAR = Amount(1 << 70)  # payments from here on have fees


def make_other_asset(network: Network) -> None:
    """Nothing of it is issuable. An update of it stands that was reviewed at length."""
    other = create_asset(OTHER, maximum=AMOUNT_MAX)
    network.apply(
        "issuer", replace(other, action=replace(other.action, initial_preissued_amount=0))
    )
    network.apply("issuer", ManageAsset(0, UpdateAsset(OTHER, 3, DETAILS, 1 << 31)))
    for _ in range(3):
        network.apply("master", make_review(network, 0).body)


def make_fees(network: Network) -> None:
    """Payments and withdrawals of much are dear."""
    fees = (make_fee(network, number).body for number in range(31))
    network.apply("master", *fees)
    dear = PutFeeRange(FeeRange(DEAR, AMOUNT_MAX, Amount(1 << 64), 50_000_000))
    network.apply(
        "master",
        *(SetFees(None, None, LONGEST, FeeType.PAYMENT, each, dear) for each in (1, 2)),
        SetFees(None, None, LONGEST, FeeType.WITHDRAWAL, 0, dear),
    )


def make_wide_economy() -> Network:
    """Everything as large as it may be before the operation: 63 base assets, an asset with the
    longest code and details, in which alice and bob are rich."""
    network = make_economy()
    withdrawable = int(AssetPolicy.TRANSFERABLE | AssetPolicy.WITHDRAWABLE)
    longest = create_asset(LONGEST, maximum=AMOUNT_MAX, policies=withdrawable)
    network.apply("issuer", with_details(longest))
    network.close(*(network.prepare(n, create_balance(n, LONGEST)) for n in ("alice", "bob")))
    network.apply("issuer", create_balance("issuer", LONGEST))
    network.apply("issuer", issue(network, "issuer", LONGEST, 1 << 64, "own"))
    network.apply("issuer", issue(network, "alice", LONGEST, AMOUNT_MAX // 2, "rich"))
    network.apply("alice", ManageSigner(CreateSigner(get_wide_signer("spare"))))
    put_value = ManageKeyValue("k" * 256, PutKeyValue(StringValue("v" * 256)))
    network.apply("master", put_value)
    network.apply("master", create_account("poor"))
    asset = network.ledger.state.get_asset("EUR")
    assert asset is not None
    codes = tuple(f"BASE{number:012}" for number in range(63))
    supplies = (AssetSupply(code, Amount(0), Amount(0), Amount(0)) for code in codes)
    make_other_asset(network)
    at = network.ledger.header.close_time_ms
    create_pair = CreateAssetPair(Price(AMOUNT_MAX, AMOUNT_MAX), 0, at, (1 << 64) - 1, 10**9)
    network.apply("master", ManageAssetPair(LONGEST, OTHER, create_pair))
    most = PeriodAmounts(*[AMOUNT_MAX] * 4)
    limits = (
        Limit(kind, code, is_convert_needed=False, amounts=most)
        for kind in LimitKind
        for code in (LONGEST, *(f"LIMIT{number:011}" for number in range(6)))
    )
    put(network, Limits(get_account("alice"), None, tuple(limits)))
    make_fees(network)
    for key in ("aml_alert_create", "payment_tasks:*", "redemption_tasks"):
        put(network, KeyValue(key, U32Value(0)))
    for key in ("withdrawal_tasks:*", "limits_update_tasks"):
        put(network, KeyValue(key, U32Value(1 << 31)))
    now = network.ledger.header.close_time_ms // HOUR_MS
    for kind, cap in (
        (FlowKind.ISSUANCE, "issuance_cap:"),
        (FlowKind.WITHDRAWAL, "withdrawal_cap:"),
    ):
        put(network, KeyValue(cap + LONGEST, U128Value(AMOUNT_MAX)))
        buckets = (FlowBucket(now - hour, Amount(1)) for hour in range(23, -1, -1))
        put(network, AssetFlow(LONGEST, kind, tuple(buckets)))
    for number in range(200_000, 200_003):
        network.apply("alice", make_withdrawal(network, number).body)
    put(network, BaseAssets(codes), *(replace(asset, code=code) for code in codes), *supplies)
    return network


def with_details(made: Any) -> Any:
    return replace(made, action=replace(made.action, creator_details=DETAILS))


def get_wide_signer(name: str, identity: int = 2**32 - 1) -> Any:
    return replace(get_owner(name, 1000, identity), details=DETAILS)


def make_account(network: Network, number: int) -> Any:
    signers = tuple(get_wide_signer(f"signer {n}", n) for n in range(number % 5 + 1))
    made = replace(create_account(f"wide {number}"), signers=signers)
    return Operation(None, replace(made, referrer=get_account("alice")))


def make_asset(network: Network, number: int) -> Any:
    tasks = None if number % 2 else 16
    made = create_asset(f"Q{number % 100_000:015}", AMOUNT_MAX, policies=3, tasks=tasks)
    return Operation(get_account("issuer"), with_details(made))


def make_issuance(network: Network, number: int) -> Any:
    made = issue(network, "bob", LONGEST, number + 1, f"{number:064}")
    made = replace(made, creator_details=DETAILS, all_tasks=None if number % 2 else 16)
    return Operation(get_account("issuer"), made)


def make_preissuance(network: Network, number: int) -> Any:
    made = preissue(network, OTHER, number + 1, f"{number:064}")
    made = replace(made, creator_details=DETAILS, all_tasks=None if number % 2 else 16)
    return Operation(get_account("issuer"), made)


def make_asset_change(network: Network, number: int) -> Any:
    actions: tuple[Any, ...] = (
        UpdateMaxIssuance(OTHER, Amount(AMOUNT_MAX - number)),
        UpdateAsset(LONGEST, 3, DETAILS, 16),
        UpdateAsset(LONGEST, 3, DETAILS, None),
    )
    return Operation(get_account("issuer"), ManageAsset(0, actions[number % 3]))


def remove_asset(network: Network, number: int) -> Any:
    return Operation(get_account("issuer"), RemoveAsset(OTHER))


def make_review(network: Network, number: int) -> Any:
    """Of the update of OTHER; odd numbers fulfil it."""
    reservation = network.ledger.state.get_asset_reservation(OTHER)
    assert reservation is not None
    details = (ExternalDetail("c" * 32, "t" * 256),) * 4
    made = review(network, reservation.request_id, external_details=details)
    return Operation(None, made if number % 2 else replace(made, tasks_to_remove=0))


def make_policy(network: Network, number: int) -> Any:
    """As wide as it may be; under a policy of governed changes there is one."""
    ranges = (
        ApprovalRange(Amount(AMOUNT_MAX - 32 + 2 * n), Amount(AMOUNT_MAX - 31 + 2 * n), TERMS)
        for n in range(16)
    )
    made = ManageApprovalPolicy("issuance", LONGEST, PutApprovalPolicy(tuple(ranges)))
    return Operation(None, govern(made, 16 if number % 3 else None) if number % 2 else made)


def make_halt(network: Network, number: int) -> Any:
    return Operation(None, ManageAssetHalt(LONGEST, True, bool(number % 2) or None))


def make_payment(network: Network, number: int) -> Any:
    made = pay(network, "alice", "bob", LONGEST, number + 1, f"{number:064}")
    if number % 2:
        made = replace(made, destination=PaymentToAccount(get_account("poor")))
    return Operation(get_account("alice"), replace(made, subject="s" * 256))


def make_payment_with_fees(network: Network, number: int) -> Any:
    made = make_payment(network, number)
    payment = replace(
        made.body,
        amount=Amount(DEAR + number),
        fee_data=accept_fees(AMOUNT_MAX, AMOUNT_MAX, is_paid_by_sender=bool(number & 2)),
    )
    return replace(made, body=payment)


def make_fee(network: Network, number: int) -> Any:
    """A range between 31 others of alice's."""
    lower = AMOUNT_MAX - 64 + 2 * (number % 32)
    put = PutFeeRange(FeeRange(Amount(lower), Amount(lower + 1), AMOUNT_MAX, 100_000_000))
    alice = get_account("alice")
    return Operation(None, SetFees(alice, None, LONGEST, FeeType.WITHDRAWAL, 0, put))


def make_pair(network: Network, number: int) -> Any:
    """A new price of a pair with the longest codes, or none."""
    price, widest = Price(AMOUNT_MAX - number, AMOUNT_MAX), (1 << 64) - 1
    at = network.ledger.header.close_time_ms
    action = UpdatePrice(price, number + 1, at) if number % 2 else UpdatePairPolicies(widest, 1)
    return Operation(None, ManageAssetPair(LONGEST, OTHER, action))


def remove_pair(network: Network, number: int) -> Any:
    return Operation(None, RemoveAssetPair(LONGEST, OTHER))


def make_limit(network: Network, number: int) -> Any:
    """Beside others of alice's."""
    amounts = PeriodAmounts(*[Amount(AMOUNT_MAX - number % 2)] * 4)
    limit = Limit(tuple(LimitKind)[number % 4], OTHER, False, amounts)
    return Operation(None, ManageLimits(get_account("alice"), None, PutLimit(limit)))


def make_withdrawal(network: Network, number: int) -> Any:
    """With a fee, counted by two limits."""
    made = CreateWithdrawalRequest(
        network.get_balance_id("alice", LONGEST),
        Amount(DEAR + number),
        Fee(AMOUNT_MAX, AMOUNT_MAX),
        BankAccount("NO9386011117947", "DNBANOKKXXX"),
        make_reference(network, f"w{number:063}"),
        DETAILS,
    )
    return Operation(get_account("alice"), made)


def make_alert(network: Network, number: int) -> Any:
    made = CreateAmlAlert(
        network.get_balance_id("alice", LONGEST),
        Amount(DEAR + number),
        make_reference(network, f"a{number:063}"),
        DETAILS,
        None if number % 2 else 16,
    )
    return Operation(None, made)


def make_payment_request(network: Network, number: int) -> Any:
    """With a fee, paid at once or not."""
    payment = make_payment_with_fees(network, number).body
    made = CreatePaymentRequest(
        payment.source_balance,
        payment.destination,
        payment.amount,
        payment.fee_data,
        payment.subject,
        make_reference(network, f"p{number:063}"),
        DETAILS,
        None,
    )
    return Operation(get_account("alice"), made)


def make_redemption(network: Network, number: int) -> Any:
    made = CreateRedemptionRequest(
        network.get_balance_id("issuer", LONGEST),
        get_account("poor" if number % 2 else "bob"),
        Amount(number + 1),
        make_reference(network, f"r{number:063}"),
        DETAILS,
        16 if number % 3 == 0 else None,
    )
    return Operation(get_account("issuer"), made)


def make_limits_request(network: Network, number: int) -> Any:
    """Of eight limits."""
    most = PeriodAmounts(*[Amount(AMOUNT_MAX - number)] * 4)
    limits = (
        Limit(kind, code, is_convert_needed=False, amounts=most)
        for kind in LimitKind
        for code in (LONGEST, OTHER)
    )
    made = CreateManageLimitsRequest(0, tuple(limits), DETAILS, None)
    return Operation(get_account("alice"), made)


def review_last(network: Network, number: int) -> Any:
    """An approval or a rejection of a request that stands since before."""
    action = ReviewAction.APPROVE if number % 2 else ReviewAction.PERMANENT_REJECT
    counters = network.ledger.state.get_counters()
    return Operation(None, review(network, counters.request - number % 3, action))


def make_signer(network: Network, number: int) -> Any:
    actions = (
        UpdateSigner(replace(get_wide_signer("spare"), weight=number % 1000 + 1)),
        CreateSigner(get_wide_signer(f"spare {number}")),
        RemoveSigner(get_public_key("spare")),
    )
    return Operation(get_account("alice"), ManageSigner(actions[number % 3]))


def make_balance(network: Network, number: int) -> Any:
    return Operation(get_account("poor"), create_balance("poor", LONGEST))


def make_value(network: Network, number: int) -> Any:
    value = PutKeyValue(StringValue(f"{number:0256}"))
    return Operation(
        None, ManageKeyValue("k" * 256, RemoveKeyValue() if number % 3 == 2 else value)
    )


MAKERS = (
    make_account,
    make_asset,
    make_issuance,
    make_preissuance,
    make_asset_change,
    remove_asset,
    make_review,
    make_policy,
    make_halt,
    make_payment,
    make_payment_with_fees,
    make_fee,
    make_pair,
    remove_pair,
    make_limit,
    make_withdrawal,
    make_alert,
    make_payment_request,
    make_redemption,
    make_limits_request,
    review_last,
    make_signer,
    make_balance,
    make_value,
)
