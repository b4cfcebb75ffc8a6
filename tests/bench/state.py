"""What a large state costs: bytes an account, time to start, and whether payments stay as fast.

An account comes with a signer and two balances. Each size is measured in a process of its own,
called as `python -m tests.bench.state`.
"""

import argparse
import gc
import json
import random
import subprocess
import sys
import time
from collections.abc import Iterator
from hashlib import sha256

import psutil
import psycopg
from msgspec.structs import replace

from infra.local.table import TABLE
from schemas.codec import encode
from schemas.generated.common import AccountID, Amount, BalanceID, PublicKey, SignerData
from schemas.generated.consensus import ScpValue
from schemas.generated.entries import Account, Asset, AssetState, AssetSupply, Balance, Signer
from schemas.generated.keys import Entry, KeyBytes, get_key
from schemas.generated.ledger import Certificate, LedgerEntry
from schemas.generated.operations import PaymentToBalance
from streams.ledger.close import Ledger, close_ledger
from streams.ledger.hashes import compute_balance_id, compute_hash, compute_set_hash
from streams.ledger.state_trie import build
from streams.ledger.values import GENERAL_ROLE, OWNER_SIGNER_ROLE
from streams.node.store import Store
from tests.bench.figures import Figure, judge, tell
from tests.support.deployments import start_deployment
from tests.support.network import Network, get_account, make_genesis, pay

SMALL, LARGE = 10_000, 1_000_000
BYTES_PER_ACCOUNT, START_1M_S = 1_500, 60  # the bars
PAYMENTS, LEDGERS = 1_000, 5
FUNDS = 10**9
ASSETS = ("EUR", "USD")


def measure_state() -> list[Figure]:
    small, large = _measure(SMALL), _measure(LARGE)
    growth = large["payment_us"] / small["payment_us"]
    tell(
        f"a payment: {small['payment_us']:.1f} us, with a million accounts {growth:.2f} times that"
    )
    with start_deployment(TABLE, "servers") as running:
        services = TABLE.get_services("core")
        for server in TABLE.get_servers("core"):
            server.provide(running.place, TABLE, services, lambda _: None)
        url = running.place.get_database_url("core1")
        _run("--accounts", str(LARGE), "--write", url)
        start_s = _run("--load", url)["start_s"]
    tell(f"a node with a million accounts starts in {start_s:.1f} s")
    return [
        judge("bytes_per_account_10k", small["bytes_per_account"], "bytes", BYTES_PER_ACCOUNT),
        judge("bytes_per_account", large["bytes_per_account"], "bytes", BYTES_PER_ACCOUNT),
        judge("payment_us_10k", small["payment_us"], "us", small["payment_us"]),
        judge("payment_us", large["payment_us"], "us", small["payment_us"]),
        judge("start_1m_s", start_s, "s", START_1M_S),
    ]


def _measure(accounts: int) -> dict[str, float]:
    tell(f"a state of {accounts:,} accounts")
    return _run("--accounts", str(accounts))


def _run(*arguments: str) -> dict[str, float]:
    command = [sys.executable, "-m", "tests.bench.state", *arguments]
    done = subprocess.run(command, check=True, stdout=subprocess.PIPE)
    found: dict[str, float] = json.loads(done.stdout)
    return found


def _make_entries(network: Network, accounts: int) -> Iterator[Entry]:
    issued = Amount(accounts * FUNDS)
    for code in ASSETS:
        signer = PublicKey(bytes(32))
        yield Asset(
            code,
            get_account("issuer"),
            signer,
            b"",
            Amount(1 << 100),
            1,
            0,
            2,
            0,
            AssetState.ACTIVE,
        )
        yield AssetSupply(code, Amount(0), issued, Amount(0))
    for number in range(accounts):
        account_id, key = _get_account(number), PublicKey(bytes(_get_account(number)))
        yield Account(account_id, None, number + 2, GENERAL_ROLE, (key,))
        yield Signer(account_id, SignerData(key, OWNER_SIGNER_ROLE, 1000, 0, b""))
        for code in ASSETS:
            balance_id = compute_balance_id(network.network_id, account_id, code, 0)
            yield Balance(BalanceID(balance_id), account_id, code, Amount(FUNDS), Amount(0))


