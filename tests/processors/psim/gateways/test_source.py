"""Money in by a payment gateway: events that come twice, out of order, and that take money back."""

import asyncio
import contextlib
import itertools
from collections.abc import AsyncIterator, Coroutine
from pathlib import Path
from typing import Any

import pytest
from starlette.applications import Starlette

from infra.local.ports import choose_port
from infra.sandbox.gateway import GatewayBook, GatewayDo, GatewayMode
from processors.psim.chains.source import ChainContradiction, ChainUnavailable
from processors.psim.gateways.adapter import (
    EventKind,
    GatewayEvent,
    GatewayRefused,
    GatewayUnknown,
    PayoutOrder,
    PayoutState,
)
from processors.psim.gateways.client import GatewayClient
from processors.psim.gateways.source import GatewaySource
from streams.private_port import make_server

CHAIN, KEY = "bank:gateway", "secret"
ORDER = PayoutOrder("request-1", 1_000, "EUR", "DE75512108001245126199")


@contextlib.asynccontextmanager
async def open_gateway(
    folder: Path, timeout_s: float = 20.0
) -> AsyncIterator[tuple[GatewayBook, GatewayClient]]:
    book = GatewayBook(folder, KEY)
    address = f"127.0.0.1:{choose_port(())}"
    server = make_server(Starlette(routes=book.make_routes()), address)
    task = asyncio.create_task(server.serve())
    while not server.started:
        await asyncio.sleep(0.01)
    client = GatewayClient(f"http://{address}/gateway", KEY, timeout_s)
    try:
        yield book, client
    finally:
        await client.close()
        server.should_exit, server.force_exit = True, True
        await task


def run(work: Coroutine[Any, Any, None]) -> None:
    asyncio.run(work)


def test_events_are_blocks_in_their_order_however_they_come(tmp_path: Path) -> None:
    async def work() -> None:
        async with open_gateway(tmp_path) as (book, client):
            book.do(GatewayDo(pay_in=[("RF1", 100), ("", 200)], is_shuffling=True))
            source = GatewaySource(CHAIN, client, "EUR")
            assert await source.get_tip_height() == 2
            book.do(GatewayDo(pay_in=[("RF2", 300)]))
            assert await source.get_tip_height() == 3
            blocks = [await source.get_block(height) for height in range(4)]
            for before, after in itertools.pairwise(blocks):
                assert after.previous_hash == before.block_hash
            paid = [await source.get_payments(each, (), ("",)) for each in blocks]
            found = [(p.address, p.amount) for each in paid for p in each]
            assert found == [("RF1", 100), ("no reference", 200), ("RF2", 300)]
            again = GatewaySource(CHAIN, client, "EUR")
            await again.look()
            assert await again.get_block(3) == blocks[3]

    run(work())


def test_a_charge_back_credits_nothing_and_names_its_payment(tmp_path: Path) -> None:
    async def work() -> None:
        async with open_gateway(tmp_path) as (book, client):
            book.do(GatewayDo(pay_in=[("RF1", 100)]))
            book.do(GatewayDo(take_back=["in-1"]))
            source = GatewaySource(CHAIN, client, "EUR")
            await source.look()
            assert await source.get_payments(await source.get_block(2), (), ("",)) == []
            (taken,) = source.list_taken_back()
            (paid,) = await source.get_payments(await source.get_block(1), (), ("",))
            assert (taken.amount, taken.payment) == (100, paid)

    run(work())


class Liar:
    """A gateway whose events change."""

    def __init__(self) -> None:
        self.amount = 100

    async def list_events(self, after: int) -> list[GatewayEvent]:
        del after
        return [GatewayEvent(1, EventKind.PAID_IN, "in-1", "RF1", self.amount, "EUR", 1, 100)]


