"""Health follows progress; logs and metrics have no personal data."""

import json
import os
import subprocess
import sys
import time
from pathlib import Path

import httpx2
import pytest

from gateways.horizon import progress
from gateways.horizon.database import Database
from gateways.horizon.metrics import HorizonMetrics
from gateways.horizon.progress import ProgressWatch
from gateways.http.listener import Channel
from infra.local.ports import choose_port
from schemas.strkey import encode_account_id
from tests.gateways.support import TOKEN, Gateway, run_gateway, wait_until
from tests.support.network import get_account, pay
from tests.support.servers import Servers


def test_a_stall_is_three_heartbeats() -> None:
    for heartbeat, stall in ((5.0, 15.0), (60.0, 180.0), (0.5, 5.0)):
        watch = ProgressWatch(Database("", ""), Channel(), HorizonMetrics(), heartbeat)
        assert watch.stall_seconds == stall


def test_a_stalled_view_is_red(
    servers: Servers, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(progress, "STALL_HEARTBEATS", 0)
    monkeypatch.setattr(progress, "STALL_SECONDS_MIN", 1.5)
    with run_gateway(servers, tmp_path) as gateway:
        check_health(gateway)


def check_health(gateway: Gateway) -> None:
    world = gateway.world
    world.apply("alice", pay(world.network, "alice", "bob", "EUR", 1))
    wait_until(lambda: gateway.client.get("/health").status_code == 200)
    wait_until(lambda: gateway.client.get("/health").status_code == 503)
    answer = gateway.client.get("/health").json()
    assert answer["status"] == "red"
    assert answer["stalled_seconds"] >= 1.5
    assert answer["problem"] is not None
    assert gateway.client.get("/ready").status_code == 200
    world.apply("alice", pay(world.network, "alice", "bob", "EUR", 1))
    wait_until(lambda: gateway.client.get("/health").status_code == 200)
    assert gateway.get("/health")["latest_ledger"] == str(world.network.ledger.header.sequence)


def test_the_service_runs_alone_and_its_logs_have_no_personal_data(
    gateway: Gateway, tmp_path: Path
) -> None:
    port = choose_port([])
    config, token = tmp_path / "gateway.toml", tmp_path / "token"
    token.write_text(TOKEN)
    kafka, password = gateway.servers.kafka, tmp_path / "password"
    password.write_text(kafka.password.reveal())
    config.write_text(
        f'port = {port}\npublic_url = "http://127.0.0.1:{port}"\n'
        f'genesis_file = "{gateway.world.genesis_file}"\n'
        f'[kafka]\nbootstrap_servers = "{kafka.bootstrap_servers}"\n'
        f'user = "{kafka.user}"\npassword_file = "{password}"\n'
        f'[core]\nurl = "http://127.0.0.1:1"\ntoken_file = "{token}"\n'
    )
    program = str(Path(sys.executable).with_name("tokend"))
    clean = {name: v for name, v in os.environ.items() if not name.startswith("TOKEND_")}
    process = subprocess.Popen(
        [program, "run", "horizon-gateway", "--config", str(config)],
        env={
            **clean,
            "TOKEND_DATABASE__URL": gateway.world.database_url,
            "TOKEND_STORE__URL": gateway.store_url,
        },
        stderr=subprocess.PIPE,
        text=True,
    )
    url, address = f"http://127.0.0.1:{port}", encode_account_id(get_account("alice"))
    try:
        wait_until(lambda: _answers(gateway, f"{url}/ready"))
        info = gateway.get(f"{url}/v3/info")["data"]["attributes"]
        assert info["core"] is None
        assert info["core_problem"] is not None
        gateway.get(f"{url}/v3/history", {"filter[account]": address})
        assert gateway.client.get(f"{url}/v3/accounts/{address}x").status_code == 400
        proof = gateway.client.get(f"{url}/v3/balances/{'B' * 56}/proof")
        assert proof.status_code == 400
        metrics = gateway.client.get(f"{url}/metrics").text
    finally:
        process.terminate()
        started = time.monotonic()
        _, log = process.communicate(timeout=20)
    assert process.returncode in (0, -15)
    assert time.monotonic() - started < 10
    login = gateway.world.database_url.partition("//")[2].partition("@")[0]
    for secret in (address, TOKEN, login.partition(":")[2], kafka.password.reveal()):
        assert secret not in log
        assert secret not in metrics
    lines = [json.loads(line) for line in log.splitlines()]
    assert {"/v3/history", "/v3/accounts/{id}"} <= {line.get("route") for line in lines}


def _answers(gateway: Gateway, url: str) -> bool:
    try:
        return gateway.client.get(url).status_code == 200
    except httpx2.TransportError:
        return False
