"""The verbs as a user runs them, in processes of their own."""

import json
import os
import stat
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from gateways.client.keys import get_address, get_seed
from schemas.strkey import encode_balance_id
from schemas.values import format_amount
from tests.gateways.support import Gateway
from tests.support.network import get_key

ALICE, BOB = get_address(get_key("alice")), get_address(get_key("bob"))
PROGRAM = str(Path(sys.executable).with_name("tokend"))


def run(*arguments: str, **environment: str) -> "subprocess.CompletedProcess[str]":
    clean = {k: v for k, v in os.environ.items() if not k.startswith("TOKEND_")}
    return subprocess.run(
        [PROGRAM, *arguments],
        env={**clean, **environment},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def run_json(*arguments: str, **environment: str) -> Any:
    done = run(*arguments, "--json", **environment)
    assert done.returncode == 0, done.stdout + done.stderr
    return json.loads(done.stdout)


@pytest.fixture
def seed_file(tmp_path: Path) -> str:
    path = tmp_path / "alice.seed"
    path.write_text(get_seed(get_key("alice")) + "\n")
    return str(path)


def test_keys(tmp_path: Path) -> None:
    path = tmp_path / "new.seed"
    made = run_json("keys", "new", "--out", str(path))
    assert "seed" not in made
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    shown = run("keys", "show", "--seed-file", str(path))
    assert made["address"] in shown.stdout
    assert path.read_text().strip() not in shown.stdout
    again = run("keys", "new", "--out", str(path))
    assert again.returncode == 1
    assert str(path) in again.stderr
    printed = run_json("keys", "new")
    assert run_json("keys", "show", TOKEND_SEED=printed["seed"])["address"] == printed["address"]


def test_a_payment_at_once_and_step_by_step(network: Gateway, seed_file: str) -> None:
    url = ("--url", network.url)
    paid = run_json("pay", BOB, "1.25", "EUR", "--seed-file", seed_file, "--reference", "a", *url)
    assert paid["status"] == "success"
    twice = run("pay", BOB, "1.25", "EUR", "--seed-file", seed_file, "--reference", "a", *url)
    assert twice.returncode == 1
    assert "REFERENCE_DUPLICATION" in twice.stderr
    built = run_json(
        *("tx", "build", "--from", ALICE, "--to", BOB, "--amount", "0.5", "--asset", "EUR"), *url
    )
    signed = run_json("tx", "sign", built["envelope"], "--seed-file", seed_file)
    assert signed["hash"] == built["hash"]
    held = json.loads(run("tx", "show", signed["envelope"]).stdout)
    assert held["transaction"]["source_account"] == ALICE
    submitted = run_json("tx", "submit", signed["envelope"], TOKEND_HORIZON_URL=network.url)
    assert run_json("tx", "show", signed["hash"], *url) == submitted
    unsigned = run("tx", "submit", "AAAA", *url)
    assert unsigned.returncode == 1
    assert "MALFORMED" in unsigned.stderr


def test_a_transaction_from_a_file(network: Gateway, tmp_path: Path, seed_file: str) -> None:
    file, url = tmp_path / "payment.json", ("--url", network.url)
    body = {
        "type": "payment",
        "source_balance": encode_balance_id(network.world.network.get_balance_id("alice", "EUR")),
        "destination": {"type": "payment_to_account", "account_id": BOB},
        "amount": "0.25",
    }
    file.write_text(json.dumps({"source_account": ALICE, "operations": [{"body": body}]}))
    built = run_json("tx", "build", str(file), *url)
    signed = run_json("tx", "sign", built["envelope"], "--seed-file", seed_file)
    assert run_json("tx", "submit", signed["envelope"], *url)["status"] == "success"
    file.write_text(json.dumps({"source_account": ALICE, "operations": [{"body": {}}]}))
    wrong = run("tx", "build", str(file), *url)
    assert wrong.returncode == 1
    assert "operations[0].body.type" in wrong.stderr
    assert run("tx", "build", str(file), "--asset", "EUR", *url).returncode == 2
    assert run("tx", "build", "--asset", "EUR", *url).returncode == 2


def test_account_and_history(network: Gateway, tmp_path: Path, seed_file: str) -> None:
    endpoints = tmp_path / "endpoints.json"
    endpoints.write_text(json.dumps({"horizon": [network.url]}))
    seed = ("--seed-file", seed_file)
    account = run("account", ALICE, "--endpoints", str(endpoints), *seed)
    assert account.returncode == 0
    assert "EUR" in account.stdout
    history = run("history", ALICE, "--url", network.url, *seed)
    assert "issued 10000.00 EUR" in history.stdout
    document = run_json("history", ALICE, "--limit", "1", "--url", network.url, *seed)
    assert len(document) == 1
    others = run("history", BOB, "--url", network.url, *seed)
    assert others.returncode == 1
    assert "(forbidden)" in others.stderr


def test_a_balance_is_proved(network: Gateway, tmp_path: Path, seed_file: str) -> None:
    run_json("pay", BOB, "0.01", "EUR", "--seed-file", seed_file, "--url", network.url)
    balance = encode_balance_id(network.world.network.get_balance_id("alice", "EUR"))
    genesis = ("--genesis", str(network.world.genesis_file))
    asking = ("--url", network.url, "--seed-file", seed_file)
    proved = run_json("verify-proof", balance, *genesis, *asking)
    amount = format_amount(network.world.network.get_amount("alice", "EUR"), 2)
    assert (proved["exists"], proved["available"]) == (True, amount)
    saved = tmp_path / "proof.json"
    attributes = network.get(f"/v3/balances/{balance}/proof")["data"]["attributes"]
    saved.write_text(json.dumps(attributes))
    whole = tmp_path / "answer.json"
    whole.write_text(json.dumps(network.get(f"/v3/balances/{balance}/proof")))
    assert run_json("verify-proof", balance, *genesis, "--proof", str(whole))["exists"]
    pinned = ("--genesis-hash", network.world.network.genesis_hash.hex())
    assert run_json("verify-proof", balance, *pinned, "--proof", str(saved), "--url", network.url)
    alone = run("verify-proof", balance, *pinned, "--proof", str(saved))
    assert (alone.returncode, "--url" in alone.stderr) == (1, True)
    false = ("--genesis-hash", "00" * 32)
    assert run("verify-proof", balance, *false, "--url", network.url).returncode == 1
    no_proof = run("verify-proof", balance, *genesis, "--proof", str(network.world.genesis_file))
    assert no_proof.returncode == 1
    offline = run_json("verify-proof", balance, *genesis, "--proof", str(saved))
    assert offline["header_hash"] == proved["header_hash"]
    balance_entry = {**attributes["balance_entry"], "entry": None}
    saved.write_text(json.dumps({**attributes, "balance_entry": balance_entry}))
    lied = run("verify-proof", balance, *genesis, "--proof", str(saved))
    assert lied.returncode == 1
    assert "state root" in lied.stderr


@pytest.mark.parametrize(
    ("arguments", "named"),
    [
        (("account", ALICE), "--url"),
        (("account", ALICE, "--url", "http://127.0.0.1:1"), "http://127.0.0.1:1"),
        (("account", ALICE, "--endpoints", "/nowhere"), "/nowhere"),
        (("tx", "sign", "%%%"), "base64"),
        (("tx", "show", "AAAA"), "envelope"),
        (("keys", "show", "--seed-file", "/nowhere"), "/nowhere"),
        (("verify-proof", ALICE, "--url", "http://127.0.0.1:1"), "B..."),
    ],
)
def test_errors_are_one_line(arguments: tuple[str, ...], named: str) -> None:
    """The line names what is wrong."""
    seed = get_seed(get_key("alice"))
    done = run(*arguments, TOKEND_SEED=seed)
    assert done.returncode == 1
    assert named in done.stderr
    assert "Traceback" not in done.stderr
    assert len(done.stderr.strip().splitlines()) == 1
    as_json = run(*arguments, "--json", TOKEND_SEED=seed)
    assert named in json.loads(as_json.stdout)["error"]


def test_a_bad_seed_is_refused_and_not_shown() -> None:
    seed = get_seed(get_key("alice"))
    done = run("keys", "show", TOKEND_SEED=seed[:-2] + "AA")
    assert done.returncode == 1
    assert seed[:30] not in done.stdout + done.stderr
