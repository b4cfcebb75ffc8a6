"""The S3 server alone, for tests of what stores objects."""

import asyncio
import contextlib
import secrets
import shutil
import signal
from collections.abc import Iterator, Sequence
from typing import Any

import boto3
import pytest
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError

from infra.local import launch, processes
from infra.local.place import Place
from infra.local.rows import SERVERS, Service, Table
from infra.local.seaweedfs import ADMINISTRATOR, REGION, SeaweedServer
from schemas.settings import BucketSettings, Secret
from tests.support.servers import make_folder


def make_client(place: Place, user: str, secret: str | None = None) -> Any:
    """S3 as `user` sees it."""
    return boto3.client(
        "s3",
        endpoint_url=f"http://{place.get_address('s3')}",
        region_name=REGION,
        aws_access_key_id=user,
        aws_secret_access_key=secret or place.get_secret(f"s3.{user}"),
        config=Config(
            connect_timeout=2,
            read_timeout=10,
            retries={"total_max_attempts": 1},
            s3={"addressing_style": "path"},
        ),
    )


@contextlib.contextmanager
def start_object_store(services: Sequence[Service]) -> Iterator[launch.RunningDeployment]:
    """A server that knows the identities of `services`; nothing is left of it afterwards."""
    root = make_folder()
    lines: list[str] = []
    server = SeaweedServer(services)
    table = Table(tiers=(SERVERS,), profiles={SERVERS: (SERVERS,)}, servers=(server,))
    try:
        running = asyncio.run(launch.start_deployment(root, table, SERVERS, lines.append))
        try:
            yield running
        finally:
            running.stop(lines.append)
            server.destroy(running.place, lines.append)
        assert processes.find_processes(root) == []
    finally:
        shutil.rmtree(root, ignore_errors=True)


class ObjectStore:
    """An S3 server in which every test makes buckets of its own."""

    def __init__(self, running: launch.RunningDeployment) -> None:
        self.running = running
        self.client = make_client(running.place, ADMINISTRATOR)

    def create_bucket(self, purpose: str = "test") -> BucketSettings:
        name = f"{purpose}-{secrets.token_hex(4)}"
        self.client.create_bucket(Bucket=name)
        place = self.running.place
        return BucketSettings(
            url=f"http://{place.get_address('s3')}",
            bucket=name,
            access_key=ADMINISTRATOR,
            secret_key=Secret(place.get_secret(f"s3.{ADMINISTRATOR}")),
        )

    def list_keys(self, bucket: BucketSettings, prefix: str = "") -> list[str]:
        found = self.client.list_objects_v2(Bucket=bucket.bucket, Prefix=prefix)
        return [each["Key"] for each in found.get("Contents", ())]

    def stop(self) -> None:
        """The server is away until `start`."""
        self.running.control.stop("s3")

    def start(self) -> None:
        """Returns when it answers."""
        self.running.control.start("s3")
        assert processes.wait_until(self._answers, 60)

    def _answers(self) -> bool:
        try:
            self.client.list_buckets()
        except (BotoCoreError, ClientError):
            return False
        return True

    def kill(self) -> None:
        """kill -9; it is started again."""
        processes.send_signal(self.running.control.get_state("s3").process_id, signal.SIGKILL)


@pytest.fixture(scope="session")
def object_store() -> Iterator[ObjectStore]:
    """An S3 server for the session. A test that stops it starts it again."""
    with start_object_store(()) as running:
        yield ObjectStore(running)
