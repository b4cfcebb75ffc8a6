"""KYC as people and administrators meet it: API, KeyChain, S3 and a Horizon gateway, all real.

Ledgers close at the time that it is, by a heart in the background and for every transaction.
"""

import contextlib
import os
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx2
import msgspec
import psycopg
import tomli_w
from confluent_kafka import Consumer, TopicPartition

from gateways.api.settings import ErasureSettings, HorizonSettings
from gateways.checker.settings import CheckSettings, GatewayAddress, HttpSettings, KycSettings
from gateways.client.horizon import HorizonClient
from gateways.client.keychain import KeyChainClient
from gateways.client.keys import get_address, get_seed
from gateways.client.kyc import KycClient
from gateways.client.papers import Handed, hand_in, make_request
from gateways.client.platform.apply import apply_platform
from gateways.client.platform.file import read_platform
from gateways.client.transactions import build_transaction, sign_transaction
from infra.local.kafka_admin import Topic
from infra.local.migrations import apply_all
from infra.local.ports import choose_port
from schemas.codec import unframe
from schemas.generated.common import AccessRule, Action, CustomResource, RequestResource
from schemas.generated.events import KycEvent
from schemas.settings import DatabaseSettings, Secret
from tests.gateways.api.support import Apis, run_apis
from tests.gateways.keychain.support import READER, KeyChains, run_keychains, tick
from tests.gateways.support import run_gateway, wait_until
from tests.processors.notificator.support import World
from tests.processors.support import Log
from tests.support.network import create_account, get_account, get_key
from tests.support.object_store import ObjectStore
from tests.support.servers import Servers

BEAT_S = 2.0
CHECKER = "checker"
TOKEN = "a token of tests"
# What `tokend run` does with this program's row of the table.
RUN = """
import os, pathlib, sys
from gateways.checker.main import main
from gateways.api.settings import ErasureSettings, HorizonSettings
from gateways.checker.settings import KycSettings
from schemas.settings import load_config
main(load_config(KycSettings, pathlib.Path(sys.argv[1]), os.environ))
"""
PLATFORM = """
[account_roles.verified]
rules = ["send-transactions", "receive-assets", "create-requests"]

[key_values]
"account_role:verified" = { account_role = "verified" }
"change_role_tasks:*:*" = 1024
"""
DOCUMENT, FORM = "kyc-document", "kyc-form"
CHECK, HUMAN = 1024, 32
SCHEMA = {
    "type": "object",
    "properties": {
        "first_name": {"type": "string", "maxLength": 100},
        "last_name": {"type": "string", "maxLength": 100},
        "birth_date": {"type": "string", "format": "date"},
    },
    "required": ["first_name", "last_name"],
    "additionalProperties": False,
}
PAPERS = {
    "photo_id_front": {
        "class": DOCUMENT,
        "media_types": ["image/png", "image/jpeg", "application/pdf"],
        "bytes_max": 30 * 1024 * 1024,
        "needs_scan": False,
    },
    "proof_of_address": {
        "class": DOCUMENT,
        "media_types": ["application/pdf"],
        "bytes_max": 30 * 1024 * 1024,
        "is_required": False,
        "needs_scan": True,
    },
}


