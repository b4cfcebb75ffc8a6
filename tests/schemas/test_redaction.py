"""No secret and no address passes into a log, whatever field or text it stands in."""

import json
import subprocess
import sys

import pytest

from schemas.redaction import HIDDEN, redact, redact_text
from schemas.strkey import encode_account_id, encode_seed

SEED = encode_seed(bytes(range(32)))
CANARIES = (
    "anna.canary@example.org",
    "anna%40canary.example.org",
    "+49 170 555-0123",
    "+4917055501234",
    SEED,
    "Bearer c4n4ryc4n4ry",
    "postgresql://keys:c4n4ryc4n4ry@127.0.0.1/keys",
    "whsec_c4n4ryc4n4ry",
)
HARMLESS = (
    encode_account_id(bytes(range(32))),
    "2026-11-27T02:00:00Z",
    "ledger 1234567 closed in 12.5 ms",
    "postgresql://127.0.0.1:5432/keys",
    "a + 1 = 2, and 10.0.0.1:8080",
)


@pytest.mark.parametrize("canary", CANARIES)
def test_a_canary_leaves_every_text(canary: str) -> None:
    text = f'Key (mail)=({canary}) exists: "{canary}", {canary}'
    shown = redact_text(text)
    assert canary not in shown
    assert "c4n4ry" not in shown
    assert shown.count(HIDDEN) == 3


@pytest.mark.parametrize("text", HARMLESS)
def test_what_identifies_nobody_stays(text: str) -> None:
    assert redact_text(text) == text


def test_fields_are_hidden_by_their_names() -> None:
    names = ("password", "user_email", "Authorization", "totp", "code", "phone", "recipients")
    assert {name: redact("x", name) for name in names} == dict.fromkeys(names, HIDDEN)
    kept = {"route": "/x", "status": 200, "is_email": True, "envelope_hash": "00", "codes": 3}
    assert redact(kept) == kept
    nested = {"user": [{"email": "x", "sequence": 1}], "raw": b"12345"}
    assert redact(nested) == {
        "user": [{"email": HIDDEN, "sequence": 1}],
        "raw": "[5 bytes]",
    }


SCRIPT = """
import logging, sys, structlog
from MODULE import configure_logs
configure_logs()
canaries = sys.argv[1:]
log = structlog.get_logger()
for canary in canaries:
    log.warning("seen " + canary, detail={"deep": [canary]}, email=canary)
    log.warning("seen", canary_by_repr=type("X", (), {"__repr__": lambda _: canary})())
    try:
        raise RuntimeError(f"cannot use {canary}")
    except RuntimeError as error:
        log.exception("failed")
        log.error("failed", exc_info=error)
"""
LIBRARY = """
for canary in canaries:
    logging.getLogger("library").error("failed with %s", canary)
"""


@pytest.mark.parametrize("module", ["gateways.http.server", "processors.ledger_feed.logs"])
def test_every_path_into_a_log_is_watched(module: str) -> None:
    script = SCRIPT.replace("MODULE", module)
    if module.startswith("gateways"):  # which also render what libraries log
        script += LIBRARY
    done = subprocess.run(
        [sys.executable, "-c", script, *CANARIES], capture_output=True, check=True, text=True
    )
    assert len(done.stderr.splitlines()) >= 4 * len(CANARIES)
    for canary in (*CANARIES, "c4n4ry"):
        assert canary not in done.stderr
    first = json.loads(done.stderr.splitlines()[0])
    assert first["event"] == f"seen {HIDDEN}"
