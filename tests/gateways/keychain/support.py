"""KeyChains as their users meet them: two on one database, behind a real Horizon gateway whose core
node proves what real ledgers hold. Ledgers are closed at the time that it is.
"""

import contextlib
import secrets
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx2
import msgspec
import psycopg
from nacl.public import PrivateKey, SealedBox

from gateways.client.keys import get_address, get_seed
from gateways.client.request_signing import RequestSigner
from gateways.keychain.main import make_app
from gateways.keychain.settings import (
    ApartSettings,
    HorizonSettings,
    KeyChainLimits,
    KeyChainSettings,
)
from gateways.sealing.file import make_content
from gateways.sealing.settings import KekSettings
from infra.local.keychain import PROGRAM
from infra.local.migrations import apply_all
from infra.local.ports import choose_port
from schemas.generated.common import AccessRule, Action, CustomResource, SignerData
from schemas.generated.operations import (
    CreateSigner,
    CreateSignerRole,
    CreateSignerRule,
    ManageSigner,
    ManageSignerRole,
    ManageSignerRule,
    RemoveSigner,
)
from schemas.settings import DatabaseSettings, Secret
from streams.ledger.close import ClosedLedger
from tests.gateways.support import MANY, Gateway, World, serve, wait_until
from tests.support.network import get_key, get_public_key

READER = get_key("keychain's reader")
BULK, KEYS_MAX = 3, 40
FRESH_MS = 2_000


def now_ms() -> int:
    return time.time_ns() // 1_000_000


def tick(world: World, *candidates: Any, upgrades: tuple[bytes, ...] = ()) -> ClosedLedger:
    """A ledger that closes now."""
    interval_ms = max(1, now_ms() - world.network.ledger.header.close_time_ms)
    closed = world.network.close(*candidates, interval_ms=interval_ms, upgrades=upgrades)
    world.show(closed)
    return closed


def freshen(world: World) -> None:
    """Proofs are of a ledger that closed just now."""
    if now_ms() - world.network.ledger.header.close_time_ms > FRESH_MS:
        tick(world)


def apply(world: World, source: str, *bodies: Any) -> ClosedLedger:
    freshen(world)
    return tick(world, world.network.prepare(source, *bodies))


@dataclass
class KeyChains:
    """Running instances. People's keys are `get_key(name)`."""

    gateway: Gateway
    urls: list[str]
    database_url: str
    settings: KeyChainSettings
    http: httpx2.Client = field(default_factory=lambda: httpx2.Client(timeout=40))

    @property
    def world(self) -> World:
        return self.gateway.world

    def send(
        self, method: str, path: str, signer: str | None, content: Any = None, at: int = 0
    ) -> httpx2.Response:
        """By the instance `at`, signed by the key of `signer`, at a ledger that closed just now."""
        freshen(self.world)
        return self.send_now(method, path, signer, content, at)

    def send_now(
        self, method: str, path: str, signer: str | None, content: Any = None, at: int = 0
    ) -> httpx2.Response:
        auth = None if signer is None else RequestSigner(get_key(signer))
        body = b"" if content is None else msgspec.json.encode(content)
        headers = {} if content is None else {"content-type": "application/json"}
        url = self.urls[at] + path
        return self.http.request(method, url, auth=auth, content=body, headers=headers)

    def create(self, owner: str, subject: str, class_: str = "passport") -> Any:
        content = {"owner": get_address(get_key(owner)), "class": class_, "subject": subject}
        answer = self.send("POST", "/v1/keys", owner, content)
        assert answer.status_code == 201, answer.text
        return answer.json()

    def release(self, key_id: str, signer: str, at: int = 0) -> tuple[int, bytes]:
        """The status, and the private key that was given."""
        recipient = PrivateKey.generate()
        content = {"recipient": bytes(recipient.public_key).hex()}
        answer = self.send("POST", f"/v1/keys/{key_id}/release", signer, content, at)
        if answer.status_code != 200:
            return answer.status_code, b""
        sealed = bytes.fromhex(answer.json()["sealed"])
        return 200, SealedBox(recipient).decrypt(sealed)

    def query(self, sql: str, *values: Any) -> list[tuple[Any, ...]]:
        with psycopg.connect(self.database_url, autocommit=True) as connection:
            cursor = connection.execute(sql.encode(), values)
            return cursor.fetchall() if cursor.description else []

    def add_signer(self, account: str, name: str, *rules: AccessRule) -> None:
        """With a role of its own that has these rules."""
        counters = self.world.network.ledger.state.get_access_counters()
        word = f"{name}-{secrets.token_hex(4)}".replace(" ", "-").replace("'", "")
        flags = {"is_default": False, "is_read_only": False}
        created = [
            ManageSignerRule(CreateSignerRule(f"{word}-{number}", rule, b"", **flags))
            for number, rule in enumerate(rules)
        ]
        ids = tuple(range(counters.signer_rule + 1, counters.signer_rule + 1 + len(rules)))
        role = CreateSignerRole(word, ids, b"", None, is_read_only=False)
        apply(self.world, "master", *created, ManageSignerRole(role))
        role_id = counters.signer_role + 1
        data = SignerData(get_public_key(name), role_id, 1000, 100 + role_id, b"")
        apply(self.world, account, ManageSigner(CreateSigner(data)))

    def remove_signer(self, account: str, name: str) -> None:
        removed = RemoveSigner(get_public_key(name))
        apply(self.world, account, ManageSigner(removed))


def allow(resource: str | None, action: str | None) -> AccessRule:
    return AccessRule(CustomResource(resource, action), Action.CUSTOM, forbids=False)


def forbid(resource: str, action: str | None) -> AccessRule:
    return AccessRule(CustomResource(resource, action), Action.CUSTOM, forbids=True)


@contextlib.contextmanager
def run_keychains(
    gateway: Gateway, folder: Path, count: int = 2, **changes: Any
) -> Iterator[KeyChains]:
    database_url = gateway.servers.create_database("keychain")
    apply_all(database_url, PROGRAM.migrations)
    kek_file = folder / f"kek-{secrets.token_hex(4)}.json"
    kek_file.write_bytes(make_content())
    kek_file.chmod(0o600)
    with contextlib.ExitStack() as stack:
        urls, ports = [], [choose_port([])]
        for _ in range(count):
            ports.append(choose_port(ports))
            fields: dict[str, Any] = {
                "port": ports[-1],
                "public_url": f"http://127.0.0.1:{ports[-1]}",
                "store": DatabaseSettings(url=Secret(database_url)),
                "genesis_file": str(gateway.world.genesis_file),
                "horizon": (HorizonSettings(url=gateway.url),),
                "reader_seed": Secret(get_seed(READER)),
                "kek": KekSettings(name="keychain", path=kek_file),
                "apart_from": ApartSettings(nodes=(get_address(get_key("a node of API")),)),
                "limits": KeyChainLimits(reads=MANY, keys=MANY),
                "bulk": BULK,
                "keys_max": KEYS_MAX,
                **changes,
            }
            made = KeyChainSettings(**fields)
            urls.append(stack.enter_context(serve(make_app(made), ports[-1], made.limits)))
        running = KeyChains(gateway, urls, database_url, made)
        stack.enter_context(running.http)
        for url in urls:
            wait_until(lambda at=url: running.http.get(f"{at}/ready").status_code == 200)
        yield running
