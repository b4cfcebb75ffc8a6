"""Prepares Kafka's quick start: `python -m infra.local.kafka_archive`, once per clone, by make.

A broker runs once in a temporary folder while the JVM writes down the classes it loaded, linked
(the AOT cache of JEP 514). With it the broker starts in about half the time. Everything works
without it, so a failure is only reported.
"""

import asyncio
import signal
import sys
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from infra.local import kafka, kafka_admin
from infra.local.commands import DIES_WITH_PARENT
from infra.local.errors import LocalError
from infra.local.folders import KAFKA_ARCHIVE, DataFolder
from infra.local.place import Place
from infra.local.rows import USERS
from schemas.settings import KafkaSettings
from schemas.topics import INGEST_TOPIC, Grant, Operation, Resource

READY_S = 120.0
WRITE_S = 300.0


async def make_archive() -> None:
    with tempfile.TemporaryDirectory(prefix="tokend-") as name:
        folder = DataFolder(Path(name))
        folder.make(is_shared=False)
        place = Place(folder)
        KAFKA_ARCHIVE.unlink(missing_ok=True)
        await kafka.make_storage(place)
        new = KAFKA_ARCHIVE.with_suffix(".new")
        with (folder.logs / "kafka.log").open("wb") as log:
            process = await asyncio.create_subprocess_exec(
                *DIES_WITH_PARENT,
                *kafka.get_jvm_command(f"-XX:AOTCacheOutput={new}"),
                "kafka.Kafka",
                str(kafka.get_settings_file(place)),
                stdout=log,
                stderr=log,
                start_new_session=True,
            )
            try:
                await _train(place)
            finally:
                if process.returncode is None:
                    process.send_signal(signal.SIGTERM)
                await asyncio.wait_for(process.wait(), WRITE_S)
        if not new.exists():
            raise LocalError("the JVM wrote no archive")
        new.rename(KAFKA_ARCHIVE)


async def _train(place: Place) -> None:
    """Has the broker do its later work, so that the classes for it are loaded."""
    administrator, login = kafka.get_administrator(place), place.get_kafka_login(USERS)
    async with asyncio.timeout(READY_S):
        while not await asyncio.to_thread(kafka_admin.is_ready, administrator, 1.0):
            await asyncio.sleep(0.1)
    await asyncio.to_thread(_prepare, administrator, login)
    await asyncio.to_thread(_produce_and_consume, login)


def _prepare(administrator: Mapping[str, Any], login: KafkaSettings) -> None:
    kafka_admin.create_topics(administrator, [kafka_admin.Topic(INGEST_TOPIC)])
    granted = (
        (Resource.TOPIC, INGEST_TOPIC, Operation.WRITE),
        (Resource.TOPIC, INGEST_TOPIC, Operation.READ),
        (Resource.GROUPS, f"{USERS}.", Operation.READ),
    )
    kafka_admin.set_grants(administrator, [USERS], [Grant(USERS, *each) for each in granted])
    kafka_admin.set_passwords(administrator, [login])


def _produce_and_consume(login: KafkaSettings) -> None:
    from confluent_kafka import Consumer, Producer

    client = {**login.get_client_settings(), "log_level": 0}
    producer = Producer({**client, "enable.idempotence": True})
    producer.produce(INGEST_TOPIC, b"value", b"key")
    producer.flush(30)
    group = {"group.id": f"{USERS}.training", "auto.offset.reset": "earliest"}
    consumer = Consumer({**client, **group})
    consumer.subscribe([INGEST_TOPIC])
    consumer.poll(30)
    consumer.close()


def main() -> int:
    try:
        asyncio.run(make_archive())
    except (LocalError, TimeoutError, OSError) as error:
        sys.stderr.write(f"tokend: Kafka will start more slowly: {error or 'no archive in time'}\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
