"""The S3 server of a deployment: rights by identity, and what it has acknowledged survives."""

import asyncio
import signal
import subprocess
import time
from collections.abc import Callable, Collection, Iterator
from pathlib import Path
from typing import Any

import pytest
from botocore.exceptions import BotoCoreError, ClientError

from infra.local import launch, processes, seaweedfs, shutdown
from infra.local.place import Place
from infra.local.rows import SERVERS, Service, Table
from infra.local.seaweedfs import SeaweedServer, get_bucket
from tests.support.object_store import make_client, start_object_store
from tests.support.servers import make_folder

pytestmark = pytest.mark.servers


def get_no_settings(_: Place) -> dict[str, str]:
    return {}


ROWS = (
    Service("first", "core", "none", get_no_settings, uses={"s3": ("history", "papers")}),
    Service("second", "core", "none", get_no_settings, reads_from={"s3": ("first-history",)}),
)


@pytest.fixture(scope="module")
def running() -> Iterator[launch.RunningDeployment]:
    with start_object_store(ROWS) as started:
        yield started


def get_refusal(call: Callable[[], object]) -> str:
    with pytest.raises(ClientError) as refusal:
        call()
    return str(refusal.value.response["Error"]["Code"])


def test_an_identity_has_its_own_buckets_and_reads_what_its_row_says(
    running: launch.RunningDeployment,
) -> None:
    first, second = (make_client(running.place, name) for name in ("first", "second"))
    for bucket in ("first-history", "first-papers"):
        first.put_object(Bucket=bucket, Key="a", Body=b"one")
    assert second.get_object(Bucket="first-history", Key="a")["Body"].read() == b"one"
    assert second.list_objects_v2(Bucket="first-history")["KeyCount"] == 1
    denied: tuple[Callable[[], object], ...] = (
        lambda: second.put_object(Bucket="first-history", Key="a", Body=b"two"),
        lambda: second.delete_object(Bucket="first-history", Key="a"),
        lambda: second.get_object(Bucket="first-papers", Key="a"),
        lambda: second.list_objects_v2(Bucket="first-papers"),
        lambda: second.create_bucket(Bucket="second-own"),
        lambda: first.put_object(Bucket="none-there", Key="a", Body=b"two"),
        lambda: first.delete_bucket(Bucket="first-history"),
    )
    assert [get_refusal(call) for call in denied] == ["AccessDenied"] * len(denied)
    assert first.get_object(Bucket="first-history", Key="a")["Body"].read() == b"one"


def test_a_false_key_is_refused(running: launch.RunningDeployment) -> None:
    first = make_client(running.place, "first", secret="guessed")
    code = get_refusal(lambda: first.get_object(Bucket="first-history", Key="a"))
    assert code == "SignatureDoesNotMatch"
    nobody = make_client(running.place, "nobody", secret="guessed")
    code = get_refusal(lambda: nobody.get_object(Bucket="first-history", Key="a"))
    assert code == "InvalidAccessKeyId"


def test_it_listens_on_this_machine_alone(running: launch.RunningDeployment) -> None:
    process_id = running.control.get_state("s3").process_id
    listening = subprocess.run(["ss", "-Hltnp"], capture_output=True, text=True, check=True)
    own = [
        line.split()[3] for line in listening.stdout.splitlines() if f"pid={process_id}," in line
    ]
    expected = {running.place.get_address(name) for name in seaweedfs.PORTS}
    assert set(own) == expected


def test_what_it_has_acknowledged_survives_its_kill(running: launch.RunningDeployment) -> None:
    first = make_client(running.place, "first")
    for number in range(50):
        first.put_object(
            Bucket="first-history", Key=f"kept/{number:02}", Body=bytes([number]) * 999
        )
    process_id = running.control.get_state("s3").process_id
    processes.send_signal(process_id, signal.SIGKILL)
    kept = {f"kept/{number:02}": bytes([number]) * 999 for number in range(50)}
    assert processes.wait_until(lambda: read_all(first, kept) == kept, 60)


def read_all(client: Any, keys: Collection[str]) -> dict[str, bytes] | None:
    """None while the server does not answer: it starts in parts."""
    try:
        bodies = [client.get_object(Bucket="first-history", Key=key)["Body"] for key in keys]
        return {key: body.read() for key, body in zip(keys, bodies, strict=True)}
    except (BotoCoreError, ClientError):
        return None


def list_sockets() -> set[Path]:
    return set(Path("/tmp").glob("seaweedfs-*.sock"))


def test_a_stopped_deployment_goes_on_and_a_deleted_one_leaves_nothing() -> None:
    root, others = make_folder(), list_sockets()
    table = Table(tiers=(SERVERS,), profiles={SERVERS: (SERVERS,)}, servers=(SeaweedServer(ROWS),))
    lines: list[str] = []
    running = asyncio.run(launch.start_deployment(root, table, SERVERS, lines.append))
    bucket = get_bucket("first", "history")
    make_client(running.place, "first").put_object(Bucket=bucket, Key="a", Body=b"one")
    running.stop(lines.append)
    running = asyncio.run(launch.start_deployment(root, table, SERVERS, lines.append))
    found = make_client(running.place, "first").get_object(Bucket=bucket, Key="a")
    assert found["Body"].read() == b"one"
    numbers = [running.place.get_port(name) for name in seaweedfs.PORTS]
    running.stop(lines.append)
    began = time.time()
    shutdown.destroy_deployment(shutdown.open_deployment(root), table.servers, lines.append)
    # What is older or younger is of another deployment, which has had or taken a port.
    left = [each for each in list_sockets() - others if each.stat().st_mtime < began]
    assert not {int(file.stem.rpartition("-")[2]) for file in left}.intersection(numbers)
