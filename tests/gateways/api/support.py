"""API as its users meet it: instances that share a database, a real Horizon gateway, real ledgers.

A miner closes a ledger of every transaction that comes to the gateway's topic, as core nodes would.
"""

import base64
import contextlib
import secrets
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx2
import msgspec
import psycopg
from confluent_kafka import Consumer
from nacl.signing import SigningKey

from gateways.api.access import RESOURCE
from gateways.api.main import make_app
from gateways.api.settings import (
    ApiGatewaySettings,
    ApiLimits,
    HorizonSettings,
    NotificatorSettings,
    PrivateSettings,
)
from gateways.client.keys import get_address, get_seed
from gateways.client.request_signing import RequestSigner
from gateways.http.settings import CorsSettings
from gateways.identity.emails import compute_email_hash, normalise_email
from gateways.identity.statements import RegistrationStatement, make_statement
from gateways.ingest import FRAME
from gateways.sealing.file import make_content
from gateways.sealing.keks import KeyEncryptionKeys
from gateways.sealing.settings import KekSettings, open_keks
from infra.local.api import PROGRAM
from infra.local.migrations import apply_all
from infra.local.ports import choose_port
from infra.local.registrar import arrange_registrar
from schemas.generated.common import AccessRule, Action, CustomResource, SignerData
from schemas.generated.operations import (
    CreateSigner,
    CreateSignerRole,
    CreateSignerRule,
    ManageSigner,
    ManageSignerRole,
    ManageSignerRule,
)
from schemas.settings import BucketSettings, DatabaseSettings, Secret
from tests.gateways.support import MANY, Gateway, serve, wait_until
from tests.processors.notificator.support import Instance, World
from tests.support.network import get_key, get_public_key
from tests.support.sandbox import Sandbox
from tests.support.servers import Servers

TOKEN, PAYOUT_TOKEN = "a token of tests", "another token"
SENDER = "Tokend <noreply@example.org>"
CALLED = "bank:tests"
"""A payment gateway whose webhooks are taken."""
STATEMENT_KEY = get_key("keyserver")
REGISTRAR = get_key("registrar")


class Miner:
    """Closes a ledger of each transaction that is submitted. `lock` is held meanwhile."""

    def __init__(self, gateway: Gateway) -> None:
        self._world = gateway.world
        self.lock = threading.RLock()
        self._stopping = threading.Event()
        self._assigned = threading.Event()
        self._consumer = Consumer(
            {
                **gateway.servers.kafka.get_client_settings(),
                "group.id": gateway.servers.get_prefix("miner"),
                "auto.offset.reset": "earliest",
            }
        )
        self._consumer.subscribe([gateway.topic], on_assign=lambda *_: self._assigned.set())
        self._thread = threading.Thread(target=self._run)

    def __enter__(self) -> "Miner":
        self._thread.start()
        wait_until(self._assigned.is_set)
        return self

    def __exit__(self, *_: object) -> None:
        self._stopping.set()
        self._thread.join(20)
        self._consumer.close()

    def _run(self) -> None:
        while not self._stopping.is_set():
            message = self._consumer.poll(0.05)
            if message is None or message.error() is not None:
                continue
            value = message.value() or b""
            with self.lock:
                candidate = self._world.network.admit(value.removeprefix(FRAME))
                if self._world.network.is_member(candidate):
                    self._world.close(candidate)

    def apply(self, source: str, *bodies: Any) -> Any:
        with self.lock:
            return self._world.apply(source, *bodies)


@dataclass
class Apis:
    """Running instances. `names`: of people whose keys are `get_key(name)`."""

    gateway: Gateway
    miner: Miner
    urls: list[str]
    database_url: str
    keks: KeyEncryptionKeys
    private_urls: list[str]
    sandbox: Sandbox
    documents: BucketSettings
    notificator: World
    instance: Instance
    kek: KekSettings
    http: httpx2.Client = field(default_factory=lambda: httpx2.Client(timeout=40))

    def send(
        self, method: str, path: str, signer: str | None = None, content: Any = None, at: int = 0
    ) -> httpx2.Response:
        """By the instance `at`, signed by the key of `signer`."""
        auth = None if signer is None else RequestSigner(get_key(signer))
        headers = {"content-type": "application/json"}
        body = b"" if content is None else msgspec.json.encode(content)
        kind = {} if content is None else headers
        return self.http.request(
            method, self.urls[at] + path, auth=auth, content=body, headers=kind
        )

    def get(self, path: str, signer: str) -> Any:
        """The data of a good answer."""
        answer = self.send("GET", path, signer)
        assert answer.status_code == 200, answer.text
        return answer.json()["data"]

    def register(self, name: str, email: str | None = None, at: int = 0) -> httpx2.Response:
        content = make_registration(self.gateway, name, email or f"{name}@example.org")
        return self.send("POST", "/v1/registrations", None, content, at)

    def query(self, sql: str, *values: Any) -> list[tuple[Any, ...]]:
        with psycopg.connect(self.database_url, autocommit=True) as connection:
            cursor = connection.execute(sql.encode(), values)
            return cursor.fetchall() if cursor.description else []

    def wait_for_letter(self, to: str) -> str:
        """The text of the newest message that a provider took for an address."""

        def find() -> list[str]:
            with self.sandbox.lock:
                letters = list(self.sandbox.letters)
            fields = [each.fields for each in letters if to in each.fields.get("to", "")]
            texts = [each["text"] for each in fields]
            return texts + [each.fields["Body"] for each in letters if each.fields.get("To") == to]

        wait_until(find)
        return find()[-1]


