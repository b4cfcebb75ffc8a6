"""How many wallets a second one KeyServer process opens, and whether unknown addresses show by how
long their answers take."""

import contextlib
import json
import secrets
import statistics
import tempfile
import time
from pathlib import Path

from gateways.client.keys import SigningKey, generate_key, get_address
from gateways.client.request_signing import RequestSigner
from gateways.client.wallet_keys import make_content
from gateways.http.signatures import Message, get_authority, sign_message
from tests.bench.figures import Calibration, Figure, judge
from tests.gateways.keyserver.support import KeyServers, Process, run_keyservers
from tests.gateways.reading import get_cpu_seconds, run_wrk
from tests.gateways.support import run_gateway
from tests.support.servers import start_native_servers

WALLETS, SECONDS, MOST_PER_S = 200, 8, 2_000
PATH = "/v1/unlock"
SAMPLES = 1_000


def measure_unlock(calibration: Calibration) -> list[Figure]:
    """`unlock_rps`: signed requests for envelopes of many wallets, to a process of its own.
    `unlock_cpu_ms`: the processor time of one, which a busy machine changes least.
    `unlock_known_ms`: by how much the median of a known address differs.
    """
    with contextlib.ExitStack() as stack:
        servers = stack.enter_context(start_native_servers())
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        gateway = stack.enter_context(run_gateway(servers, folder))
        keyservers = stack.enter_context(run_keyservers(servers, gateway, folder, count=1))
        wallets = [_make_wallet(keyservers) for _ in range(WALLETS)]
        keyservers.connection.execute("delete from keyserver.outbox")
        process = stack.enter_context(keyservers.run_process())
        rate, cpu_ms = _unlock_all(process, wallets, folder)
        difference = _compare(keyservers, process.url, wallets[0][0])
    return [
        calibration.judge_rate("unlock_rps", rate, "unlocks/s"),
        calibration.judge_ms("unlock_cpu_ms", cpu_ms),
        judge("unlock_known_ms", difference, "ms", 2.0),
    ]


def _make_wallet(keyservers: KeyServers) -> tuple[str, SigningKey]:
    """Without the half second that a derivation takes: the key is random."""
    email, auth = f"{secrets.token_hex(8)}@example.org", generate_key()
    content = make_content(generate_key(), generate_key())
    body = {
        "email": email,
        "account": content.account,
        "signer": content.account,
        "recovery": content.recovery,
        "kdf": 1,
        "verifier": get_address(auth),
        "envelope": "A" * 400,
    }
    id_ = keyservers.ask("/v1/signups", body).json()["data"]["id"]
    confirm = {"id": id_, "code": keyservers.read_code(email)}
    keyservers.ask("/v1/signups/confirm", confirm, content.key).raise_for_status()
    return email, auth


def _unlock_all(
    process: Process, wallets: list[tuple[str, SigningKey]], folder: Path
) -> tuple[float, float]:
    """Each wallet in turn; unlocks a second, and the process' own milliseconds for one."""
    authority, file = get_authority(process.url), folder / "requests"
    lines = []
    for number in range(MOST_PER_S * SECONDS):
        email, auth = wallets[number % len(wallets)]
        content = json.dumps({"email": email}, separators=(",", ":"))
        message = Message("POST", authority, PATH, "", content.encode())
        signed = sign_message(message, auth, int(time.time()), secrets.token_urlsafe(18))
        names = ("Content-Digest", "Signature-Input", "Signature")
        lines.append("\t".join([PATH, *(signed[name] for name in names), content]))
    file.write_text("\n".join(lines) + "\n")
    before = get_cpu_seconds(process.process_id)
    told = run_wrk(process.url, file, SECONDS)
    used = get_cpu_seconds(process.process_id) - before
    return told["requests"] / told["seconds"], used / told["requests"] * 1000


def _compare(keyservers: KeyServers, url: str, known: str) -> float:
    """Wrong secrets of a known and an unknown address, in turn; the difference of the medians."""
    times: dict[str, list[float]] = {known: [], "nobody@example.org": []}
    for _ in range(SAMPLES):
        keyservers.forget_tries()
        for email, found in times.items():
            signer = RequestSigner(generate_key())
            began = time.perf_counter()
            keyservers.http.post(f"{url}/v1/unlock", json={"email": email}, auth=signer)
            found.append(time.perf_counter() - began)
    one, other = (statistics.median(found) for found in times.values())
    return abs(one - other) * 1000
