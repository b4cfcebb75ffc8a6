"""The example in Node signs up, unlocks and reads: against a KeyServer, API and Horizon."""

import json
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from nacl.signing import SigningKey

from gateways.client import examples
from infra.local.migrations import apply_all
from schemas.generated.common import AccountID, PublicKey
from schemas.strkey import decode_account_id, decode_seed
from streams.ledger.values import OWNER_SIGNER_ROLE
from tests.gateways.api.support import Apis
from tests.gateways.keyserver.support import MIGRATIONS, KeyServers
from tests.gateways.support import wait_until
from tests.support.node import NODE_PROGRAM, install_packages
from tests.support.servers import Servers

NODE = Path(examples.__file__).parent / "node"
EMAIL = "nora.node@example.org"


@pytest.fixture
def keyserver(servers: Servers, apis: Apis, tmp_path: Path) -> Iterator[KeyServers]:
    url = servers.create_database("keyserver")
    apply_all(url, MIGRATIONS)
    made = KeyServers(apis.gateway, servers, tmp_path, url)
    with made.connection, made.http:
        made.start()
        try:
            yield made
        finally:
            made.stop()


def test_node_signs_up_unlocks_and_reads(apis: Apis, keyserver: KeyServers, tmp_path: Path) -> None:
    install_packages(NODE)
    endpoints, secret = tmp_path / "endpoints.json", tmp_path / "secret"
    urls = {"keyserver": keyserver.urls, "api": apis.urls, "horizon": [apis.gateway.url]}
    endpoints.write_text(json.dumps(urls))
    secret.write_text("correct horse battery staple\n")
    command = [str(NODE_PROGRAM), str(NODE / "sign_up.mjs"), str(endpoints), EMAIL, str(secret)]
    with subprocess.Popen(
        command,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    ) as process:
        try:
            wait_until(lambda: keyserver.read_mail(EMAIL) or process.poll() is not None, 60)
            code = keyserver.read_code(EMAIL) if keyserver.read_mail(EMAIL) else ""
            told, _ = process.communicate(code + "\n", timeout=120)
        finally:
            process.kill()
    assert process.returncode == 0, told
    account, _, rest = told.splitlines()[-1].rpartition(": ")[2].partition(" ")
    assert rest == f"is of {EMAIL}"
    recovery = next(line for line in told.splitlines() if "way back" in line).split()[-1]
    state = apis.gateway.world.network.ledger.state
    key = PublicKey(bytes(SigningKey(decode_seed(recovery)).verify_key))
    signer = state.get_signer(AccountID(decode_account_id(account)), key)
    assert signer is not None
    assert signer.data.role_id == OWNER_SIGNER_ROLE