@dataclass
class Kyc:
    """Everything that runs. People's keys are `get_key(name)`."""

    apis: Apis
    keychains: KeyChains
    object_store: ObjectStore
    topic: str
    role_id: int
    folder: Path
    ledgers_topic: str
    database_url: str

    def open(self, name: str, at: int = 0) -> KycClient:
        """API by the key of somebody."""
        return KycClient(self.apis.urls[at], get_key(name))

    def open_keychain(self, name: str, at: int = 0) -> KeyChainClient:
        return KeyChainClient(self.keychains.urls[at], get_key(name))

    def open_horizon(self, name: str) -> HorizonClient:
        return HorizonClient(self.apis.gateway.url, get_key(name))

    def add_person(self, name: str) -> str:
        """An account of its own; its address."""
        self.apis.miner.apply("master", create_account(name))
        return get_address(get_key(name))

    def query(self, sql: str, *values: Any) -> list[tuple[Any, ...]]:
        """Of the cases."""
        with psycopg.connect(self.database_url, autocommit=True) as connection:
            cursor = connection.execute(sql.encode(), values)
            return cursor.fetchall() if cursor.description else []

    def find_case(self, name: str) -> Any:
        """Attributes of the newest case of somebody, None: there is none yet."""
        path = f"/v1/accounts/{get_address(get_key(name))}/cases"
        found = self.apis.get(path, name)
        return found[0]["attributes"] if found else None

    def wait_for_case(self, name: str, **wanted: Any) -> Any:
        """Until the newest case of somebody has these attributes."""
        found: list[Any] = []

        def is_there() -> bool:
            found[:] = [self.find_case(name)]
            case = found[0]
            return case is not None and all(case[n] == value for n, value in wanted.items())

        try:
            wait_until(is_there, 180)
        except AssertionError:
            raise AssertionError(f"{name}: {found}, not {wanted}") from None
        return found[0]

    def wait_for_event(self, kind: str, account_id: bytes) -> None:
        """On the topic."""
        seen: list[KycEvent] = []
        settings = self.apis.gateway.servers.kafka.get_client_settings()
        consumer = Consumer({**settings, "group.id": self.topic, "enable.auto.commit": False})
        consumer.assign([TopicPartition(self.topic, 0, 0)])

        def is_there() -> bool:
            message = consumer.poll(0.5)
            if message is not None and message.error() is None:
                seen.append(unframe(KycEvent, message.value() or b""))
            return any((e.kind.name, bytes(e.account_id)) == (kind, account_id) for e in seen)

        try:
            wait_until(is_there, 30)
        finally:
            consumer.close()

    def get_process_settings(self, **changes: Any) -> KycSettings:
        """Of the process that projects and checks."""
        check = CheckSettings(
            seed=Secret(get_seed(get_key(CHECKER))),
            api=tuple(GatewayAddress(url=url) for url in self.apis.urls),
            keychains=tuple(GatewayAddress(url=url) for url in self.keychains.urls),
            horizons=(GatewayAddress(url=self.apis.gateway.url),),
        )
        check = msgspec.structs.replace(check, **changes)
        return KycSettings(
            name="kyc",
            kafka=self.apis.gateway.servers.kafka,
            genesis_file=str(self.apis.gateway.world.genesis_file),
            ledgers_topic=self.ledgers_topic,
            events_topic=self.topic,
            database=DatabaseSettings(url=Secret(self.database_url)),
            http=HttpSettings(listen=f"127.0.0.1:{choose_port([])}", token=Secret(TOKEN)),
            check=check,
        )

    @contextlib.contextmanager
    def run_process(self, **changes: Any) -> Iterator["Process"]:
        """The real process; `changes`: of the checker's settings."""
        process = Process(self.get_process_settings(**changes), self.folder)
        try:
            yield process
        finally:
            process.stop()

    def add_reviewer(self, name: str, *more: AccessRule) -> None:
        """A signer of the master account that reads, opens and reviews."""
        with self.apis.miner.lock:
            self.keychains.add_signer("master", name, *REVIEWER_RULES, *more)

    def hand_in(
        self,
        name: str,
        papers: dict[str, bytes],
        fields: dict[str, Any] | None = None,
        valid_until: str | None = None,
    ) -> Handed:
        """As a person does, with files of its own."""
        folder = self.folder / f"{name}-{len(list(self.folder.iterdir()))}"
        folder.mkdir()
        files = {}
        for slot, content in papers.items():
            files[slot] = folder / slot
            files[slot].write_bytes(content)
        given = fields or {"first_name": name, "last_name": "Example"}
        with self.open(name) as kyc, self.open_keychain(name) as keychain:
            return hand_in(
                kyc,
                keychain,
                get_address(get_key(name)),
                str(self.role_id),
                given,
                files,
                folder,
                valid_until,
            )

    def ask(self, name: str, handed: Handed, request_id: int = 0) -> dict[str, Any]:
        """The request on the ledger: attributes of its transaction."""
        return self.submit(name, make_request(get_account(name), handed, request_id))

    def submit(self, name: str, *bodies: Any, source: str | None = None) -> dict[str, Any]:
        """By Horizon, signed by one key."""
        with self.open_horizon(name) as horizon:
            now_ms = horizon.get_network_time_ms()
            network_id = self.apis.gateway.world.network.network_id
            transaction = build_transaction(network_id, get_account(source or name), bodies, now_ms)
            return dict(horizon.submit_until_final(sign_transaction(transaction, get_key(name))))


class Process:
    """`tokend run kyc`, and what it wrote to its log."""

    def __init__(self, settings: KycSettings, folder: Path) -> None:
        self.settings = settings
        name = f"process-{time.monotonic_ns()}"
        self.log_file, config = folder / f"{name}.log", folder / f"{name}.toml"
        plain = msgspec.to_builtins(settings, enc_hook=lambda secret: secret.reveal())
        config.write_bytes(tomli_w.dumps(drop_nothing(plain)).encode())
        config.chmod(0o600)
        with self.log_file.open("wb") as log:
            self.process = subprocess.Popen(
                [sys.executable, "-c", RUN, str(config)], stdout=log, stderr=log, env=os.environ
            )

    def get_status(self) -> Any:
        url = f"http://{self.settings.http.listen}/status"
        return httpx2.get(url, headers={"Authorization": f"Bearer {TOKEN}"}).json()

    def kill(self) -> None:
        self.process.kill()
        self.process.wait(10)

    def stop(self) -> None:
        if self.process.poll() is None:
            self.process.terminate()
            self.process.wait(30)


