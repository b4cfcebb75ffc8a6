"""Overlays over real sockets: who is connected to whom, through crossed calls and restarts."""

import asyncio
import os
import signal
import subprocess
import sys
from itertools import pairwise
from pathlib import Path

import pytest

from schemas.generated.common import PublicKey
from streams.herder.lanes import Lane
from streams.node.overlay.handshake import MAGIC
from streams.node.overlay.interface import Reason
from tests.streams.node.overlay.support import (
    IDS,
    Node,
    Runner,
    find_free_port,
    make_config,
    make_runner,
    open_middleman,
    open_node,
    open_raw,
    open_session,
    until,
)

ROOT = Path(__file__).parents[4]
LOCALHOST = "127.0.0.1"


@pytest.fixture(params=["asyncio", "uvloop"])
def run(request: pytest.FixtureRequest) -> Runner:
    return make_runner(request.param)


async def until_connected(*nodes: Node) -> None:
    """Every node to all the others."""
    ids = {node.overlay.node_id for node in nodes}
    for node in nodes:
        others = sorted(ids - {node.overlay.node_id})
        await until(lambda node=node, others=others: node.overlay.get_connected() == others)  # type: ignore[misc]


def test_ten_thousand_messages_each_way_in_order(run: Runner) -> None:
    async def test() -> None:
        sent = [os.urandom(8) * (number % 60) for number in range(10_000)]
        async with open_node(0, {1: None}) as called, open_node(1, {0: called.address}) as caller:
            await until_connected(called, caller)
            for number, payload in enumerate(sent):
                assert called.overlay.send(IDS[1], Lane.TRANSACTIONS, payload)
                assert caller.overlay.send(IDS[0], Lane.TRANSACTIONS, payload[::-1])
                if number % 500 == 0:
                    await asyncio.sleep(0)
            await until(lambda: len(called.handlers.received) == len(caller.handlers.received))
            await until(lambda: len(caller.handlers.received) == len(sent))
            assert caller.handlers.get_payloads(IDS[0]) == sent
            assert called.handlers.get_payloads(IDS[1]) == [payload[::-1] for payload in sent]
            counters = called.overlay.counters[IDS[1]]
            assert counters.messages_sent == counters.messages_received == 10_000
            theirs = caller.overlay.counters[IDS[0]]
            assert theirs.bytes_received == counters.bytes_sent
            assert counters.messages_dropped == {}

    run(test())


def test_large_messages_and_small_ones_of_every_priority(run: Runner) -> None:
    async def test() -> None:
        async with open_node(0, {1: None}) as called, open_node(1, {0: called.address}) as caller:
            await until_connected(called, caller)
            large = [os.urandom(3_000_000), os.urandom(16 << 20)]
            for payload in large:
                caller.overlay.send(IDS[0], Lane.REPLIES, payload)
            caller.overlay.send(IDS[0], Lane.ADVERTS, b"")
            caller.overlay.send(IDS[0], Lane.SCP, b"statement")
            await until(lambda: len(called.handlers.received) == 4)
            assert called.handlers.get_payloads(IDS[1]) == [b"statement", *large, b""]
            with pytest.raises(ValueError, match="split it"):
                caller.overlay.send(IDS[0], Lane.REPLIES, bytes((16 << 20) + 1))
            with pytest.raises(ValueError, match="split it"):
                caller.overlay.broadcast(Lane.REPLIES, bytes((16 << 20) + 1))

    run(test())


def test_broadcast_reaches_everybody_else(run: Runner) -> None:
    async def test() -> None:
        ports = [find_free_port() for _ in range(4)]
        # As an operator writes it: one list for all, each node's own key included.
        everybody = {number: (LOCALHOST, ports[number]) for number in range(4)}
        async with (
            open_node(0, everybody, listen_port=ports[0]) as first,
            open_node(1, everybody, listen_port=ports[1]) as second,
            open_node(2, everybody, listen_port=ports[2]) as third,
            open_node(3, everybody, listen_port=ports[3]) as fourth,
        ):
            await until_connected(first, second, third, fourth)
            await asyncio.sleep(0.3)  # crossed calls have settled
            first.overlay.broadcast(Lane.SCP, b"to all")
            first.overlay.broadcast(Lane.SCP, b"not to the third", exclude=IDS[2])
            await until(lambda: len(second.handlers.received) == len(fourth.handlers.received) == 2)
            await until(lambda: third.handlers.received)
            assert third.handlers.received == [(IDS[0], b"to all")]
            assert first.handlers.received == []
            assert not first.overlay.send(IDS[0], Lane.SCP, b"to myself")
            assert not first.overlay.send(IDS[5], Lane.SCP, b"to nobody")

    run(test())


# One connection for each pair


