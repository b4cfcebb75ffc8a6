"""One link over real sockets: what a hostile, broken, slow or silent peer can do to it."""

import asyncio
import tracemalloc
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest

from schemas.generated.common import PublicKey
from streams.herder.lanes import Lane
from streams.node.overlay import handshake
from streams.node.overlay.connection import READ_BUFFER_BYTES, WRITE_BUFFER_BYTES, Session
from streams.node.overlay.handshake import HELLO_BYTES, RECORD_BYTES_MAX
from streams.node.overlay.interface import MisbehaviourError, Reason
from streams.node.overlay.queues import Reassembly
from tests.streams.node.overlay.support import (
    IDS,
    NETWORK_ID,
    Node,
    Runner,
    flip_at,
    make_runner,
    open_middleman,
    open_node,
    open_raw,
    open_session,
    until,
)

RECEIVED_BYTES = 1 << 18  # what a loop takes from a socket at once, above the reader's own bound


@pytest.fixture(params=["asyncio", "uvloop"])
def run(request: pytest.FixtureRequest) -> Runner:
    return make_runner(request.param)


@asynccontextmanager
async def open_called(**settings: Any) -> AsyncIterator[tuple[Node, Node]]:
    """Node 0, which peers 1 to 4 may call, and node 1, which is connected to it and behaves."""
    strangers = dict.fromkeys(range(1, 5))
    async with (
        open_node(0, strangers, **settings) as called,
        open_node(1, {0: called.address}) as good,
    ):
        await until(good.overlay.get_connected)
        await until(called.overlay.get_connected)
        yield called, good
        # Whatever the test did, the one that behaves was not hurt by it.
        good.overlay.send(IDS[0], Lane.SCP, b"still here")
        await until(lambda: b"still here" in called.handlers.get_payloads(IDS[1]))
        called.overlay.send(IDS[1], Lane.SCP, b"and here")
        await until(lambda: b"and here" in good.handlers.get_payloads(IDS[0]))
        assert good.handlers.connected == [IDS[0]]
        assert good.handlers.disconnected == []


async def expect_end(called: Node, peer: PublicKey, reason: Reason) -> None:
    await until(lambda: called.handlers.disconnected)
    assert called.handlers.disconnected == [(peer, reason)]
    assert called.overlay.counters[peer].disconnections == {reason: 1}


async def expect_refusal(called: Node, reason: Reason) -> None:
    await until(lambda: called.handlers.refused)
    assert called.handlers.refused == [reason]
    assert called.handlers.connected == [IDS[1]]


async def expect_closed(reader: asyncio.StreamReader, received: int) -> None:
    """The other side closes after so many bytes."""
    try:
        data = await reader.read(-1)
    except ConnectionError:
        data = b""
    assert len(data) <= received


def make_message(payload: bytes) -> bytes:
    return b"\0" + len(payload).to_bytes(4, "big") + payload


# Shaking hands


@pytest.mark.parametrize(
    "garbage",
    [
        b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n" + bytes(200),
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + bytes(500),
        bytes(1_000_000),
        handshake.DOMAIN + b"\0\2" + bytes(96),
    ],
    ids=["http", "tls", "zeros", "later version"],
)
def test_a_caller_with_another_protocol_gets_no_answer(run: Runner, garbage: bytes) -> None:
    async def test() -> None:
        async with open_called() as (called, _), open_raw(called.address) as (reader, writer):
            writer.write(garbage)
            await expect_refusal(called, Reason.NOT_OVERLAY)
            await expect_closed(reader, 0)

    run(test())


def test_a_node_that_is_not_configured_is_refused(run: Runner) -> None:
    async def test() -> None:
        async with open_called() as (called, _):
            async with open_node(5, {0: called.address}) as stranger:
                await expect_refusal(called, Reason.UNKNOWN_NODE)
                assert called.handlers.details == [IDS[5].hex()]
                await until(lambda: stranger.handlers.refused)
                assert stranger.handlers.refused[0] is Reason.CLOSED
            assert stranger.handlers.connected == []

    run(test())


def test_a_caller_that_claims_our_own_key_is_refused(run: Runner) -> None:
    async def test() -> None:
        async with open_called() as (called, _), open_raw(called.address) as (reader, writer):
            writer.write(handshake.encode_hello(NETWORK_ID, IDS[0], b"e" * 32))
            await expect_refusal(called, Reason.UNKNOWN_NODE)
            await expect_closed(reader, 0)

    run(test())


