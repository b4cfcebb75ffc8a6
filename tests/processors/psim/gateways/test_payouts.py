"""Payouts by the sandbox: never twice, whatever it does, and unknown until there is evidence."""

import asyncio
import random
from collections import Counter
from pathlib import Path

import msgspec
import pytest

from infra.sandbox.gateway import GatewayBook, GatewayDo, GatewayMode
from processors.psim.gateways.adapter import (
    EventKind,
    GatewayEvent,
    GatewayRefused,
    GatewayUnknown,
    Payout,
    PayoutOrder,
    PayoutState,
)
from processors.psim.gateways.orders import (
    MARGIN_MS,
    GatewayOrder,
    Step,
    decide,
    decode_order,
    encode_order,
    judge,
    make_posted,
    make_reference,
)
from processors.psim.gateways.payer import Payer
from schemas.generated.common import Hash, TransferOutcome
from schemas.payout_accounts import compute_account_hash
from tests.processors.psim.file_ledger import PAYEE
from tests.processors.psim.gateways.test_source import KEY, open_gateway

PAYEE_HASH = compute_account_hash(PAYEE).hex()
ORDER = GatewayOrder("request-1", 1_000, "EUR", PAYEE_HASH)
PAYOUTS = 500
QUICK = PAYOUTS // 10
TTL_MS = 1_800_000
MODES = (
    *(GatewayMode.WELL,) * 3,
    GatewayMode.BROKEN,
    GatewayMode.BUSY,
    GatewayMode.TAKEN_BROKEN,
    GatewayMode.TAKEN_BROKEN,
    GatewayMode.REFUSING,
)


def make_event(
    number: int, kind: EventKind, amount: int = 1_000, name: str = "out-1"
) -> GatewayEvent:
    return GatewayEvent(number, kind, name, ORDER.reference, amount, "EUR", 1, 0)


def test_the_payload_is_text_that_reads_back() -> None:
    payload = encode_order(ORDER)
    assert decode_order(payload) == ORDER
    for wrong in (b"", payload + b"more 1\n", payload.replace(b"1000", b"01000"), b"\xff"):
        with pytest.raises(ValueError, match=r".*"):
            decode_order(wrong)


def test_only_whom_the_order_hashes_is_paid() -> None:
    assert make_posted(ORDER, PAYEE).destination == PAYEE.iban
    with pytest.raises(ValueError, match="another payee"):
        make_posted(ORDER, msgspec.structs.replace(PAYEE, iban="NO9386011117947"))


def test_references_are_of_one_network() -> None:
    one, other = (make_reference(Hash(bytes([each]) * 32), 7) for each in (1, 2))
    assert one != other
    assert one.endswith("-7")


def test_evidence_is_an_event_of_the_whole_order() -> None:
    paid = make_event(3, EventKind.PAYOUT_PAID)
    found = judge(ORDER, [paid, paid]).evidence
    assert found is not None
    assert (found.outcome, found.height) == (TransferOutcome.PAID, 3)
    failed = judge(ORDER, [make_event(4, EventKind.PAYOUT_FAILED)]).evidence
    assert failed is not None
    assert failed.outcome is TransferOutcome.INEFFECTIVE
    assert judge(ORDER, [make_event(1, EventKind.PAID_IN)]) == (None, "")


@pytest.mark.parametrize(
    "events",
    [
        [make_event(1, EventKind.PAYOUT_PAID, 1_001)],
        [make_event(1, EventKind.PAYOUT_PAID), make_event(2, EventKind.PAYOUT_FAILED)],
        [make_event(1, EventKind.PAYOUT_PAID), make_event(2, EventKind.PAYOUT_PAID, name="out-2")],
    ],
)
def test_what_contradicts_is_for_people(events: list[GatewayEvent]) -> None:
    found = judge(ORDER, events)
    assert found.evidence is None
    assert found.problem


def test_nothing_is_posted_after_the_key_may_have_expired() -> None:
    end_ms = 1_000 + TTL_MS - MARGIN_MS
    assert decide(ORDER, 1_000, end_ms - 1, TTL_MS, None) is Step.POST
    assert decide(ORDER, 1_000, end_ms, TTL_MS, None) is Step.UNKNOWN
    found = Payout("out-1", ORDER.reference, 1_000, "EUR", PAYEE.iban, PayoutState.PENDING)
    assert decide(ORDER, 1_000, end_ms * 9, TTL_MS, found) is Step.WAIT
    other = Payout("out-1", ORDER.reference, 999, "EUR", PAYEE.iban, PayoutState.PAID)
    assert decide(ORDER, 1_000, 1_001, TTL_MS, other) is Step.UNKNOWN


class Clock:
    def __init__(self) -> None:
        self.at_s = 1_000_000.0

    def __call__(self) -> float:
        return self.at_s


