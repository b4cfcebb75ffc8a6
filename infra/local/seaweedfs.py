"""SeaweedFS for one deployment: an S3 server in one process, its identities, its buckets.

Every service is an identity of its own, with rights on its own buckets and, where its row says so,
to read those of others. The administrator is for `tokend up` alone. All ports are of 127.0.0.1, and
what SeaweedFS speaks within itself demands tokens that it signs for itself.
"""

import asyncio
import contextlib
import json
import os
import signal
import sysconfig
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from infra.local import ports, saved_buckets
from infra.local.errors import LocalError
from infra.local.folders import write_private
from infra.local.place import Place
from infra.local.rows import SERVERS, Check, Container, Report, Server, Service, Table
from infra.local.supervisor import Control

NAME = "s3"
ADMINISTRATOR = "administrator"
REGION = "us-east-1"
WEED = Path(sysconfig.get_path("scripts")) / "weed"

PORTS = {
    NAME: 8333,
    f"{NAME}.grpc": 18333,
    f"{NAME}.master": 9333,
    f"{NAME}.master-grpc": 19333,
    f"{NAME}.volume": 8080,
    f"{NAME}.volume-grpc": 18080,
    f"{NAME}.filer": 8888,
    f"{NAME}.filer-grpc": 18888,
}
MEMORY_MIB = 384
"""Above it the garbage collector works harder; at rest it holds 120 MiB. Less would keep it working
all the time: a tenth of a core at 200."""

# One machine: no replicas, no waiting for an election, nothing told to the outside.
OPTIONS = {
    "ip": "127.0.0.1",
    "ip.bind": "127.0.0.1",
    "master.electionTimeout": "300ms",
    "master.telemetry": "false",
    "master.volumeSizeLimitMB": "1024",
    "volume.max": "1000",
    "volume.minFreeSpace": "64MiB",
    "volume.preStopSeconds": "0",
    "filer": "true",
    "filer.disableDirListing": "true",
    "s3": "true",
    "s3.port.iceberg": "0",
    "s3.port.lance": "0",
    "s3.iam": "false",
    "s3.autoCreateBucket": "false",
    "s3.allowedOrigins": "",
}
PORT_OPTIONS = {
    "s3.port": NAME,
    "s3.port.grpc": f"{NAME}.grpc",
    "master.port": f"{NAME}.master",
    "master.port.grpc": f"{NAME}.master-grpc",
    "volume.port": f"{NAME}.volume",
    "volume.port.grpc": f"{NAME}.volume-grpc",
    "filer.port": f"{NAME}.filer",
    "filer.port.grpc": f"{NAME}.filer-grpc",
}
# A bucket begins as one volume (a file that grows), not as seven.
MASTER_SETTINGS = """\
[master.volume_growth]
copy_1 = 1
[master.maintenance]
scripts = ""
"""
CORS_RULE = {
    "AllowedOrigins": ["*"],  # the signature in the address decides, and no cookie is looked at
    "AllowedMethods": ["GET", "HEAD", "PUT"],
    "AllowedHeaders": ["content-type", "content-md5", "x-amz-checksum-sha256", "if-none-match"],
    "ExposeHeaders": ["etag"],
    "MaxAgeSeconds": 600,
}
INTERNAL_KEYS = ("signing", "signing.read", "filer_signing", "filer_signing.read")
SOCKETS = "/tmp/seaweedfs-{part}-{port}.sock"  # noqa: S108  # where it puts them, always


def get_bucket(service: str, name: str) -> str:
    """The bucket that the row of a service calls `name`. `service`: its name, or the one that it
    shares with the other instances of its kind, which then share the bucket too."""
    return f"{service}-{name}"