def drop_nothing(value: Any) -> Any:
    """TOML has no null."""
    if isinstance(value, dict):
        return {name: drop_nothing(each) for name, each in value.items() if each is not None}
    return [drop_nothing(each) for each in value] if isinstance(value, list | tuple) else value


def allow_custom(resource: str, action: str) -> AccessRule:
    return AccessRule(CustomResource(resource, action), Action.CUSTOM, forbids=False)


def allow_review(add: int | None, remove: int | None) -> AccessRule:
    """Reviewing changes of roles."""
    resource = RequestResource("change_role", None, None, add, remove, None)
    return AccessRule(resource, Action.REVIEW, forbids=False)


def allow_read(kind: str) -> AccessRule:
    resource = RequestResource(kind, None, None, None, None, None)
    return AccessRule(resource, Action.READ, forbids=False)


OPEN_RULES = (
    allow_custom(f"keychain:{DOCUMENT}", "open"),
    allow_custom(f"keychain:{FORM}", "open"),
)
REVIEWER_RULES = (
    allow_custom("api", "read-documents"),
    *OPEN_RULES,
    allow_read("change_role"),
    allow_review(None, None),
)

CHECKER_RULES = (
    allow_custom("api", "read-documents"),
    *OPEN_RULES,
    allow_review(HUMAN, CHECK),
)


class Heart:
    """Closes a ledger now and then, so that proofs are fresh, and publishes all that is closed."""

    def __init__(self, apis: Apis, log: Log) -> None:
        self._apis = apis
        self._log = log
        self._published = 0
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run)

    def __enter__(self) -> "Heart":
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stopping.set()
        self._thread.join(20)

    def _run(self) -> None:
        due = 0.0
        while not self._stopping.wait(0.1):
            with self._apis.miner.lock:
                if time.monotonic() > due:
                    tick(self._apis.gateway.world)
                    due = time.monotonic() + BEAT_S
                records = self._apis.gateway.world.network.records
                self._log.publish(*records[self._published :])
                self._published = len(records)


@contextlib.contextmanager
def run_kyc(
    servers: Servers, object_store: ObjectStore, notificator: World, folder: Path
) -> Iterator[Kyc]:
    topic = servers.get_prefix("kyc") + "kyc.events"
    servers.create_topics([Topic(topic, 1)])
    documents = object_store.create_bucket("documents")
    with contextlib.ExitStack() as stack:
        readers = (get_address(READER),)
        gateway = stack.enter_context(run_gateway(servers, folder, proof_readers=readers))
        tick(gateway.world)
        database_url = servers.create_database("kyc")
        apply_all(database_url, (Path("processors/kyc/migrations"),))
        machines = (get_address(get_key(CHECKER)),)
        keychains = stack.enter_context(run_keychains(gateway, folder, machines=machines))
        of_keychains = tuple(HorizonSettings(url=url) for url in keychains.urls)
        made = {
            "kyc_topic": topic,
            "cases": DatabaseSettings(url=Secret(database_url)),
            "erasure": ErasureSettings(keychains=of_keychains),
        }
        apis = stack.enter_context(run_apis(gateway, documents, notificator, folder, **made))
        log = Log(servers, servers.get_prefix("kyc") + "node1.ledgers")
        stack.enter_context(Heart(apis, log))
        role_id = arrange_role(apis)
        papers = folder / "papers"
        papers.mkdir()
        running = Kyc(
            apis, keychains, object_store, topic, role_id, papers, log.topic, database_url
        )
        with apis.miner.lock:
            keychains.add_signer("master", CHECKER, *CHECKER_RULES)
        yield running


def arrange_role(apis: Apis) -> int:
    """The role that people ask for, with its form and its tasks."""
    with HorizonClient(apis.gateway.url, get_key("master")) as horizon:
        apply_platform(horizon, get_key("master"), read_platform(PLATFORM))
        document = horizon.get("/v3/key-values/account_role:verified")
    role_id = int(document["data"]["attributes"]["value"])
    with KycClient(apis.urls[0], get_key("master")) as kyc:
        form = {"role_id": str(role_id), "schema": SCHEMA, "class": FORM, "documents": PAPERS}
        kyc.publish_form(form)
    return role_id