class Direct:
    """The sandbox without a network: what answers would say, a client concludes. Look-ups may be
    behind."""

    def __init__(self, book: GatewayBook, chance: random.Random) -> None:
        self._book, self._chance = book, chance

    async def list_events(self, after: int) -> list[GatewayEvent]:
        return self._book.list_events(after)

    async def find_payout(self, reference: str) -> Payout | None:
        if self._chance.randrange(10) == 0:
            raise GatewayUnknown("HTTP status 503")
        found = self._book.find_payouts(reference)
        is_behind = self._chance.randrange(8) == 0
        return found[0] if found and not is_behind else None

    async def post_payout(self, order: PayoutOrder) -> Payout:
        mode = self._chance.choice(MODES)
        if mode in (GatewayMode.BROKEN, GatewayMode.BUSY):
            raise GatewayUnknown(f"HTTP status: {mode}")
        if mode is GatewayMode.REFUSING:
            raise GatewayRefused("destination-refused")
        self._book.post(order.reference, order)
        if mode is GatewayMode.TAKEN_BROKEN:
            raise GatewayUnknown("ReadTimeout")
        return self._book.find_payouts(order.reference)[0]


async def run_payouts(folder: Path, count: int, seed: int) -> Counter[str]:
    """Each order has been noted in the ledger; its submitter is killed at any moment, time passes,
    keys expire. Afterwards every order was paid at most once."""
    chance, clock = random.Random(seed), Clock()
    book = GatewayBook(folder, KEY, clock)
    book.do(GatewayDo(ttl_s=TTL_MS / 1000, is_settling=False))
    gateway, found = Direct(book, chance), Counter[str]()
    open_orders: dict[str, tuple[GatewayOrder, int]] = {}
    for number in range(count):
        reference = make_reference(Hash(bytes(32)), number)
        order = GatewayOrder(reference, chance.randrange(1, 10_000), "EUR", PAYEE_HASH)
        submitted_ms = int(clock() * 1000)
        newest = open_orders[reference] = (order, submitted_ms)
        for _ in range(chance.randrange(6)):
            payer = Payer(gateway, TTL_MS, clock)  # a process that knows nothing
            older = chance.choice(list(open_orders.values()))
            chosen, since_ms = older if chance.randrange(4) == 0 else newest
            told = await payer.step(chosen, PAYEE, since_ms, 0)
            found["not known"] += "known" in told
            clock.at_s += chance.choice((1, 1, 30, 300, 1_700, 4_000))
        if chance.randrange(3) == 0:
            book.do(GatewayDo(settle=chance.choice((PayoutState.PAID, PayoutState.FAILED))))
    book.do(GatewayDo(settle=PayoutState.PAID))
    paid = Counter(each.reference for each in book.list_payouts())
    for reference, (order, submitted_ms) in open_orders.items():
        assert paid[reference] <= 1, f"{reference} was paid {paid[reference]} times"
        judged = judge(order, book.list_events(0))
        assert judged.problem == ""
        assert (judged.evidence is not None) == bool(paid[reference])
        if judged.evidence is None:
            clock.at_s = (submitted_ms + 10 * TTL_MS) / 1000
            assert await Payer(gateway, TTL_MS, clock).step(order, PAYEE, submitted_ms, 0) != ""
            found["unknown for ever"] += 1
        else:
            found[judged.evidence.outcome.name] += 1
    return found


def test_payouts_with_time_outs_expiry_and_crashes(tmp_path: Path) -> None:
    found = asyncio.run(run_payouts(tmp_path, QUICK, 4))
    assert found["PAID"] > QUICK // 4
    assert found["unknown for ever"]


@pytest.mark.faults
@pytest.mark.campaign
@pytest.mark.timeout(3_000)
def test_payouts_campaign(tmp_path: Path, pytestconfig: pytest.Config) -> None:
    asyncio.run(run_payouts(tmp_path, QUICK * pytestconfig.getoption("--faults"), 2))


def test_a_payer_that_forgets_the_margin_is_found(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A planted bug: it posts whenever it finds nothing."""
    monkeypatch.setattr("processors.psim.gateways.payer.decide", lambda *_: Step.POST)
    with pytest.raises(AssertionError, match="times"):
        asyncio.run(run_payouts(tmp_path, 100, 1))


def test_a_time_out_after_accept_is_paid_once_over_http(tmp_path: Path) -> None:
    async def work() -> None:
        async with open_gateway(tmp_path) as (book, client):
            now_ms = int(book._clock() * 1000)
            for mode in (GatewayMode.TAKEN_BROKEN, GatewayMode.BROKEN, GatewayMode.BUSY):
                book.do(GatewayDo(mode=mode, calls=1))
                await Payer(client, TTL_MS).step(ORDER, PAYEE, now_ms, now_ms)
            assert await Payer(client, TTL_MS).step(ORDER, PAYEE, now_ms, now_ms) == ""
            assert len(book.find_payouts(ORDER.reference)) == 1
            assert judge(ORDER, await client.list_events(0)).evidence is not None

    asyncio.run(work())