def test_a_caller_that_claims_a_configured_key_it_lacks_is_refused(run: Runner) -> None:
    async def test() -> None:
        async with open_called() as (called, _), open_raw(called.address) as (_, writer):
            writer.write(handshake.encode_hello(NETWORK_ID, IDS[2], b"e" * 32))
            writer.write(bytes(handshake.PROOF_BYTES))
            await expect_refusal(called, Reason.NOT_AUTHENTIC)

    run(test())


def test_another_network_is_refused(run: Runner) -> None:
    async def test() -> None:
        async with (
            open_called() as (called, _),
            open_node(2, {0: called.address}, network_id=b"m" * 32),
        ):
            await expect_refusal(called, Reason.OTHER_NETWORK)

    run(test())


def test_another_node_at_the_address_is_refused(run: Runner) -> None:
    async def test() -> None:
        async with open_called() as (called, _):
            async with open_node(2, {3: called.address, 0: None}) as caller:
                await until(lambda: caller.handlers.refused)
                assert caller.handlers.refused[0] is Reason.WRONG_NODE
                assert caller.handlers.connected == []
            assert called.handlers.connected == [IDS[1]]

    run(test())


def test_a_silent_caller_is_dropped_in_time(run: Runner) -> None:
    async def test() -> None:
        async with (
            open_called(handshake_s=0.1) as (called, _),
            open_raw(called.address) as (reader, writer),
        ):
            writer.write(handshake.MAGIC)
            await expect_refusal(called, Reason.HANDSHAKE_TIMEOUT)
            await expect_closed(reader, 0)

    run(test())


@pytest.mark.parametrize("position", [0, 20, 50, 90, 111, HELLO_BYTES + 3, HELLO_BYTES + 100])
@pytest.mark.parametrize("direction", ["forth", "back"])
def test_a_man_in_the_middle_who_alters_the_handshake_is_found(
    run: Runner, direction: str, position: int
) -> None:
    async def test() -> None:
        alter: dict[str, Any] = {direction: flip_at(position)}
        async with (
            open_called() as (called, _),
            open_middleman(called.address, **alter) as address,
            open_node(2, {0: address}) as caller,
        ):
            deceived, other = (called, IDS[2]) if direction == "forth" else (caller, IDS[0])
            await until(lambda: deceived.handlers.refused)
            assert deceived.handlers.refused[0] in HANDSHAKE_REFUSALS
            assert other not in deceived.handlers.connected
            assert called.handlers.get_payloads(IDS[2]) == []

    run(test())


HANDSHAKE_REFUSALS = (
    Reason.NOT_OVERLAY,
    Reason.OTHER_NETWORK,
    Reason.UNKNOWN_NODE,
    Reason.WRONG_NODE,
    Reason.NOT_AUTHENTIC,
)


def test_a_man_in_the_middle_who_only_relays_changes_nothing(run: Runner) -> None:
    async def test() -> None:
        seen = bytearray()

        def listen(piece: bytes, _: int) -> bytes:
            seen.extend(piece)
            return piece

        async with open_called() as (called, _):
            async with (
                open_middleman(called.address, listen, listen) as address,
                open_node(2, {0: address}) as caller,
            ):
                await until(caller.overlay.get_connected)
                caller.overlay.send(IDS[0], Lane.SCP, b"nobody else reads this")
                await until(lambda: called.handlers.get_payloads(IDS[2]))
            assert called.handlers.get_payloads(IDS[2]) == [b"nobody else reads this"]
            assert len(seen) > 2 * HELLO_BYTES
            assert b"nobody else" not in seen

    run(test())


# Records


@pytest.mark.parametrize(
    ("sent", "reason"),
    [
        ((RECORD_BYTES_MAX + 1).to_bytes(4, "big"), Reason.OVERSIZED),
        (b"\xff\xff\xff\xff", Reason.OVERSIZED),
        (bytes(4), Reason.OVERSIZED),
        ((100).to_bytes(4, "big") + bytes(100), Reason.TAMPERED),
        ((100).to_bytes(4, "big") + bytes(99), Reason.TRUNCATED),
        (b"\0", Reason.TRUNCATED),
        (b"", Reason.CLOSED),
    ],
)
def test_bytes_that_are_no_record_end_the_connection(
    run: Runner, sent: bytes, reason: Reason
) -> None:
    async def test() -> None:
        async with open_called() as (called, _), open_session(2, called) as session:
            session.writer.write(sent)
            session.writer.write_eof()
            await expect_end(called, IDS[2], reason)

    run(test())


