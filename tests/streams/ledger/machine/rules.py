"""A random network: every operation in any order, each compared with the simple model of money."""

from typing import Any

from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule
from msgspec.structs import replace

from schemas.assembly import get_stem
from schemas.generated.common import (
    U64,
    Amount,
    BitcoinAddress,
    Fee,
    FeeRange,
    FeeType,
    LimitKind,
)
from schemas.generated.operations import (
    CreateAmlAlert,
    CreatePaymentRequest,
    CreateRedemptionRequest,
    CreateWithdrawalRequest,
    ManageAsset,
    ManageAssetHalt,
    ManageKeyValue,
    ManageLimits,
    PaymentToAccount,
    PutFeeRange,
    PutKeyValue,
    RemoveFeeRange,
    RemoveLimit,
    ReviewAction,
    SetFees,
    U32Value,
    U64Value,
    UpdateMaxIssuance,
)
from schemas.generated.transactions import TransactionCode
from streams.ledger.invariants import check_everything
from streams.ledger.values import AMOUNT_MAX, OWNER_SIGNER_ROLE, AssetPolicy
from tests.streams.ledger.machine.money import Money, Request, Supply
from tests.streams.ledger.machine.others import OTHERS, TASK
from tests.support.network import (
    Network,
    accept_fees,
    create_asset,
    create_balance,
    get_account,
    issue,
    make_economy,
    make_reference,
    pay,
    put_limit,
    review,
)
from tests.support.requests import govern, preissue

DAY_MS = 86_400_000
PEOPLE = ("alice", "bob", "issuer")
ASSETS = ("GLD", "SLV")
POLICIES = int(AssetPolicy.TRANSFERABLE | AssetPolicy.WITHDRAWABLE)
FEES = {
    "out": (FeeType.PAYMENT, 1),
    "in": (FeeType.PAYMENT, 2),
    "withdrawal": (FeeType.WITHDRAWAL, 0),
    "issuance": (FeeType.ISSUANCE, 0),
}
KEY_VALUES: dict[str, U32Value | U64Value] = {
    "withdrawal_tasks:*": U32Value(TASK),
    "payment_tasks:*": U32Value(TASK),
    "redemption_tasks": U32Value(TASK),
    "preissuance_tasks:*": U32Value(0),
    "limits_update_tasks": U32Value(TASK),
    "change_role_tasks:*:*": U32Value(TASK),
    "create_kyc_recovery_tasks": U32Value(TASK),
    "kyc_recovery_enabled": U32Value(1),
    "kyc_recovery_signer_role": U64Value(OWNER_SIGNER_ROLE),
}

people, assets = st.sampled_from(PEOPLE), st.sampled_from(ASSETS)
amounts = st.sampled_from((1, 49, 100, 333, 900, 1_700))
fees_accepted = st.sampled_from((0, 3, 10**6))
numbers = st.integers(0, 5)


def make_fee(maximum: int) -> Fee:
    return Fee(Amount(maximum), Amount(maximum))


