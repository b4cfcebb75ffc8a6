"""The S3 server alone, for tests of what stores objects."""

import asyncio
import contextlib
import shutil
from collections.abc import Iterator, Sequence
from typing import Any

import boto3
from botocore.config import Config

from infra.local import launch, processes
from infra.local.place import Place
from infra.local.rows import SERVERS, Service, Table
from infra.local.seaweedfs import REGION, SeaweedServer
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