def test_services_share_a_look_and_a_hint_looks_at_once(tmp_path: Path) -> None:
    async def work() -> None:
        async with open_gateway(tmp_path) as (book, client):
            source = GatewaySource(CHAIN, client, "EUR", fresh_s=600)
            await source.look()
            book.do(GatewayDo(pay_in=[("RF1", 100)]))
            await asyncio.gather(source.look(), source.look())
            assert source.final == 0
            source.expire()
            await source.look()
            assert source.final == 1

    run(work())


def test_an_event_that_changes_is_never_believed() -> None:
    async def work() -> None:
        liar = Liar()
        source = GatewaySource(CHAIN, liar, "EUR")  # type: ignore[arg-type]
        await source.look()
        liar.amount = 900
        with pytest.raises(ChainContradiction):
            await source.look()
        assert source.events[0].amount == 100

    run(work())


def test_a_balance_that_does_not_follow_is_never_believed(tmp_path: Path) -> None:
    async def work() -> None:
        async with open_gateway(tmp_path) as (book, client):
            book.do(GatewayDo(pay_in=[("RF1", 100)], charge=[3]))
            source = GatewaySource(CHAIN, client, "EUR")
            await source.look()
            assert [source.get_balance(height) for height in range(3)] == [0, 100, 97]
            book.do(GatewayDo(pay_in=[("RF2", 200)]))
            content = b"update events set content = replace(content, '297', '299') where number = 3"
            book._book.execute(content.decode())
            with pytest.raises(ChainContradiction):
                await source.look()
            assert source.final == 2
            assert source.find_problems()

    run(work())


def test_a_gap_waits(tmp_path: Path) -> None:
    async def work() -> None:
        async with open_gateway(tmp_path) as (book, client):
            book.do(GatewayDo(pay_in=[("RF1", 100), ("RF2", 200)]))
            book._book.execute("delete from events where number = 1")
            source = GatewaySource(CHAIN, client, "EUR")
            assert await source.get_tip_height() == 0
            with pytest.raises(ChainUnavailable):
                await source.get_block(1)

    run(work())


def test_the_same_key_pays_once_while_it_is_kept(tmp_path: Path) -> None:
    async def work() -> None:
        async with open_gateway(tmp_path) as (book, client):
            first, second = await client.post_payout(ORDER), await client.post_payout(ORDER)
            assert first == second
            assert len(book.find_payouts(ORDER.reference)) == 1
            with pytest.raises(GatewayRefused):
                await client.post_payout(PayoutOrder(ORDER.reference, 2, "EUR", "other"))
            book.do(GatewayDo(ttl_s=0.0))
            await client.post_payout(ORDER)
            assert len(book.find_payouts(ORDER.reference)) == 2

    run(work())


@pytest.mark.parametrize(
    ("mode", "count"),
    [
        (GatewayMode.BROKEN, 0),
        (GatewayMode.BUSY, 0),
        (GatewayMode.TAKEN_BROKEN, 1),
        (GatewayMode.TAKEN_SLOW, 1),
    ],
)
def test_what_is_not_known_is_unknown(tmp_path: Path, mode: GatewayMode, count: int) -> None:
    async def work() -> None:
        timeout_s = 1.0 if mode is GatewayMode.TAKEN_SLOW else 20.0
        async with open_gateway(tmp_path, timeout_s) as (book, client):
            book.do(GatewayDo(mode=mode, calls=1))
            with pytest.raises(GatewayUnknown):
                await client.post_payout(ORDER)
            assert len(book.find_payouts(ORDER.reference)) == count
            found = await client.find_payout(ORDER.reference)
            assert (found is not None) == bool(count)

    run(work())


def test_the_book_survives(tmp_path: Path) -> None:
    async def work() -> None:
        async with open_gateway(tmp_path) as (book, client):
            book.do(GatewayDo(is_settling=False))
            await client.post_payout(ORDER)
            (found,) = GatewayBook(tmp_path, KEY).list_payouts()
            assert (found.reference, found.state) == (ORDER.reference, PayoutState.PENDING)
            assert (await client.post_payout(ORDER)).id == found.id

    run(work())