def make_registration(
    gateway: Gateway,
    name: str,
    email: str,
    signer: str | None = None,
    issued_at_ms: int | None = None,
    key: SigningKey = STATEMENT_KEY,
    *,
    factor: bool = False,
) -> dict[str, Any]:
    """A body of POST /v1/registrations. `name`: whose account; `signer`: by default its own key."""
    statement = RegistrationStatement(
        1,
        compute_email_hash(normalise_email(email)).hex(),
        get_address(get_key(name)),
        get_address(get_key(signer or f"{name}'s phone")),
        issued_at_ms or get_now_ms(),
        factor,
    )
    body, signature = make_statement(key, gateway.world.network.network_id, statement)
    return {
        "statement": base64.b64encode(body).decode(),
        "signature": base64.b64encode(signature).decode(),
        "email": email,
    }


def get_now_ms() -> int:

    return time.time_ns() // 1_000_000


def add_administrator(apis: Apis, name: str, *actions: str) -> None:
    """A signer of the master account whose role allows these custom actions of API."""
    state = apis.gateway.world.network.ledger.state
    counters = state.get_access_counters()
    rule_ids = []
    for number, action in enumerate(actions, counters.signer_rule + 1):
        rule = AccessRule(CustomResource(RESOURCE, action), Action.CUSTOM, forbids=False)
        word = f"{name}-{number}"
        apis.miner.apply(
            "master",
            ManageSignerRule(
                CreateSignerRule(word, rule, b"", is_default=False, is_read_only=False)
            ),
        )
        rule_ids.append(number)
    role = CreateSignerRole(name, tuple(rule_ids), b"", None, is_read_only=False)
    apis.miner.apply("master", ManageSignerRole(role))
    role_id = counters.signer_role + 1
    data = SignerData(get_public_key(name), role_id, 1000, 100 + role_id, b"")
    apis.miner.apply("master", ManageSigner(CreateSigner(data)))


@contextlib.contextmanager
def run_apis(
    gateway: Gateway, documents: BucketSettings, notificator: World, folder: Path, **changes: Any
) -> Iterator[Apis]:
    """Two instances on one database, on a network that is prepared for them, with a Notificator
    that asks them for addresses."""
    servers: Servers = gateway.servers
    database_url = servers.create_database("api")
    apply_all(database_url, PROGRAM.migrations)
    kek = make_kek(folder)
    ports = [choose_port([])]
    while len(ports) < 4:
        ports.append(choose_port(ports))
    private_urls = [f"http://127.0.0.1:{port}" for port in ports[2:]]
    with contextlib.ExitStack() as stack:
        miner = stack.enter_context(Miner(gateway))
        lines: list[str] = []
        arrange_registrar(gateway.url, get_key("master"), get_address(REGISTRAR), lines.append)
        addresses = {"urls": private_urls, "token": TOKEN}
        page = f"http://127.0.0.1:{ports[0]}/v1/unsubscribe"
        email = {"sender": SENDER, "providers": ["mailgun"], "unsubscribe_url": page}
        instance = stack.enter_context(notificator.run(api=addresses, email=email))
        shared: dict[str, Any] = {
            "store": DatabaseSettings(url=Secret(database_url)),
            "kek": kek,
            "documents": documents,
            "kafka": servers.kafka,
            "notificators": NotificatorSettings(urls=(instance.url,), token=Secret(TOKEN)),
            "notifications_topic": notificator.intake,
            **changes,
        }
        urls = []
        for port, private in zip(ports[:2], private_urls, strict=True):
            made = make_settings(gateway, port, private.removeprefix("http://"), **shared)
            urls.append(stack.enter_context(serve(make_app(made), port, made.limits)))
        keks, of_messages = open_keks(kek), (notificator, instance)
        seen = (private_urls, notificator.sandbox, documents)
        apis = Apis(gateway, miner, urls, database_url, keks, *seen, *of_messages, kek)
        stack.enter_context(apis.http)
        for url in urls:
            wait_until(lambda at=url: apis.http.get(f"{at}/ready").status_code == 200)
        yield apis


def make_kek(folder: Path) -> KekSettings:
    file = folder / f"kek-{secrets.token_hex(4)}.json"
    file.write_bytes(make_content())
    file.chmod(0o600)
    return KekSettings(name="api", path=file)


def make_settings(gateway: Gateway, port: int, private: str, **more: Any) -> ApiGatewaySettings:
    """Of an instance on these ports."""
    fields: dict[str, Any] = {
        "name": f"api{port}",
        "port": port,
        "public_url": f"http://127.0.0.1:{port}",
        "genesis_file": str(gateway.world.genesis_file),
        "horizon": (HorizonSettings(url=gateway.url),),
        "registrar_seed": Secret(get_seed(REGISTRAR)),
        "callbacks": (CALLED,),
        "statement_keys": (bytes(STATEMENT_KEY.verify_key).hex(),),
        "private": PrivateSettings(
            listen=private, token=Secret(TOKEN), payout_token=Secret(PAYOUT_TOKEN)
        ),
        "limits": ApiLimits(reads=MANY, writes=MANY, registrations=MANY),
        "cors": CorsSettings(origins=("*",)),
        **more,
    }
    return ApiGatewaySettings(**fields)