def encode_identities(place: Place, services: Sequence[Service]) -> str:
    """Who may do what, with the keys: a secret."""
    identities = [_encode_identity(place, ADMINISTRATOR, ["Admin"])]
    for service in services:
        own = [get_bucket(service.database_name, each) for each in service.uses.get(NAME, ())]
        read = service.reads_from.get(NAME, ())
        actions = [f"{action}:{bucket}" for action in ("Read", "List", "Write") for bucket in own]
        actions += [f"{action}:{bucket}" for action in ("Read", "List") for bucket in read]
        if actions:
            identities.append(_encode_identity(place, service.name, actions))
    return json.dumps({"identities": identities}, indent=1)


def _encode_identity(place: Place, user: str, actions: list[str]) -> dict[str, Any]:
    key = {"accessKey": user, "secretKey": place.get_secret(f"{NAME}.{user}")}
    return {"name": user, "credentials": [key], "actions": actions}


def encode_settings(place: Place, services: Sequence[Service]) -> dict[str, bytes]:
    """The content of its settings files, by name."""
    keys = [f'[jwt.{each}]\nkey = "{place.get_secret(f"{NAME}.{each}")}"' for each in INTERNAL_KEYS]
    return {
        "identities.json": encode_identities(place, services).encode(),
        "master.toml": MASTER_SETTINGS.encode(),
        "security.toml": ("\n".join(keys) + "\n").encode(),
    }


def get_command(
    weed: str, settings: str, data: str, ports_by_name: Mapping[str, int]
) -> tuple[str, ...]:
    """The server's command line. `settings`, `data`: its folders."""
    options = {
        "dir": data,
        **OPTIONS,
        **{option: str(ports_by_name[name]) for option, name in PORT_OPTIONS.items()},
        "s3.config": f"{settings}/identities.json",
        "s3.localSocket": SOCKETS.format(part="s3", port=ports_by_name[NAME]),
    }
    return (
        weed,
        "-logtostderr",
        f"-config_dir={settings}",
        "server",
        *(f"-{option}={value}" for option, value in options.items()),
    )


def make_client(place: Place) -> Any:
    """A client of the administrator's, for S3's own API."""
    import boto3
    from botocore.config import Config

    return boto3.client(
        "s3",
        endpoint_url=f"http://{place.get_address(NAME)}",
        region_name=REGION,
        aws_access_key_id=ADMINISTRATOR,
        aws_secret_access_key=place.get_secret(f"{NAME}.{ADMINISTRATOR}"),
        config=Config(
            connect_timeout=2,
            read_timeout=10,
            retries={"total_max_attempts": 1},
            s3={"addressing_style": "path"},
            proxies={},
        ),
    )


