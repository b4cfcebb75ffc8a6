"""The fixtures themselves: real, separate for each test, harmed by name, gone afterwards."""

import asyncio
import os
import subprocess
import sys
import time
from pathlib import Path

import psycopg
import pytest
from confluent_kafka import TIMESTAMP_LOG_APPEND_TIME, Consumer, Producer

from infra.local import processes
from infra.local.folders import PROJECT
from infra.local.kafka_admin import Topic
from infra.local.processes import wait_until
from schemas.settings import KafkaSettings
from tests.support.servers import Servers


def produce(kafka: KafkaSettings, topic: str, values: list[bytes]) -> None:
    producer = Producer({**kafka.get_client_settings(), "enable.idempotence": True, "log_level": 0})
    failed: list[object] = []
    for value in values:
        producer.produce(topic, value, on_delivery=lambda e, _: failed.append(e) if e else None)
    assert producer.flush(60) == 0
    assert failed == []


def consume(kafka: KafkaSettings, topic: str, count: int) -> list[bytes]:
    consumer = Consumer(
        {
            **kafka.get_client_settings(),
            "group.id": topic,
            "auto.offset.reset": "earliest",
            "log_level": 0,
        }
    )
    consumer.subscribe([topic])
    values: list[bytes] = []
    end = time.monotonic() + 60
    while len(values) < count and time.monotonic() < end:
        for message in consumer.consume(count - len(values), timeout=1.0):
            assert message.error() is None
            values.append(message.value() or b"")
    consumer.close()
    return values


def test_each_test_has_its_own_database(servers: Servers) -> None:
    first, second = servers.create_database("a"), servers.create_database("b")
    with psycopg.connect(first) as connection:
        connection.execute("CREATE TABLE t (x int)")
    with psycopg.connect(second) as connection:
        assert connection.execute("SELECT to_regclass('t')").fetchone() == (None,)
    owner_of_first_at_second = first.rpartition("/")[0] + "/" + second.rpartition("/")[2]
    with pytest.raises(psycopg.OperationalError, match="permission denied for database"):
        psycopg.connect(owner_of_first_at_second)
    user, _, rest = first.rpartition("@")
    wrong_password = user.rpartition(":")[0] + ":wrong@" + rest
    with pytest.raises(psycopg.OperationalError, match="password authentication failed"):
        psycopg.connect(wrong_password)


def test_each_test_has_its_own_topics(servers: Servers) -> None:
    prefix = servers.get_prefix()
    assert prefix != servers.get_prefix()
    servers.create_topics([Topic(prefix + "a", config={"retention.ms": "-1"})])
    servers.create_topics([Topic(prefix + "a"), Topic(prefix + "b", partitions=3)])
    large = os.urandom(8 * 1024 * 1024)
    producer = Producer(
        {
            **servers.kafka.get_client_settings(),
            "message.max.bytes": 16 * 1024 * 1024,
            "log_level": 0,
        }
    )
    producer.produce(prefix + "a", large)
    assert producer.flush(30) == 0
    assert consume(servers.kafka, prefix + "a", 1) == [large]


def test_the_broker_s_clock_decides_how_long_a_record_is_kept(servers: Servers) -> None:
    topic = servers.get_prefix() + "t"
    servers.create_topics([Topic(topic)])
    producer = Producer({**servers.kafka.get_client_settings(), "log_level": 0})
    producer.produce(topic, b"old", timestamp=1000)
    assert producer.flush(30) == 0
    group = {"group.id": topic, "auto.offset.reset": "earliest", "log_level": 0}
    consumer = Consumer({**servers.kafka.get_client_settings(), **group})
    consumer.subscribe([topic])
    message = consumer.poll(60)
    consumer.close()
    assert message is not None
    kind, time_ms = message.timestamp()
    assert kind == TIMESTAMP_LOG_APPEND_TIME
    assert abs(time_ms / 1000 - time.time()) < 120


def test_a_killed_broker_comes_back_with_its_data(own_servers: Servers) -> None:
    topic = own_servers.get_prefix() + "t"
    own_servers.create_topics([Topic(topic)])
    before = [b"%d" % i for i in range(1000)]
    produce(own_servers.kafka, topic, before)
    process_id = own_servers.get_process_id("kafka")
    own_servers.kill("kafka")
    own_servers.wait_until_ready()
    assert own_servers.get_process_id("kafka") not in (0, process_id)
    produce(own_servers.kafka, topic, [b"after"])
    assert consume(own_servers.kafka, topic, 1001) == [*before, b"after"]


def test_a_killed_database_comes_back_with_every_committed_row(own_servers: Servers) -> None:
    url = own_servers.create_database()
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute("CREATE TABLE t (x int)")
        for number in range(200):
            connection.execute("INSERT INTO t VALUES (%s)", (number,))
        own_servers.kill("postgres")
        with pytest.raises(psycopg.OperationalError):
            connection.execute("SELECT 1")
    own_servers.wait_until_ready()
    with psycopg.connect(url) as connection:
        assert connection.execute("SELECT count(*), sum(x) FROM t").fetchone() == (200, 19900)


def test_pause_resume_stop_and_start(own_servers: Servers) -> None:
    url = own_servers.create_database()
    own_servers.pause("postgres")
    with pytest.raises(psycopg.errors.ConnectionTimeout):
        psycopg.connect(url, connect_timeout=2)
    own_servers.resume("postgres")
    own_servers.wait_until_ready()
    own_servers.stop("postgres")
    assert not own_servers.are_ready()
    own_servers.start("postgres")
    own_servers.wait_until_ready()


SESSION = """
import os, signal
def test_uses_servers(servers):
    print("ROOT", servers.running.place.folder.root, flush=True)
    if {is_killed}:
        os.kill(os.getpid(), signal.SIGKILL)
"""


@pytest.mark.servers
@pytest.mark.parametrize("is_killed", [False, True])
def test_after_a_session_no_process_is_left(tmp_path: Path, is_killed: bool) -> None:
    (tmp_path / "conftest.py").write_text("from tests.conftest import servers\n")
    (tmp_path / "test_it.py").write_text(SESSION.format(is_killed=is_killed))
    command = [sys.executable, "-m", "pytest", "-q", "-s", "-p", "no:cacheprovider", str(tmp_path)]
    done = subprocess.run(command, cwd=PROJECT, capture_output=True, text=True, check=False)
    root = Path(done.stdout.partition("ROOT ")[2].partition("\n")[0])
    assert str(root).startswith("/tmp/tokend-test-"), done.stdout + done.stderr
    assert done.returncode == (-9 if is_killed else 0)
    assert wait_until(lambda: processes.find_processes(root) == [], 30)
    assert root.exists() == is_killed  # a killed session cannot tidy up its folder
    if is_killed:
        subprocess.run(["rm", "-rf", str(root)], check=True)


def test_asyncio_is_not_left_running() -> None:
    """The fixtures use event loops of their own, which must not leak into tests."""
    with pytest.raises(RuntimeError):
        asyncio.get_running_loop()
