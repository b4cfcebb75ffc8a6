"""KeyServers as their users meet them: real PostgreSQL, real HTTP, a real ledger behind a real
Horizon gateway. Mail is read where it waits for the Notificator, with the server's own keys.
"""

import base64
import contextlib
import json
import os
import secrets
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx2
import msgspec
import psycopg
from msgspec.structs import replace
from nacl.signing import SigningKey

from gateways.client.errors import ProblemError
from gateways.client.keys import get_public_key
from gateways.client.keyserver import KeyServerClient
from gateways.client.request_signing import RequestSigner
from gateways.client.transactions import make_create_account
from gateways.client.wallets import Credentials, OpenWallet, Signup
from gateways.keyserver.main import make_app
from gateways.keyserver.settings import KeyServerLimits, KeyServerSettings
from gateways.sealing.file import FileKeks, make_content
from gateways.sealing.settings import KekSettings
from infra.local.migrations import apply_all
from infra.local.ports import choose_port
from infra.local.toml import encode_toml
from schemas.generated.common import AccountID, SignerData
from schemas.settings import CRASH_VARIABLE, DatabaseSettings, Secret, dump_settings
from schemas.strkey import decode_account_id
from streams.ledger.values import OWNER_SIGNER_ROLE, SIGNATURE_THRESHOLD
from tests.gateways.support import MANY, Gateway, serve, wait_until
from tests.support.servers import Servers

STATEMENT_KEY = SigningKey(b"\x11" * 32)
TOKEND = Path(sys.executable).with_name("tokend")
MIGRATIONS = (Path("gateways/http/migrations"), Path("gateways/keyserver/migrations"))
LIMITS = KeyServerLimits(reads=MANY, entries=MANY, mails=MANY)


@dataclass
class KeyServers:
    """Instances that share a database. `folder` has their key-encryption keys."""

    gateway: Gateway
    servers: Servers
    folder: Path
    store_url: str
    ports: list[int] = field(default_factory=lambda: [choose_port([])])

    def __post_init__(self) -> None:
        self.kek_file = self.folder / "keks.json"
        self.kek_file.touch(mode=0o600)
        self.kek_file.write_bytes(make_content())
        self.keks = FileKeks("keyserver", self.kek_file)
        self.ports.append(choose_port(self.ports))
        self.urls = [f"http://127.0.0.1:{port}" for port in self.ports]
        self.running: dict[int, contextlib.ExitStack] = {}
        self.connection = psycopg.connect(self.store_url, autocommit=True)
        self.http = httpx2.Client(timeout=20, limits=httpx2.Limits(max_connections=200))

    def get_settings(self, number: int = 0) -> KeyServerSettings:
        return KeyServerSettings(
            port=self.ports[number],
            public_url=self.urls[number],
            store=DatabaseSettings(url=Secret(self.store_url)),
            genesis_file=str(self.gateway.world.genesis_file),
            kek=KekSettings(name="keyserver", path=self.kek_file),
            statement_key=Secret(bytes(STATEMENT_KEY).hex()),
            kafka=self.servers.kafka,
            notificators=(),
            horizons=(self.gateway.url,),
            limits=LIMITS,
        )

    def start(self, number: int = 0) -> str:
        settings = self.get_settings(number)
        stack = contextlib.ExitStack()
        url = stack.enter_context(
            serve(make_app(settings), settings.port, settings.limits, settings.proxies)
        )
        self.running[number] = stack
        return url

    def stop(self, number: int = 0) -> None:
        self.running.pop(number).close()

    def make_client(self, number: int = 0) -> KeyServerClient:
        return KeyServerClient(self.urls[number])

    def read_mail(self, email: str) -> list[dict[str, Any]]:
        """What waits for an address, oldest first: type and all data."""
        rows = self.connection.execute(
            "select type, token, content from keyserver.outbox order by id"
        ).fetchall()
        found = []
        for type_, token, content in rows:
            opened = json.loads(self.keks.unwrap(content, f"outbox/{type_}/{token}"))
            if opened["contact"]["email"] == email:
                found.append({"type": type_, **opened["data"], **opened["sealed"]})
        return found

    def read_code(self, email: str, type_: str = "email_code") -> str:
        """The newest."""
        codes = [mail["code"] for mail in self.read_mail(email) if mail["type"] == type_]
        code: str = codes[-1]
        return code

    def get_events(self, email: str) -> list[str]:
        return [mail["event"] for mail in self.read_mail(email) if "event" in mail]

    def sign_up(self, secret: str, email: str | None = None) -> tuple[Credentials, Signup]:
        """A confirmed wallet whose account is on the ledger, with both of its signers."""
        address = email or f"{secrets.token_hex(6)}@example.org"
        with self.make_client() as client:
            signup = client.sign_up(address, secret)
            client.confirm(signup, self.read_code(address))
        self.create_account(signup)
        return Credentials(address, secret), signup

    def create_account(self, signup: Signup) -> None:
        owner = SIGNATURE_THRESHOLD
        signers = [
            SignerData(key, OWNER_SIGNER_ROLE, owner, 0, b"")
            for key in (get_public_key(signup.content.key), get_public_key(signup.recovery))
        ]
        account = AccountID(decode_account_id(signup.content.account))
        self.gateway.world.apply("master", make_create_account(account, signers))

    def unlock(self, given: Credentials, **options: Any) -> OpenWallet:
        with self.make_client() as client:
            return client.unlock(given, **options)

    def ask(
        self, path: str, body: Any, key: SigningKey | None = None, number: int = 0
    ) -> httpx2.Response:
        """A request as it is, without the derivation of keys: the key is given."""
        url = self.urls[number] + path
        if key is None:
            return self.http.post(url, json=body)
        return self.http.post(url, json=body, auth=RequestSigner(key))

    def get_auth(self, given: Credentials) -> SigningKey:
        """The authentication key of a secret."""
        with self.make_client() as client:
            return client.derive(given.email, given.secret).auth

    def unlock_envelope(self, given: Credentials, code: str) -> bytes:
        """As it is sent."""
        body = {"email": given.email, "second_factor": code}
        answered = self.ask("/v1/unlock", body, self.get_auth(given))
        return base64.b64decode(answered.json()["data"]["attributes"]["envelope"])

    @contextlib.contextmanager
    def run_process(self, crash: str = "") -> Iterator["Process"]:
        """One more instance, in a process of its own, which may be told where to die."""
        process = Process(self, choose_port(self.ports), crash)
        try:
            process.start()
            yield process
        finally:
            process.stop()

    def get_now_ms(self) -> int:
        """Of the ledger."""
        return self.gateway.world.network.ledger.header.close_time_ms

    def close(self, *envelopes: bytes, interval_ms: int = 1_000) -> None:
        """Closes a ledger with these."""
        network = self.gateway.world.network
        candidates = [network.admit(each) for each in envelopes]
        self.gateway.world.show(network.close(*candidates, interval_ms=interval_ms))

    def forget_tries(self) -> None:
        """As a day later."""
        self.connection.execute("delete from gateway.tries")