def test_a_length_is_refused_without_allocating_it(run: Runner) -> None:
    async def test() -> None:
        async with open_called() as (called, _), open_session(2, called) as session:
            tracemalloc.start()
            length = (16 * 1024 * 1024 + 1).to_bytes(4, "big")
            session.writer.write(session.sealer.seal(b"\1" + length + bytes(1000)))
            await expect_end(called, IDS[2], Reason.OVERSIZED)
            assert tracemalloc.get_traced_memory()[1] < 1_000_000
            tracemalloc.stop()

    run(test())


@pytest.mark.parametrize(
    ("order", "arrived"),
    [((0, 0, 1), [0]), ((1,), []), ((0, 2), [0]), ((0, 1, 0), [0, 1]), ((0, 2, 1), [0])],
    ids=["repeated", "first lost", "one lost", "replayed", "reordered"],
)
def test_records_are_taken_once_and_in_order(
    run: Runner, order: tuple[int, ...], arrived: list[int]
) -> None:
    async def test() -> None:
        async with open_called() as (called, _), open_session(2, called) as session:
            records = [session.sealer.seal(make_message(b"%d" % i)) for i in range(3)]
            session.writer.write(b"".join(records[at] for at in order))
            await expect_end(called, IDS[2], Reason.TAMPERED)
            assert called.handlers.get_payloads(IDS[2]) == [b"%d" % i for i in arrived]

    run(test())


@pytest.mark.parametrize("content", [b"\4" + bytes(4), b"\0", b"\xff" * 10])
def test_records_that_hold_no_messages_end_the_connection(run: Runner, content: bytes) -> None:
    async def test() -> None:
        async with open_called() as (called, _), open_session(2, called) as session:
            session.writer.write(session.sealer.seal(content))
            await expect_end(called, IDS[2], Reason.MALFORMED)

    run(test())


def test_a_connection_that_ends_inside_a_message(run: Runner) -> None:
    async def test() -> None:
        async with open_called() as (called, _), open_session(2, called) as session:
            session.writer.write(session.sealer.seal(make_message(bytes(1000))[:500]))
            session.writer.write_eof()
            await expect_end(called, IDS[2], Reason.TRUNCATED)
            assert called.handlers.get_payloads(IDS[2]) == []

    run(test())


def test_an_altered_byte_on_the_way_ends_the_connection(run: Runner) -> None:
    async def test() -> None:
        start = HELLO_BYTES + handshake.PROOF_BYTES
        async with (
            open_called() as (called, _),
            open_middleman(called.address, forth=flip_at(start + 40)) as address,
            open_node(2, {0: address}, reconnect_s=30, reconnect_max_s=30) as caller,
        ):
            await until(caller.overlay.get_connected)
            caller.overlay.send(IDS[0], Lane.SCP, b"pay Bob, and nobody else")
            await expect_end(called, IDS[2], Reason.TAMPERED)
            assert called.handlers.get_payloads(IDS[2]) == []
            await until(lambda: caller.handlers.disconnected)

    run(test())


# Time and room


def test_a_silent_peer_is_dropped_and_an_idle_one_kept(run: Runner) -> None:
    async def test() -> None:
        settings = {"keep_alive_s": 0.05, "silence_max_s": 0.3}
        async with (
            open_node(0, {1: None, 2: None}, **settings) as called,
            open_node(1, {0: called.address}, **settings) as idle,
            open_session(2, called) as session,
        ):
            await until(idle.overlay.get_connected)
            await until(lambda: called.handlers.disconnected)
            assert called.handlers.disconnected == [(IDS[2], Reason.SILENT)]
            signs = await session.reader.read(1000)
            assert session.opener.open(signs[4:21]) == b""
            await asyncio.sleep(0.5)
            assert idle.overlay.get_connected() == [IDS[0]]
            assert idle.handlers.disconnected == []

    run(test())


