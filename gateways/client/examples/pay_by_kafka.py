"""Pays by producing to the ingest topic, and finds the payment in a node's verified ledgers.

    python -m gateways.client.examples.pay_by_kafka ENDPOINTS SEED_FILE TO AMOUNT ASSET DIGITS

ENDPOINTS is the endpoints.json that `tokend up` writes; SEED_FILE holds the payer's seed. Prints
the ledger, its hash and the result; exit code 0 only if the payment took effect.
"""

import json
import sys
import time
from pathlib import Path

from gateways.client.ingest import IngestProducer, read_login
from gateways.client.keys import get_account_id, read_seed
from gateways.client.ledgers import LedgerFollower, get_transactions
from gateways.client.transactions import (
    build_transaction,
    compute_envelope_transaction_hash,
    make_payment,
    sign_transaction,
    to_units,
)
from schemas.generated.common import Hash
from schemas.generated.transactions import TransactionCode
from schemas.strkey import encode_balance_id
from streams.ledger.hashes import compute_balance_id

WAIT_SECONDS = 30.0


def main(endpoints_file: str, seed_file: str, to: str, amount: str, asset: str, digits: str) -> int:
    endpoints = json.loads(Path(endpoints_file).read_text())
    key = read_seed(Path(seed_file).read_text())
    network_id = Hash(bytes.fromhex(endpoints["network_id"]))
    account = get_account_id(key)

    balance = encode_balance_id(compute_balance_id(network_id, account, asset, 0))
    payment = make_payment(balance, to, to_units(amount, int(digits)))
    now_ms = time.time_ns() // 1_000_000
    envelope = sign_transaction(build_transaction(network_id, account, [payment], now_ms), key)
    wanted = compute_envelope_transaction_hash(envelope)

    login = read_login(endpoints)
    producer = IngestProducer(login, endpoints["ingest_topic"])
    producer.produce(envelope, account).result()  # durable; sending it again would do no harm
    producer.close()

    genesis = Path(endpoints["genesis_file"]).read_bytes()
    follower = LedgerFollower(login, endpoints["ledgers_topics"][0], genesis)
    for ledger in follower.follow(WAIT_SECONDS):
        for applied in get_transactions(ledger):
            if applied.transaction_hash == wanted:
                follower.close()
                code = applied.result.code
                signed = len(ledger.record.certificate.signatures)
                print(f"ledger {ledger.header.sequence} {ledger.header_hash.hex()}: {code.name}")
                print(f"verified from the genesis on, signed by {signed} validators")
                return 0 if code is TransactionCode.SUCCESS else 1
    print("the payment did not come: see its rejection on the node's rejections topic")
    return 1


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