def get_dialling_sides(low: Node, high: Node) -> list[bool]:
    """Whether the connection that each side has, if any, is one that it dialled."""
    links = low.overlay._connections.get(IDS[1]), high.overlay._connections.get(IDS[0])
    return [link.is_dialling for link in links if link is not None]


@pytest.mark.parametrize("first", ["low", "high", "both"])
def test_of_crossed_calls_the_one_of_the_lower_id_is_kept(run: Runner, first: str) -> None:
    """Both have dialled, and neither call has been answered, when the way is opened."""

    async def test() -> None:
        ports = find_free_port(), find_free_port()
        gates = {"low": asyncio.Event(), "high": asyncio.Event()}
        async with (
            open_middleman((LOCALHOST, ports[1]), gate=gates["low"]) as to_high,
            open_middleman((LOCALHOST, ports[0]), gate=gates["high"]) as to_low,
            open_node(0, {1: to_high}, listen_port=ports[0]) as low,
            open_node(1, {0: to_low}, listen_port=ports[1]) as high,
        ):
            await asyncio.sleep(0.02)
            for caller, gate in gates.items():
                if first in (caller, "both"):
                    gate.set()
            await until_connected(low, high)
            for gate in gates.values():
                gate.set()
            await until(lambda: get_dialling_sides(low, high) == [True, False])
            await asyncio.sleep(0.3)
            assert get_dialling_sides(low, high) == [True, False]
            ends = low.handlers.disconnected + high.handlers.disconnected
            assert {reason for _, reason in ends} <= {Reason.DUPLICATE, Reason.CLOSED}
            assert len(low.handlers.connected) <= 2
            for number in range(100):
                low.overlay.send(IDS[1], Lane.SCP, b"%d" % number)
                high.overlay.send(IDS[0], Lane.SCP, b"%d" % number)
            await until(lambda: len(low.handlers.received) == len(high.handlers.received) == 100)
            assert low.handlers.disconnected + high.handlers.disconnected == ends

    run(test())


def test_of_two_connections_both_sides_keep_the_same(run: Runner) -> None:
    """The tie-break itself, in every order of arrival, with sessions made by hand."""

    async def test() -> None:
        async with open_node(1, {0: None, 2: None}) as node:
            # Node 0 is the lower id: its newer call replaces its older one.
            async with open_session(0, node), open_session(0, node) as newer:
                await until(lambda: len(node.handlers.connected) == 2)
                assert node.handlers.disconnected == [(IDS[0], Reason.DUPLICATE)]
                node.overlay.send(IDS[0], Lane.SCP, b"over the newer")
                sealed = await newer.reader.readexactly(4 + 19 + 17)
                assert newer.opener.open(sealed[4:])[5:] == b"over the newer"
            await until(lambda: node.overlay.get_connected() == [])

    run(test())


@pytest.mark.parametrize(("caller", "is_kept"), [(0, True), (2, False)])
def test_a_call_from_a_peer_that_was_dialled_already(
    run: Runner, caller: int, is_kept: bool
) -> None:
    """Node 1 has dialled; then the other side's call comes in late."""

    async def test() -> None:
        async with (
            open_node(caller, {1: None}) as other,
            open_node(1, {caller: other.address}, reconnect_s=9, reconnect_max_s=9) as node,
        ):
            await until_connected(node, other)
            async with open_session(caller, node) as session:
                if is_kept:
                    await until(lambda: len(node.handlers.connected) == 2)
                    assert node.handlers.disconnected == [(IDS[caller], Reason.DUPLICATE)]
                else:
                    assert await session.reader.read(1000) == b""
                    assert node.handlers.disconnected == []
                    assert node.overlay.get_connected() == [IDS[caller]]
            assert other.handlers.disconnected == ([(IDS[1], Reason.CLOSED)] if is_kept else [])

    run(test())


def test_calls_to_handlers_do_not_overlap_when_a_connection_is_replaced(run: Runner) -> None:
    async def test() -> None:
        gate, log = asyncio.Event(), list[str]()

        async def wait_at_gate(peer: PublicKey, payload: bytes) -> None:
            log.append(f"begin {payload.decode()}")
            await gate.wait()
            log.append(f"end {payload.decode()}")

        async with open_node(1, {0: None}) as node:
            node.handlers.act = wait_at_gate
            async with open_session(0, node) as older:
                older.writer.write(older.sealer.seal(b"\0\0\0\0\1a\0\0\0\1b"))
                await until(lambda: log == ["begin a"])
                async with open_session(0, node) as newer:
                    newer.writer.write(newer.sealer.seal(b"\0\0\0\0\1c"))
                    await asyncio.sleep(0.1)
                    assert len(node.handlers.connected) == 1
                    gate.set()
                    await until(lambda: len(log) == 4)
                    # "b" went down with the older connection.
                    assert log == ["begin a", "end a", "begin c", "end c"]

    run(test())


# Coming back