class LedgerMachine(RuleBasedStateMachine):
    """One operation a ledger. Fees have either a fixed part or a percentage, so that accepting so
    much of each part is accepting so much in all."""

    def __init__(self) -> None:
        super().__init__()
        self.network = make_economy(PEOPLE[:2], 1)
        self.money = Money()
        self.step = 0
        self.seen: set[str] = set()

    @initialize()
    def begin(self) -> None:
        """alice, bob and the issuer hold 2,000 of two assets."""
        network = self.network
        network.apply(
            "master", *(ManageKeyValue(key, PutKeyValue(v)) for key, v in KEY_VALUES.items())
        )
        for code in ASSETS:
            asset = create_asset(code, maximum=10_000, policies=POLICIES)
            action: Any = replace(asset.action, initial_preissued_amount=Amount(7_000))
            network.apply("issuer", replace(asset, action=action))
            self.money.supplies[code] = Supply(maximum=10_000, issuable=7_000)
            for name in PEOPLE:
                network.apply(name, create_balance(name, code))
                body = issue(network, name, code, 2_000, f"{code} for {name}")
                is_expected = self.money.issue(Request("issuance", code, 2_000, name))
                self.expect("issuer", body, is_expected=is_expected)

    # -- how rules act

    def apply(self, source: str, *bodies: Any, days: int = 0) -> Any:
        """Closes a ledger; the result of the last operation, or None if it was refused, or could
        not be in a ledger."""
        self.step += 1
        network, interval_ms = self.network, 1_000 + days * DAY_MS
        max_time_ms = network.ledger.header.close_time_ms + interval_ms + 60_000
        candidate = network.prepare(source, *bodies, max_time_ms=max_time_ms)
        if not network.is_member(candidate, interval_ms):
            return None
        root = network.ledger.trie.root
        closed = network.close(candidate, interval_ms=interval_ms)
        self.money.day = closed.header.close_time_ms // DAY_MS
        [applied] = closed.applied
        assert applied.defect is None
        assert applied.result.code is not TransactionCode.INTERNAL_ERROR
        self.seen |= {get_stem(type(body).__name__) for body in bodies}
        if applied.result.code is TransactionCode.SUCCESS:
            return applied.result.operations[-1].outcome
        assert network.ledger.trie.root == root, "a refused transaction changed the state"
        return None

    def expect(self, source: str, body: Any, *, is_expected: bool) -> Any:
        outcome = self.apply(source, body)
        assert (outcome is not None) == is_expected, f"{body} of {source}: {outcome}"
        return outcome

    def name(self, network: Network) -> Any:
        return make_reference(network, f"step {self.step}")

    def get_balance(self, account: str, asset: str) -> Any:
        return self.network.get_balance_id(account, asset)

    def keep(self, outcome: Any, request: Request) -> None:
        self.money.requests[outcome.request_id] = request

    # -- money

    @rule(payer=people, payee=people, asset=assets, amount=amounts, most=fees_accepted)
    def pay(self, payer: str, payee: str, asset: str, amount: int, most: int) -> None:
        if payer != payee:
            body = self._make_payment(payer, payee, asset, amount, most)
            is_expected = self.money.pay(payer, payee, asset, amount, (most, most))
            self.expect(payer, body, is_expected=is_expected)

    def _make_payment(self, payer: str, payee: str, asset: str, amount: int, most: int) -> Any:
        body = pay(self.network, payer, payee, asset, amount)
        return replace(body, fee_data=accept_fees(most, most))

    @rule(payer=people, payee=people, asset=assets, amount=amounts, most=fees_accepted)
    def ask_payment(self, payer: str, payee: str, asset: str, amount: int, most: int) -> None:
        if payer == payee:
            return
        body = CreatePaymentRequest(
            self.get_balance(payer, asset),
            PaymentToAccount(get_account(payee)),
            Amount(amount),
            accept_fees(most, most),
            "",
            None,
            b"",
            None,
        )
        outcome = self.expect(payer, body, is_expected=True)
        self.keep(outcome, Request("payment", asset, amount, payer, payee, fee_max=(most, most)))

    @rule(name=people, asset=assets, amount=amounts, has_task=st.booleans())
    def issue(self, name: str, asset: str, amount: int, has_task: bool) -> None:
        body = issue(self.network, name, asset, amount, f"step {self.step}")
        request = Request("issuance", asset, amount, name)
        lacks = amount > self.money.supplies[asset].issuable
        if has_task or lacks:
            is_expected = self.money.ask_issuance(request)
            body = replace(body, all_tasks=TASK if has_task else 0)
            outcome = self.expect("issuer", body, is_expected=is_expected)
            if outcome is not None:
                self.keep(outcome, request)
        else:
            self.expect("issuer", body, is_expected=self.money.issue(request))

    @rule(asset=assets, amount=amounts)
    def preissue(self, asset: str, amount: int) -> None:
        is_expected = self.money.preissue(asset, amount)
        body = preissue(self.network, asset, amount, f"step {self.step}")
        self.expect("issuer", body, is_expected=is_expected)

    @rule(name=people, asset=assets, amount=amounts, most=fees_accepted)
    def ask_withdrawal(self, name: str, asset: str, amount: int, most: int) -> None:
        body = CreateWithdrawalRequest(
            self.get_balance(name, asset),
            Amount(amount),
            make_fee(most),
            BitcoinAddress("bc1qar0srrr7xfkvy5l643lydnw9re59gtzzwf5mdq"),
            self.name(self.network),
            b"",
        )
        request = Request("withdrawal", asset, amount, name)
        is_expected = self.money.ask_withdrawal(request, most)
        outcome = self.expect(name, body, is_expected=is_expected)
        if outcome is not None:
            self.keep(outcome, request)

    @rule(payee=st.sampled_from(("alice", "bob")), asset=assets, amount=amounts)
    def ask_redemption(self, payee: str, asset: str, amount: int) -> None:
        body = CreateRedemptionRequest(
            self.get_balance("issuer", asset),
            get_account(payee),
            Amount(amount),
            self.name(self.network),
            b"",
            None,
        )
        request = Request("redemption", asset, amount, "issuer", payee)
        outcome = self.expect("issuer", body, is_expected=self.money.ask_locked(request))
        if outcome is not None:
            self.keep(outcome, request)

    @rule(name=people, asset=assets, amount=amounts)
    def raise_alert(self, name: str, asset: str, amount: int) -> None:
        balance_id = self.get_balance(name, asset)
        body = CreateAmlAlert(balance_id, Amount(amount), self.name(self.network), b"", TASK)
        request = Request("aml_alert", asset, amount, name)
        outcome = self.expect("master", body, is_expected=self.money.ask_locked(request))
        if outcome is not None:
            self.keep(outcome, request)

    @precondition(lambda self: self.money.requests)
    @rule(number=numbers)
    def reject(self, number: int) -> None:
        request_id = self._pick_request(number)
        self.money.reject(request_id)
        body = review(self.network, request_id, ReviewAction.PERMANENT_REJECT)
        self.expect("master", body, is_expected=True)

    @precondition(lambda self: self.money.requests)
    @rule(number=numbers)
    def approve(self, number: int) -> None:
        request_id = self._pick_request(number)
        request = self.network.ledger.state.get_reviewable_request(request_id)
        assert request is not None
        body = review(self.network, request_id, tasks_to_remove=request.pending_tasks & TASK)
        is_fulfilled = self.money.approve(request_id)
        outcome = self.apply("master", body)
        assert (outcome is not None and outcome.fulfilled) == is_fulfilled

    def _pick_request(self, number: int) -> int:
        known = sorted(self.money.requests)
        return known[number % len(known)]

    @rule(asset=assets, kind=st.sampled_from(tuple(FEES)), fixed=st.booleans(), size=numbers)
    def set_fee(self, asset: str, kind: str, fixed: bool, size: int) -> None:
        """`size` 0 removes it."""
        fee_type, subtype = FEES[kind]
        parts = (size, 0) if fixed else (0, size * 1_000_000)
        is_expected = size > 0 or (asset, kind) in self.money.fees
        if size:
            self.money.fees[asset, kind] = parts
            made = FeeRange(Amount(0), AMOUNT_MAX, Amount(parts[0]), parts[1])
            action: Any = PutFeeRange(made)
        else:
            self.money.fees.pop((asset, kind), None)
            action = RemoveFeeRange(Amount(0), AMOUNT_MAX)
        body = SetFees(None, None, asset, fee_type, subtype, action)
        self.expect("master", body, is_expected=is_expected)

    @rule(asset=assets, daily=st.sampled_from((0, 900, 2_500)))
    def set_limit(self, asset: str, daily: int) -> None:
        """0 removes it."""
        is_expected = daily > 0 or asset in self.money.limits
        if daily:
            self.money.limits[asset] = daily
            self.expect("master", put_limit(LimitKind.SPEND, asset, daily), is_expected=True)
        else:
            self.money.limits.pop(asset, None)
            body = ManageLimits(None, None, RemoveLimit(LimitKind.SPEND, asset, False))
            self.expect("master", body, is_expected=is_expected)

    @rule(asset=assets, issuance=st.booleans(), is_halted=st.booleans())
    def halt(self, asset: str, issuance: bool, is_halted: bool) -> None:
        supply = self.money.supplies[asset]
        change = (is_halted, None) if issuance else (None, is_halted)
        body: Any = ManageAssetHalt(asset, *change)
        self.expect("master", body if is_halted else govern(body, 0), is_expected=True)
        if issuance:
            supply.issuance_halted = is_halted
        else:
            supply.withdrawal_halted = is_halted

    @rule(asset=assets, maximum=st.sampled_from((8_000, 10_000, 12_000)))
    def change_maximum(self, asset: str, maximum: int) -> None:
        body = ManageAsset(U64(0), UpdateMaxIssuance(asset, Amount(maximum)))
        if self.apply("issuer", body) is not None:
            self.money.supplies[asset].maximum = maximum

    @rule()
    def wait_a_day(self) -> None:
        self.apply("master", ManageKeyValue("day", PutKeyValue(U32Value(self.step))), days=1)

    @rule(kind=st.integers(0, len(OTHERS) - 1), number=numbers)
    def change_something_else(self, kind: int, number: int) -> None:
        """No money moves, whatever comes of it."""
        OTHERS[kind](self, number)

    # -- what always holds

    @invariant()
    def the_ledger_holds_what_the_model_says(self) -> None:
        state = self.network.ledger.state
        for (name, asset), held in self.money.held.items():
            balance = state.get_balance(self.get_balance(name, asset))
            found = (0, 0) if balance is None else (int(balance.amount), int(balance.locked))
            assert found == (held.available, held.locked), (name, asset)
        for code, expected in self.money.supplies.items():
            supply = state.get_asset_supply(code)
            assert supply is not None
            assert (supply.available_for_issuance, supply.issued, supply.pending_issuance) == (
                expected.issuable,
                expected.issued,
                expected.promised,
            ), code
            mine = [held for (_, asset), held in self.money.held.items() if asset == code]
            assert sum(each.available + each.locked for each in mine) == expected.issued

    def teardown(self) -> None:
        check_everything(self.network.ledger.state)
