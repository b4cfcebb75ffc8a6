"""A second S3 server (rclone), which has no conditional puts and loses metadata: enough for us.

It is killed while a history is written to it, and serves it afterwards.
"""

import secrets
import subprocess
import sysconfig
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import boto3
import pytest
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError

from infra.local.ports import choose_port
from infra.local.processes import wait_until
from schemas.settings import BucketSettings, Secret
from streams.archive.history import History
from streams.node import rejoin
from tests.streams.node.archiving import ArchivedNode

RCLONE = Path(sysconfig.get_path("scripts")) / "rclone"
SECRET = "second-" + secrets.token_hex(16)


class Rclone:
    """The server on a folder; it can be killed and started again."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.port = choose_port([])
        self.process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        address = f"127.0.0.1:{self.port}"
        options = ("--addr", address, "--auth-key", f"second,{SECRET}")
        self.process = subprocess.Popen(
            [str(RCLONE), "serve", "s3", *options, str(self.folder)],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            env={"HOME": str(self.folder.parent)},
        )
        assert wait_until(self._answers, 30)

    def kill(self) -> None:
        if self.process is not None:
            self.process.kill()
            self.process.wait()

    def _make_client(self) -> Any:
        return boto3.client(
            "s3",
            endpoint_url=f"http://127.0.0.1:{self.port}",
            region_name="us-east-1",
            aws_access_key_id="second",
            aws_secret_access_key=SECRET,
            config=Config(retries={"total_max_attempts": 1}, s3={"addressing_style": "path"}),
        )

    def _answers(self) -> bool:
        try:
            self._make_client().list_buckets()
        except (BotoCoreError, ClientError):
            return False
        return True

    def create_bucket(self) -> BucketSettings:
        name = f"history-{secrets.token_hex(4)}"
        self._make_client().create_bucket(Bucket=name)
        url = f"http://127.0.0.1:{self.port}"
        return BucketSettings(url=url, bucket=name, access_key="second", secret_key=Secret(SECRET))


@pytest.fixture
def rclone(tmp_path: Path) -> Iterator[Rclone]:
    folder = tmp_path / "objects"
    folder.mkdir()
    server = Rclone(folder)
    server.start()
    yield server
    server.kill()


def test_a_history_survives_the_kill_of_another_server(
    fault_round: int, make_node: Callable[[], ArchivedNode], rclone: Rclone
) -> None:
    node, comer = make_node(), make_node()
    node.bucket = rclone.create_bucket()
    node.close(63 + 64, transactions=5)

    def restart() -> None:
        rclone.kill()
        rclone.start()

    killing = threading.Timer(0.02 * (1 + fault_round), restart)
    killing.start()
    node.publish(snapshot_ledgers=50)
    killing.join()
    node.close(64)
    node.publish(snapshot_ledgers=10_000)
    archive = node.open_archive()
    found = list(archive.read_ledgers(1))
    assert [each.record for each in found] == node.network.records
    history = History([archive], comer.opened.position)
    installed = rejoin.install_snapshot(comer.store, history, 192)
    assert installed is not None
    ledger = rejoin.replay(comer.store, installed, history, 192)
    assert ledger.header_hash == node.network.ledger.header_hash
