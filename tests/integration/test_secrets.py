"""A whole deployment at work, in trouble and under attack: none of its secrets shows anywhere."""

import contextlib
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import httpx2
import psycopg
import pytest
from confluent_kafka import Producer

from infra.local import kafka, kafka_admin
from infra.local.network import CORES, PAIRS
from infra.local.place import Place
from infra.local.toml import encode_toml
from schemas.settings import Secret
from schemas.topics import INGEST_TOPIC
from tests.integration.conftest import NAMES
from tests.support.canary import Canaries, ProcessWatch, find_in_open_files
from tests.support.whole_deployment import WholeDeployment

TOKEND = str(Path(sys.executable).with_name("tokend"))
RUN_S, END_S = 4, 10
PROGRAMS = {
    "core1": "core",
    "horizon1": "horizon-processor",
    "gateway1": "horizon-gateway",
}
PATHS = (
    *("/", "/docs", "/openapi.json", "/health", "/ready", "/metrics", "/status", "/proof"),
    *("/v3/info", "/v3/ledgers", "/v3/accounts", "/v3/balances", "/v3/history", "/nowhere"),
)


def test_no_secret_shows_anywhere(
    whole_deployment: WholeDeployment, process_watch: ProcessWatch, tmp_path: Path
) -> None:
    place = whole_deployment.running.place
    root = place.folder.root
    canaries = Canaries.read(place.folder.secrets)
    with whole_deployment.under_load(NAMES, "core1", 20, 20):
        shown = [*ask_everything(place), *knock_at_doors(place)]
        with ThreadPoolExecutor() as pool:
            shown += pool.map(lambda service: run_badly(place, service, tmp_path), PROGRAMS)
        shown += [run_verbs(place)]
        for name in ("core2", "horizon1", "gateway1", "kafka", "postgres"):
            whole_deployment.kill(name)
        whole_deployment.wait_until_ready()
    whole_deployment.check()
    assert find_in_open_files(root, canaries) == {}
    shown += [file.read_bytes() for file in place.folder.logs.iterdir()]
    shown += [place.folder.endpoints_file.read_bytes(), place.folder.state_file.read_bytes()]
    shown += process_watch.seen
    assert len(canaries.forms) >= 30 * 6
    assert any(b"core1" in each for each in shown)
    found = {name for each in shown for name in canaries.find(each)}
    assert found == set()


def ask_everything(place: Place) -> Iterator[bytes]:
    """Every kind of page, with no key, a wrong one, and the right one."""
    tokens = {core: place.get_secret(f"{core}.token") for core in CORES}
    seed = place.get_secret("master.seed")
    urls = {core: place.get_url(f"{core}.http") for core in CORES}
    urls |= {pair: place.get_url(f"gateway{pair}.http") for pair in PAIRS}
    for name, url in urls.items():
        right = tokens.get(name, tokens["core1"])
        for token in ("wrong", right):
            headers = {"Authorization": f"Bearer {token}"}
            with httpx2.Client(base_url=url, headers=headers, timeout=20) as client:
                for path in PATHS:
                    answer = client.get(path)
                    yield answer.content + repr(answer.headers).encode()
    # Somebody pastes a secret where an address belongs.
    with httpx2.Client(base_url=urls["1"], timeout=20) as client:
        client.get(f"/v3/accounts/{seed}")
        client.get("/v3/history", params={"filter[account]": seed})
        client.post("/v3/transactions", content=seed.encode())


def knock_at_doors(place: Place) -> Iterator[bytes]:
    """Log-ins that must fail, with passwords that are right elsewhere."""
    for role, database in (("core1", "horizon1"), ("gateway1", "core1"), ("horizon1", "postgres")):
        with pytest.raises(psycopg.OperationalError) as refused:
            psycopg.connect(place.get_database_url(database, role))
        yield str(refused.value).encode()
    password = Secret(place.get_secret("kafka.core2"))
    login = place.get_kafka_login("users").get_client_settings()
    for settings in (
        {**login, "sasl.password": password.reveal()},
        {**kafka.get_administrator(place), "bootstrap.servers": place.get_address("kafka")},
        {**login, "sasl.username": place.get_secret("kafka.core3")},
    ):
        assert not kafka_admin.is_ready(settings, 2)
    producer = Producer({**login, "log_level": 0})
    producer.produce(INGEST_TOPIC, place.get_secret("core1.seed"))
    producer.flush(20)


def run_badly(place: Place, service: str, folder: Path) -> bytes:
    """The service with settings of every wrong kind, secrets among them; what it says."""
    good = place.get_settings_file(service).read_text()
    seed_file, token_file = (place.folder.secrets / f"core1.{kind}" for kind in ("seed", "token"))
    wrong = {
        "unknown key": 'sesame = "' + place.get_secret("kafka.core1") + '"\n' + good,
        "no TOML": good.replace("[kafka]", "[kafka"),
        "wrong type": good.replace("url =", 'url = 1 # "'),
        "wrong database": good.replace(f":{place.get_port('postgres')}/", ":1/"),
        "wrong password": good.replace("kafka.", "postgres."),
        "wrong files": good.replace(str(seed_file), "X").replace(str(token_file), str(seed_file)),
        "password as name": good.replace(
            f'user = "{service}"', encode_toml({"user": place.get_secret("kafka.core4")}).strip()
        ),
    }
    said = b""
    for name, text in wrong.items():
        file = folder / f"{service} {name}.toml"
        file.write_text(text)
        command = [TOKEND, "--debug", "run", PROGRAMS[service], "--config", str(file)]
        log = file.with_suffix(".log")
        with log.open("wb") as output:
            process = subprocess.Popen(
                command, stdout=output, stderr=output, start_new_session=True
            )
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(RUN_S)
        process.terminate()  # unless it has ended, it waits for what will not come
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(END_S)
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()
        said += log.read_bytes()
    return said


def run_verbs(place: Place) -> bytes:
    data = ("--data", str(place.folder.root))
    said = b""
    for verb in (
        ("status", *data),
        ("status", *data, "--json"),
        ("migrate", *data),
        ("doctor", *data),
        ("logs", "core1", *data),
        ("replay", "--verify", *data, "--json"),
        ("keys", "show", "--seed-file", str(place.folder.secrets / "master.seed")),
        ("keys", "show", "--seed-file", str(place.folder.secrets / "core1.token")),
        ("up", *data),
    ):
        done = subprocess.run([TOKEND, *verb], capture_output=True, check=False, timeout=60)
        said += done.stdout + done.stderr
    return said