def _get_account(number: int) -> AccountID:
    return get_account(f"p{number}") if number < PAYMENTS else _derive(number)


def _derive(number: int) -> AccountID:
    """Accounts that never sign need no key."""
    return AccountID(sha256(number.to_bytes(8, "big")).digest())


def fill_ledger(network: Network, accounts: int) -> float:
    """Puts the accounts into the network's ledger. Returns the bytes that each of them takes."""
    state = network.ledger.state
    before = _get_memory()
    for entry in _make_entries(network, accounts):
        state.encoded[KeyBytes(get_key(entry))] = encode(LedgerEntry(entry))
    network.ledger.trie = build(
        (compute_hash(key), compute_hash(raw)) for key, raw in state.encoded.items()
    )
    gc.collect()
    return (_get_memory() - before) / accounts


def _get_memory() -> int:
    return int(psutil.Process().memory_info().rss)


def _measure_payment_us(network: Network, accounts: int) -> float:
    """Microseconds of closing a ledger, per payment between accounts of the whole state."""
    chance = random.Random(1)
    spent = []
    for _ in range(LEDGERS):
        ledger = network.ledger
        payees = [_get_account(chance.randrange(accounts)) for _ in range(PAYMENTS)]
        candidates = {}
        for number, payee in enumerate(payees):
            balance_id = compute_balance_id(network.network_id, payee, "EUR", 0)
            body = pay(network, f"p{number}", "nobody", "EUR", 1)
            to_payee = replace(body, destination=PaymentToBalance(balance_id))
            candidate = network.prepare(f"p{number}", to_payee)
            candidates[candidate.envelope_hash] = candidate
        set_hash = compute_set_hash(ledger.header_hash, sorted(candidates))
        value = ScpValue(ledger.header_hash, set_hash, ledger.header.close_time_ms + 1_000, ())
        began = time.process_time()
        close_ledger(ledger, value, candidates)
        spent.append(time.process_time() - began)
    return sorted(spent)[LEDGERS // 2] / PAYMENTS * 1e6


def copy_entries(ledger: Ledger, connection: psycopg.Connection) -> None:
    """Into a node's database that has none."""
    command = "COPY entries (key, entry) FROM STDIN"
    with connection.cursor() as cursor, cursor.copy(command) as copy:
        for key, raw in ledger.state.encoded.items():
            copy.write_row((bytes(key), raw))


def _write(network: Network, accounts: int, url: str) -> None:
    """The state, as a node would have left it in its database."""
    fill_ledger(network, accounts)
    ledger = network.ledger
    close_ledger(ledger, _make_empty_value(ledger), {})
    header = encode(ledger.header)
    with psycopg.connect(url) as connection:
        copy_entries(ledger, connection)
        connection.execute(
            "INSERT INTO ledgers (sequence, header_hash, header, body, certificate)"
            " VALUES (%s, %s, %s, %s, %s)",
            (ledger.header.sequence, ledger.header_hash, header, b"", encode(Certificate(()))),
        )


def _make_empty_value(ledger: Ledger) -> ScpValue:
    set_hash = compute_set_hash(ledger.header_hash, [])
    return ScpValue(ledger.header_hash, set_hash, ledger.header.close_time_ms + 1_000, ())


def main() -> None:
    parser = argparse.ArgumentParser(description="Measure one size of state.")
    parser.add_argument("--accounts", type=int, default=SMALL)
    parser.add_argument("--write", metavar="URL", help="leave the state in this database")
    parser.add_argument("--load", metavar="URL", help="load the state from it, as at a start")
    given = parser.parse_args()
    if given.load:
        began = time.perf_counter()
        Store(given.load).load_ledger()
        found = {"start_s": time.perf_counter() - began}
    else:
        network = Network(make_genesis())
        if given.write:
            _write(network, given.accounts, given.write)
            found = {}
        else:
            taken = fill_ledger(network, given.accounts)
            found = {
                "bytes_per_account": taken,
                "payment_us": _measure_payment_us(network, given.accounts),
            }
    sys.stdout.write(json.dumps(found))


if __name__ == "__main__":
    main()
