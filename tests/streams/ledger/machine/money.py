"""A second, simple model of money: what every balance and every asset must come to.

It is written for clarity and shares no code with the ledger. Each method is one thing that somebody
tries; it returns whether it takes effect, and changes the model if so. Days are whole numbers.
"""

from collections import defaultdict
from dataclasses import dataclass, field

PERCENT_WHOLE = 100_000_000
COLLECTOR = "master"  # whose first balances receive the fees, and who pays none


@dataclass
class Held:
    """One balance."""

    available: int = 0
    locked: int = 0


@dataclass
class Supply:
    """One asset."""

    maximum: int
    issuable: int
    issued: int = 0
    promised: int = 0
    is_transferable: bool = True
    issuance_halted: bool = False
    withdrawal_halted: bool = False


@dataclass
class Request:
    """Something that waits for a review. `fee` and `counted_on`: of a withdrawal."""

    kind: str
    asset: str
    amount: int
    account: str
    payee: str = ""
    fee: int = 0
    fee_max: tuple[int, int] = (0, 0)
    counted_on: int | None = None


@dataclass
class Money:
    """`fees`: by asset and kind, the fixed part and hundred-millionths of the amount. `limits`: by
    asset, what an account may spend a day. `spent`: by account and asset, the day and the sum."""

    supplies: dict[str, Supply] = field(default_factory=dict)
    held: defaultdict[tuple[str, str], Held] = field(default_factory=lambda: defaultdict(Held))
    fees: dict[tuple[str, str], tuple[int, int]] = field(default_factory=dict)
    limits: dict[str, int] = field(default_factory=dict)
    spent: dict[tuple[str, str], tuple[int, int]] = field(default_factory=dict)
    requests: dict[int, Request] = field(default_factory=dict)
    day: int = 0

    def compute_fee(self, kind: str, asset: str, amount: int) -> int:
        """`kind`: out, in, withdrawal or issuance."""
        fixed, percent = self.fees.get((asset, kind), (0, 0))
        return fixed + (amount * percent + PERCENT_WHOLE - 1) // PERCENT_WHOLE

    def pay(
        self, payer: str, payee: str, asset: str, amount: int, fee_max: tuple[int, int]
    ) -> bool:
        """`fee_max`: the most that the payer accepts in all, of its own fee and of the payee's."""
        supply, source = self.supplies[asset], self.held[payer, asset]
        outgoing = self.compute_fee("out", asset, amount)
        incoming = 0 if payer == COLLECTOR else self.compute_fee("in", asset, amount)
        if not (
            supply.is_transferable
            and outgoing <= fee_max[0]
            and incoming <= min(fee_max[1], amount)
            and amount + outgoing <= source.available
            and self._may_spend(payer, asset, amount)
        ):
            return False
        self._spend(payer, asset, amount)
        source.available -= amount + outgoing
        self.held[payee, asset].available += amount - incoming
        self.held[COLLECTOR, asset].available += outgoing + incoming
        return True

    def issue(self, request: Request) -> bool:
        """At once: without a task."""
        supply = self.supplies[request.asset]
        total = supply.issued + supply.promised + request.amount
        if total > supply.maximum or not self._can_issue(request):
            return False
        self._issue(request)
        return True

    def ask_issuance(self, request: Request) -> bool:
        """The amount is promised."""
        supply = self.supplies[request.asset]
        if supply.issued + supply.promised + request.amount > supply.maximum:
            return False
        supply.promised += request.amount
        return True

    def ask_withdrawal(self, request: Request, fee_max: int) -> bool:
        """Amount and fee are locked, and the amount counts as spent."""
        source = self.held[request.account, request.asset]
        request.fee = self.compute_fee("withdrawal", request.asset, request.amount)
        if not (
            request.fee <= fee_max
            and request.amount + request.fee <= source.available
            and self._may_spend(request.account, request.asset, request.amount)
        ):
            return False
        if request.asset in self.limits:
            request.counted_on = self.day
        self._spend(request.account, request.asset, request.amount)
        self._lock(request)
        return True

    def ask_locked(self, request: Request) -> bool:
        """A redemption, or an alert: the amount is locked."""
        if request.amount > self.held[request.account, request.asset].available:
            return False
        self._lock(request)
        return True

    def approve(self, number: int) -> bool:
        """Whether it was fulfilled."""
        request = self.requests[number]
        supply, source = self.supplies[request.asset], self.held[request.account, request.asset]
        if request.kind == "payment":
            if not self.pay(
                request.account, request.payee, request.asset, request.amount, request.fee_max
            ):
                return False
        elif request.kind == "issuance":
            if request.amount > supply.issuable or not self._can_issue(request):
                return False
            supply.promised -= request.amount
            self._issue(request)
        elif request.kind == "withdrawal":
            if supply.withdrawal_halted:
                return False
            source.locked -= request.amount + request.fee
            supply.issued -= request.amount
            self.held[COLLECTOR, request.asset].available += request.fee
        elif request.kind == "redemption":
            source.locked -= request.amount
            self.held[request.payee, request.asset].available += request.amount
        elif request.kind == "aml_alert":
            source.locked -= request.amount
            supply.issued -= request.amount
        del self.requests[number]
        return True

    def reject(self, number: int) -> None:
        """For good: what it held is given back, what it counted of today does not count."""
        request = self.requests.pop(number)
        source = self.held[request.account, request.asset]
        if request.kind == "issuance":
            self.supplies[request.asset].promised -= request.amount
        elif request.kind != "payment":
            source.available += request.amount + request.fee
            source.locked -= request.amount + request.fee
        if request.counted_on is not None:
            day, total = self.spent[request.account, request.asset]
            if day == request.counted_on:
                self.spent[request.account, request.asset] = (day, total - request.amount)

    def preissue(self, asset: str, amount: int) -> bool:
        """What is issuable and what was issued never exceed the maximum together."""
        supply = self.supplies[asset]
        if supply.issuable + supply.issued + amount > supply.maximum:
            return False
        supply.issuable += amount
        return True

    def _lock(self, request: Request) -> None:
        source = self.held[request.account, request.asset]
        source.available -= request.amount + request.fee
        source.locked += request.amount + request.fee

    def _can_issue(self, request: Request) -> bool:
        fee = self.compute_fee("issuance", request.asset, request.amount)
        is_paid = request.account == COLLECTOR or fee < request.amount
        return is_paid and not self.supplies[request.asset].issuance_halted

    def _issue(self, request: Request) -> None:
        supply = self.supplies[request.asset]
        fee = self.compute_fee("issuance", request.asset, request.amount)
        fee = 0 if request.account == COLLECTOR else fee
        supply.issuable -= request.amount
        supply.issued += request.amount
        self.held[request.account, request.asset].available += request.amount - fee
        self.held[COLLECTOR, request.asset].available += fee

    def _may_spend(self, account: str, asset: str, amount: int) -> bool:
        return self._get_spent(account, asset) + amount <= self.limits.get(asset, amount + 10**40)

    def _spend(self, account: str, asset: str, amount: int) -> None:
        if asset in self.limits:
            self.spent[account, asset] = (self.day, self._get_spent(account, asset) + amount)

    def _get_spent(self, account: str, asset: str) -> int:
        day, total = self.spent.get((account, asset), (self.day, 0))
        return total if day == self.day else 0