class Process:
    """An instance as `tokend run` runs it."""

    def __init__(self, keyservers: KeyServers, port: int, crash: str) -> None:
        self.url = f"http://127.0.0.1:{port}"
        self.log = keyservers.folder / f"{port}.log"
        self._crash = crash
        self._config = keyservers.folder / f"{port}.toml"
        settings = replace(keyservers.get_settings(), port=port, public_url=self.url)
        self._config.touch(mode=0o600)
        self._config.write_text(encode_toml(msgspec.json.decode(dump_settings(settings))))
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        environ = {**os.environ, **({CRASH_VARIABLE: self._crash} if self._crash else {})}
        command = [str(TOKEND), "run", "keyserver", "--config", str(self._config)]
        with self.log.open("ab") as log:
            self._process = subprocess.Popen(command, env=environ, stderr=log)
        wait_until(self.is_ready)

    @property
    def process_id(self) -> int:
        assert self._process is not None
        return self._process.pid

    def is_ready(self) -> bool:
        with contextlib.suppress(httpx2.TransportError):
            return httpx2.get(f"{self.url}/ready").status_code == 200
        return False

    def wait_until_dead(self) -> None:
        assert self._process is not None
        assert self._process.wait(20) == -signal.SIGKILL

    def stop(self) -> None:
        assert self._process is not None
        self._process.terminate()
        self._process.wait(20)


def get_refusal(act: Callable[[], object]) -> str:
    """The kind of the problem that it met; empty if it was done."""
    try:
        act()
    except ProblemError as error:
        return error.kind
    return ""


def get_kind(response: httpx2.Response) -> str:
    """Of a problem; empty if it is none."""
    kind: str = response.json().get("type", "").rpartition("#problem-")[2]
    return kind


@contextlib.contextmanager
def run_keyservers(
    servers: Servers, gateway: Gateway, folder: Path, count: int = 1
) -> Iterator[KeyServers]:
    """The ledger's clock is brought to now first."""
    url = servers.create_database("keyserver")
    apply_all(url, MIGRATIONS)
    made = KeyServers(gateway, servers, folder, url)
    late_ms = time.time_ns() // 1_000_000 - made.get_now_ms()
    if late_ms > 1_000:
        made.close(interval_ms=late_ms)
    with made.connection, made.http:
        for number in range(count):
            made.start(number)
        try:
            yield made
        finally:
            for number in list(made.running):
                made.stop(number)