PEER = """
import asyncio, sys
sys.path.insert(0, sys.argv[1])
from tests.streams.node.overlay.support import open_node

async def main():
    async with open_node(0, {1: ("127.0.0.1", int(sys.argv[2]))}, listen_port=int(sys.argv[3])):
        await asyncio.sleep(60)

asyncio.run(main())
"""


def test_a_killed_peer_is_noticed_and_found_again(run: Runner) -> None:
    async def test() -> None:
        ports = find_free_port(), find_free_port()
        command = [sys.executable, "-c", PEER, str(ROOT), str(ports[1]), str(ports[0])]
        settings = {"listen_port": ports[1], "reconnect_s": 0.05, "reconnect_max_s": 0.2}
        async with open_node(1, {0: (LOCALHOST, ports[0])}, **settings) as node:
            for round_number in range(2):
                with subprocess.Popen(command) as peer:
                    await until(node.overlay.get_connected)
                    await asyncio.sleep(0.2)
                    node.handlers.disconnected.clear()
                    peer.send_signal(signal.SIGKILL if round_number == 0 else signal.SIGTERM)
                    await until(lambda: node.handlers.disconnected)
                    assert node.handlers.disconnected == [(IDS[0], Reason.CLOSED)]
                    assert node.overlay.get_connected() == []

    run(test())


def test_dialling_backs_off(run: Runner) -> None:
    async def test() -> None:
        nobody = {1: (LOCALHOST, find_free_port())}
        async with open_node(0, nobody, reconnect_s=0.05, reconnect_max_s=0.3) as node:
            await asyncio.sleep(1.5)
            assert set(node.handlers.refused) == {Reason.UNREACHABLE}
            times = node.handlers.rejected_at
            gaps = [later - earlier for earlier, later in pairwise(times)]
            assert 0.02 <= gaps[0] <= 0.2
            assert all(0.14 <= gap <= 0.6 for gap in gaps[4:])
            assert 5 <= len(gaps) <= 12

    run(test())


def test_many_strangers_do_not_keep_a_peer_out(run: Runner) -> None:
    async def test() -> None:
        async with open_node(0, {1: None}, handshakes_max=8) as node:
            strangers = [open_raw(node.address) for _ in range(20)]
            for stranger in strangers:
                _, writer = await stranger.__aenter__()
                writer.write(MAGIC)
            await until(lambda: len(node.handlers.refused) == 12)
            assert set(node.handlers.refused) == {Reason.TOO_MANY_HANDSHAKES}
            async with open_node(1, {0: node.address}) as peer:
                await until_connected(node, peer)
            for stranger in strangers:
                await stranger.__aexit__(None, None, None)

    run(test())


# Ending


def test_closing_ends_everything(run: Runner) -> None:
    async def test() -> None:
        async with open_node(0, {1: None, 2: (LOCALHOST, find_free_port())}) as node:
            waiting = asyncio.create_task(node.overlay.wait())
            async with open_node(1, {0: node.address}) as peer, open_raw(node.address):
                await until_connected(node, peer)
                await node.overlay.close()
                await waiting
                assert node.handlers.disconnected == [(IDS[1], Reason.SHUTDOWN)]
                await until(lambda: peer.handlers.disconnected)
                await until(lambda: Reason.UNREACHABLE in peer.handlers.refused)
            assert not node.overlay.send(IDS[1], Lane.SCP, b"too late")
            node.overlay.broadcast(Lane.SCP, b"too late")

    run(test())


def test_a_port_in_use_is_an_error_at_the_start(run: Runner) -> None:
    async def test() -> None:
        async with open_node(0, {}) as node:
            with pytest.raises(OSError, match="in use"):
                async with open_node(1, {}, listen_port=node.address[1]):
                    pytest.fail("two nodes listen on one port")

    run(test())


def test_the_node_key_is_not_shown() -> None:
    config = make_config(0, {})
    assert bytes(config.signing_key).hex() not in repr(config)
    assert "signing_key" not in repr(config)


def test_peers_change_while_the_overlay_runs(run: Runner) -> None:
    async def test() -> None:
        async with open_node(0, {1: None}) as first, open_node(1, {0: first.address}) as second:
            await until_connected(first, second)
            async with open_node(2, {0: first.address, 1: second.address}) as joining:
                await until(lambda: first.handlers.refused)
                first.overlay.set_peers({IDS[1]: None, IDS[2]: joining.address})
                second.overlay.set_peers({IDS[0]: first.address, IDS[2]: None})
                await until_connected(first, second, joining)
                first.overlay.set_peers({IDS[2]: None})
                await until(lambda: first.overlay.get_connected() == [IDS[2]])
                await until(lambda: IDS[0] not in second.overlay.get_connected())
                assert first.overlay.send(IDS[2], Lane.SCP, b"still here")
                await until(lambda: joining.handlers.get_payloads(IDS[0]) == [b"still here"])

    run(test())
