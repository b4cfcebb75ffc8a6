"""What is wrong with the deployment is told once, and again when it is over."""

import contextlib
import json
import socket
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from processors.notificator.alarms import Page, find_alarms
from tests.processors.notificator.support import World
from tests.support.sandbox import Sandbox

WELL = Page(200, {"sequence": 100})


def test_what_pages_mean() -> None:
    nodes = {
        "core1": WELL,
        "core2": Page(200, {"sequence": 50}),
        "core3": Page(None),
        "core4": WELL,
    }
    services = {"gateway1": Page(503, {"problem": "views are stale"}), "gateway2": Page(200)}
    found = find_alarms(nodes, services, 0, ["/data"])
    assert set(found) == {"core2:behind", "core3:silent", "gateway1:red", "disk:/data"}
    assert found["gateway1:red"] == "views are stale"


def test_what_a_healthy_node_has_trouble_with_is_told() -> None:
    page = Page(200, {"sequence": 100, "problems": ["archive: no answer (900 ledgers wait)"]})
    found = find_alarms({"core1": page, "core2": WELL}, {}, 0, [])
    assert found == {"core1:problems": "archive: no answer (900 ledgers wait)"}


def test_a_quorum_may_be_gone() -> None:
    ill = Page(503, {"sequence": 100, "problems": ["no ledger was closed for 20 s"]})
    nodes = {"core1": ill, "core2": ill, "core3": WELL, "core4": WELL}
    assert "network:no-quorum" in find_alarms(nodes, {}, 0, [])
    assert "network:no-quorum" not in find_alarms({**nodes, "core2": WELL}, {}, 0, [])
    assert find_alarms({}, {}, 0, []) == {}
    assert set(find_alarms({}, {}, 3, [])) == {"notificator:dead-letters"}


@contextlib.contextmanager
def run_page(port: int = 0) -> Iterator[tuple[int, dict[str, Any]]]:
    """A health page that says what the test wants."""
    state: dict[str, Any] = {"status": 200, "content": {"sequence": 1}}

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(state["status"])
            self.end_headers()
            self.wfile.write(json.dumps(state["content"]).encode())

        def log_message(self, format: str, *args: Any) -> None:  # noqa: A002
            return

    server = ThreadingHTTPServer(("127.0.0.1", port), Handler)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield server.server_address[1], state
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def test_two_instances_tell_one_alarm_without_kafka(world: World, sandbox: Sandbox) -> None:
    """Neither ledger progress nor Kafka is needed: nothing listens where it should be."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        nowhere = f"127.0.0.1:{taken.getsockname()[1]}"
    kafka = {"bootstrap_servers": nowhere, "user": "nobody", "password": "none"}
    with run_page() as (port, state):
        alarms = {
            "every_s": 0.3,
            "after_s": 1.0,
            "free_bytes_min": 0,
            "services": {
                "view": f"http://127.0.0.1:{port}/health",
                "view that is still to start": f"http://{nowhere}/health",
            },
        }
        changes: dict[str, Any] = {"kafka": kafka, "alarms": alarms, "receipts_topic": "none"}
        with world.run("first", **changes), world.run("second", **changes):
            state.update(status=503, content={"problem": "it is stale"})
            world.wait_until(lambda: len(sandbox.letters) >= 1)
            state.update(status=200, content={})
            world.wait_until(lambda: len(sandbox.letters) >= 2)
    told = [(x.fields["to"], x.fields["subject"]) for x in sandbox.letters]
    assert told == [
        ("operators@example.org", "Alarm: view: it is stale"),
        ("operators@example.org", "Over: view: it is stale"),
    ]
    rows = world.query("SELECT count(*) FROM notificator.messages WHERE type = 'alarm'")
    assert rows == [(2,)]