def test_a_peer_that_does_not_read_costs_bounded_memory(run: Runner) -> None:
    async def test() -> None:
        bounds = (100_000, 1_000_000, 200_000, 50_000)
        settings = {"queue_bytes_max": bounds}
        async with open_called(**settings) as (called, good), open_session(2, called) as session:
            session.writer.transport.pause_reading()  # type: ignore[attr-defined]
            waiting_max = 0
            for number in range(3000):
                called.overlay.broadcast(Lane.TRANSACTIONS, number.to_bytes(4, "big") * 2500)
                called.overlay.broadcast(Lane.REPLIES, number.to_bytes(4, "big") * 250)
                await until(lambda: called.overlay.get_bytes_waiting(IDS[1]) < 100_000)
                waiting_max = max(waiting_max, called.overlay.get_bytes_waiting(IDS[2]))
            assert waiting_max < sum(bounds) + 2 * WRITE_BUFFER_BYTES
            # The one that reads gets everything, in order within a lane.
            await until(lambda: len(good.handlers.received) == 6000)
            large = [m for _, m in good.handlers.received if len(m) == 10_000]
            assert large == [number.to_bytes(4, "big") * 2500 for number in range(3000)]
            counters = called.overlay.counters[IDS[2]]
            assert counters.messages_dropped[Lane.TRANSACTIONS] > 1000
            assert called.overlay.counters[IDS[1]].messages_dropped == {}
            # Once it reads again the newest arrive: the oldest were dropped.
            called.overlay.send(IDS[2], Lane.SCP, b"last")
            session.writer.transport.resume_reading()  # type: ignore[attr-defined]
            messages = await read_until(session, lambda m: m[0] == 2 and m.endswith(b"\x0b\xb7"))
            assert b"last" in messages
            assert len(messages) < 5000

    run(test())


async def read_until(session: Session, is_last: Any) -> list[bytes]:
    """Reads as a peer does; `is_last` sees each record's content."""
    reassembly, messages = Reassembly(1 << 24), list[bytes]()
    while True:
        size = int.from_bytes(await session.reader.readexactly(4), "big")
        content = session.opener.open(await session.reader.readexactly(size))
        messages += reassembly.feed(content) if content else []
        if content and is_last(content):
            return messages


def test_a_busy_handler_stops_the_reading_and_loses_nothing(run: Runner) -> None:
    async def test() -> None:
        gate = asyncio.Event()
        settings = {"keep_alive_s": 0.05, "silence_max_s": 0.3}

        async def wait_at_gate(peer: PublicKey, payload: bytes) -> None:
            await gate.wait()

        async with open_node(0, {1: None}, **settings) as busy:
            busy.handlers.act = wait_at_gate
            async with open_node(1, {0: busy.address}, **settings) as sender:
                await until(sender.overlay.get_connected)
                sent = [number.to_bytes(4, "big") * 2500 for number in range(2000)]
                for payload in sent:
                    sender.overlay.send(IDS[0], Lane.REPLIES, payload)
                await asyncio.sleep(0.6)  # longer than the silence that would be too long
                # What the kernel's buffers do not hold stays with the sender.
                assert sender.overlay.get_bytes_waiting(IDS[0]) > 5_000_000
                reader = busy.overlay._connections[IDS[1]]._session.reader
                assert len(reader._buffer) <= 2 * READ_BUFFER_BYTES + RECEIVED_BYTES  # type: ignore[attr-defined]
                assert busy.handlers.disconnected == []
                gate.set()
                await until(lambda: len(busy.handlers.received) == len(sent))
                assert busy.handlers.get_payloads(IDS[1]) == sent

    run(test())


# Handlers


def test_a_handler_may_refuse_a_peer(run: Runner) -> None:
    async def refuse(peer: PublicKey, payload: bytes) -> None:
        if payload == b"bad":
            raise MisbehaviourError("that was no message")

    async def test() -> None:
        async with open_called() as (called, _), open_session(2, called) as session:
            called.handlers.act = refuse
            for payload in (b"good", b"bad", b"after"):
                session.writer.write(session.sealer.seal(make_message(payload)))
            await expect_end(called, IDS[2], Reason.MISBEHAVED)
            assert called.handlers.details == ["that was no message"]
            assert called.handlers.get_payloads(IDS[2]) == [b"good"]

    run(test())


def test_an_error_in_a_handler_is_raised(run: Runner) -> None:
    async def fail(peer: PublicKey, payload: bytes) -> None:
        raise RuntimeError("an error of ours")

    async def test() -> None:
        async with open_node(0, {1: None}) as called:
            called.handlers.act = fail
            async with open_session(1, called) as session:
                session.writer.write(session.sealer.seal(make_message(b"a message")))
                with pytest.raises(RuntimeError, match="an error of ours"):
                    await called.overlay.wait()
                assert called.handlers.disconnected == [(IDS[1], Reason.FAILED)]

    run(test())