class SeaweedServer(Server):
    """The row of the S3 server. `services`: all that there are, whose identities it knows.
    `uploads`: buckets that pages of any origin reach by addresses that a service has signed.

    It is stopped by SIGKILL, which is its own tested way to go: asked to end, it waits for streams
    of its own parts that do not end. What it has acknowledged survives.
    """

    title = "SeaweedFS"
    stop_signal = "KILL"
    container = Container(
        compose={
            "image": "${TOKEND_IMAGE:-local/tokend}",
            "user": "${SERVICE_USER}:0",
            "entrypoint": [
                *get_command("weed", "/run/secrets", "/var/lib/seaweedfs", PORTS),
                "-s3.ip.bind=0.0.0.0",
            ],
            "stop_signal": "SIGKILL",
            "environment": {"GOMEMLIMIT": f"{MEMORY_MIB}MiB"},
        },
        secrets="/run/secrets",
        data="/var/lib/seaweedfs",
        published_port=PORTS[NAME],
    )

    def __init__(
        self, services: Sequence[Service], tier: str = SERVERS, uploads: Sequence[str] = ()
    ) -> None:
        super().__init__(NAME, tier)
        self._services = tuple(services)
        self._uploads = tuple(uploads)

    @property
    def ports(self) -> Mapping[str, int]:
        return PORTS

    async def prepare(self, place: Place, report: Report) -> tuple[str, ...]:
        if not WEED.exists():
            raise LocalError(f"there is no {WEED}: run `make setup`")
        settings, (data,) = place.folder.config / NAME, self.get_folders(place)
        for folder in (settings, data):
            folder.mkdir(mode=0o700, exist_ok=True)
        for name, content in encode_settings(place, self._services).items():
            write_private(settings / name, content)
        numbers = {name: place.get_port(name) for name in PORTS}
        _remove_sockets(numbers)
        command = get_command(str(WEED), str(settings), str(data), numbers)
        limit = f"GOMEMLIMIT={MEMORY_MIB}MiB"
        return ("setpriv", "--pdeathsig=KILL", "env", limit, *command)

    async def is_ready(self, place: Place) -> bool:
        if not await asyncio.to_thread(ports.is_open, place.get_address(NAME)):
            return False
        return await asyncio.to_thread(_answers, place)

    def provide(
        self, place: Place, table: Table, services: Sequence[Service], report: Report
    ) -> None:
        """The buckets of all services there are, as their rights name them."""
        client = make_client(place)
        known = {bucket["Name"] for bucket in client.list_buckets()["Buckets"]}
        for service in self._services:
            for name in service.uses.get(NAME, ()):
                bucket = get_bucket(service.database_name, name)
                if bucket not in known:
                    known.add(bucket)
                    client.create_bucket(Bucket=bucket)
        for bucket in self._uploads:
            client.put_bucket_cors(Bucket=bucket, CORSConfiguration={"CORSRules": [CORS_RULE]})
        client.close()

    def renew_settings(self, place: Place) -> None:
        """It reads identities again, of which there are more than at its start."""
        identities = encode_identities(place, self._services).encode()
        write_private(place.folder.config / NAME / "identities.json", identities)
        os.kill(Control(place).get_state(NAME).process_id, signal.SIGHUP)

    def get_folders(self, place: Place) -> tuple[Path, ...]:
        return (place.folder.root / NAME,)

    def describe(self, place: Place) -> Mapping[str, Any] | None:
        address = place.get_published(NAME)
        return None if address is None else {"url": f"http://{address}"}

    def back_up(self, place: Place, table: Table, folder: Path, report: Report) -> None:
        saved_buckets.download_buckets(make_client(place), folder, report)

    def restore(self, place: Place, table: Table, folder: Path, report: Report) -> None:
        saved_buckets.upload_buckets(make_client(place), folder, report)

    def destroy(self, place: Place, report: Report) -> None:
        _remove_sockets({name: place.state.ports.get(name, 0) for name in PORTS})

    def check_machine(self) -> tuple[Check, ...]:
        found = str(WEED) if WEED.exists() else "missing"
        return (Check(self.title, WEED.exists(), found, "run `make setup`"),)

    def get_container_files(self, place: Place) -> Mapping[str, bytes]:
        return encode_settings(place, self._services)


def _answers(place: Place) -> bool:
    """Whether S3 answers. Raises LocalError if it refuses our key."""
    from botocore.exceptions import BotoCoreError, ClientError

    client = make_client(place)
    try:
        client.list_buckets()
    except ClientError as error:
        if error.response["Error"]["Code"] in ("InvalidAccessKeyId", "SignatureDoesNotMatch"):
            raise LocalError(
                f"SeaweedFS refuses the key in {place.folder.secrets}: put the file back from a "
                "backup, or start afresh with `tokend destroy`"
            ) from None
        return False
    except BotoCoreError:
        return False
    finally:
        client.close()
    return True


def _remove_sockets(numbers: Mapping[str, int]) -> None:
    """What a killed server has left where it puts its sockets."""
    parts = {f"{part}-grpc": f"{NAME}.{part}-grpc" for part in ("filer", "master", "volume")}
    parts |= {"s3-grpc": f"{NAME}.grpc", "s3": NAME, "filer": f"{NAME}.filer"}
    for part, name in parts.items():
        socket = Path(SOCKETS.format(part=part, port=numbers[name]))
        with contextlib.suppress(FileNotFoundError, PermissionError):
            if socket.lstat().st_uid == os.geteuid():
                socket.unlink()
