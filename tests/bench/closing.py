"""What rules, fees, limits, reviews and transfers add to closing a ledger: pure code, one process.

Every variant closes the same payments on a network of its own, in turns, so that a busy machine
disturbs all alike; the lowest of several ledgers counts.
"""

import time
from collections.abc import Callable, Sequence
from typing import Any

from msgspec.structs import replace

from schemas.generated.common import LimitKind
from schemas.generated.consensus import ScpValue
from schemas.generated.operations import (
    CreateAccountRole,
    CreateAccountRule,
    ManageAccountRole,
    ManageAccountRule,
)
from streams.ledger.access.beginning import ACCOUNT_RULES
from streams.ledger.admission import Candidate
from streams.ledger.close import close_ledger
from streams.ledger.hashes import compute_set_hash
from tests.bench.figures import Figure, tell
from tests.support.border import COSIGNERS, sign
from tests.support.many_transfers import add_pending_transfers
from tests.support.network import (
    Network,
    accept_fees,
    issue,
    make_economy,
    make_issuer_role,
    pay,
    put_limit,
    review,
    set_fee,
)

PAYERS, PAYMENTS, LEDGERS = 50, 1_000, 9
NAMES = [f"payer {number}" for number in range(PAYERS)]
ROLES, RULES_A_ROLE, RULES_A_TRANSACTION = 100, 10, 50
REVIEWS, SIGNED, SIGNATURE_BYTES = 500, 200, 4_096
TASK = 16

Prepare = Callable[[Network], None]


def _do_nothing(_: Network) -> None:
    return None


def _set_fees(network: Network) -> None:
    network.apply("master", set_fee("EUR", 1, 1, 100), set_fee("EUR", 2, 1, 100))


def _set_fees_and_limit(network: Network) -> None:
    _set_fees(network)
    network.apply("master", put_limit(LimitKind.SPEND, "EUR", 10**12))


def _make_many_rules(network: Network) -> None:
    """1,000 rules in 100 roles, beside those that the payers have."""
    rule = make_issuer_role()[0].action
    if not isinstance(rule, CreateAccountRule):
        raise TypeError(type(rule).__name__)
    rules = [
        ManageAccountRule(replace(rule, name=f"rule-{number}"))
        for number in range(ROLES * RULES_A_ROLE)
    ]
    for at in range(0, len(rules), RULES_A_TRANSACTION):
        network.apply("master", *rules[at : at + RULES_A_TRANSACTION])
    first = len(ACCOUNT_RULES) + 2
    for number in range(ROLES):
        start = first + number * RULES_A_ROLE
        role = CreateAccountRole(
            f"role-{number}",
            tuple(range(start, start + RULES_A_ROLE)),
            b"",
            None,
            is_read_only=False,
            pays_for_operations=False,
        )
        network.apply("master", ManageAccountRole(role))


VARIANTS: dict[str, tuple[Prepare, bool]] = {
    "plain": (_do_nothing, False),
    "fees": (_set_fees, True),
    "fees_and_limit": (_set_fees_and_limit, True),
    "1000_rules": (_make_many_rules, False),
    "1000_transfers": (add_pending_transfers, False),
}
"""How each is prepared, and whether its payments accept fees."""


def measure_closing() -> list[Figure]:
    networks = {}
    for name, (prepare, _) in VARIANTS.items():
        networks[name] = make_economy([*NAMES, "alice", "bob"], 10**9)
        prepare(networks[name])
    lowest = dict.fromkeys(VARIANTS, float("inf"))
    for _ in range(LEDGERS):
        for name, (_, has_fees) in VARIANTS.items():
            spent = _close(networks[name], _make_payments(networks[name], has_fees=has_fees))
            lowest[name] = min(lowest[name], spent / PAYMENTS * 1e6)
    plain = lowest["plain"]
    for name, value in lowest.items():
        tell(f"closing a payment, {name}: {value:.1f} us, {value / plain:.2f} times plain")
    return [
        *(
            Figure(f"closing_us_{name}", value, "us", "closing_us_plain", value / plain)
            for name, value in lowest.items()
        ),
        *_measure_reviews(plain),
        _measure_signatures(networks["1000_transfers"], plain),
    ]


def _measure_reviews(plain: float) -> list[Figure]:
    """Issuances of one issuer that wait for a review, then their approvals."""
    network = make_economy()
    bodies = [issue(network, "alice", "EUR", 1, f"issuance {n}") for n in range(REVIEWS)]
    asked = [network.prepare("issuer", replace(each, all_tasks=TASK)) for each in bodies]
    issuance_us = _close(network, asked) / REVIEWS * 1e6
    first = network.ledger.state.get_counters().request - REVIEWS + 1
    reviews = [network.prepare("master", review(network, first + n)) for n in range(REVIEWS)]
    review_us = _close(network, reviews) / REVIEWS * 1e6
    tell(f"closing an issuance that waits {issuance_us:.1f} us, its review {review_us:.1f} us")
    return [
        Figure("closing_us_issuance", issuance_us, "us", "closing_us_plain", issuance_us / plain),
        Figure("closing_us_review", review_us, "us", "closing_us_plain", review_us / plain),
    ]


def _measure_signatures(network: Network, plain: float) -> Figure:
    """Of cosigners of pending transfers, each of the largest size."""
    signed = [
        network.prepare(name, sign(network, number, signature=bytes(SIGNATURE_BYTES)))
        for number in range(2, SIGNED + 2)
        for name in COSIGNERS[:2]
    ]
    value = _close(network, signed) / len(signed) * 1e6
    tell(f"closing a cosigner's signature {value:.1f} us, {1e6 / value:,.0f} a second")
    return Figure("closing_us_signature", value, "us", "closing_us_plain", value / plain)


def _make_payments(network: Network, *, has_fees: bool) -> list[Candidate]:
    made: list[Candidate] = []
    for number in range(PAYMENTS):
        payer, payee = NAMES[number % PAYERS], NAMES[(number + 1) % PAYERS]
        body: Any = pay(network, payer, payee, "EUR", 1_000)
        if has_fees:
            body = replace(body, fee_data=accept_fees(10, 10))
        made.append(network.prepare(payer, body))
    return made


def _close(network: Network, candidates: Sequence[Candidate]) -> float:
    """Seconds of processor time."""
    ledger = network.ledger
    by_hash = {each.envelope_hash: each for each in candidates}
    set_hash = compute_set_hash(ledger.header_hash, sorted(by_hash))
    value = ScpValue(ledger.header_hash, set_hash, ledger.header.close_time_ms + 1_000, ())
    began = time.process_time()
    close_ledger(ledger, value, by_hash)
    return time.process_time() - began
