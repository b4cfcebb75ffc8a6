"""What `schemas/vectors/vectors.json` holds, computed from today's code.

`python -m tests.schemas.vectors` writes the file; `test_vectors` compares. All inputs are fixed,
so another implementation can check each step: bytes, hash, signature, proof.
"""

import json
from pathlib import Path
from typing import Any

from gateways.http.signatures import Message, sign_message
from schemas.codec import decode, encode, frame
from schemas.generated.common import Amount, PublicKey, Reference
from schemas.generated.consensus import QuorumSet
from schemas.generated.entries import BalanceKey
from schemas.generated.ledger import LedgerHeader, LedgerKey
from schemas.generated.operations import Payment, PaymentToBalance
from schemas.generated.transactions import TransactionEnvelope
from schemas.strkey import encode_account_id, encode_balance_id, encode_seed
from streams.ledger import merkle, state_trie
from streams.ledger.hashes import (
    compute_apply_order,
    compute_balance_id,
    compute_hash,
    compute_header_payload,
    compute_network_id,
    compute_set_hash,
    compute_transaction_hash,
)
from tests.support import network as made

FILE = Path(__file__).parents[2] / "schemas" / "vectors" / "vectors.json"


def make_vectors() -> dict[str, Any]:
    """JSON; bytes in hex."""
    key = made.get_key("alice")
    network_id = compute_network_id(made.PASSPHRASE)
    balance_id = compute_balance_id(network_id, made.get_account("alice"), "EUR", 0)
    return {
        "strkey": {
            "seed_hex": bytes(key).hex(),
            "seed": encode_seed(bytes(key)),
            "account_hex": bytes(key.verify_key).hex(),
            "account": encode_account_id(bytes(key.verify_key)),
            "balance_hex": balance_id.hex(),
            "balance": encode_balance_id(balance_id),
        },
        "network": {"passphrase": made.PASSPHRASE, "network_id": network_id.hex()},
        "balance_id": {"account": "alice", "asset": "EUR", "index": 0, "id": balance_id.hex()},
        "ledger_key": {
            "balance": encode(LedgerKey(BalanceKey(balance_id))).hex(),
        },
        "quorum_set": _make_quorum_set(),
        "signed_request": _make_request(),
        **_make_transaction(),
        **_make_ledger(),
        "merkle": {
            str(count): merkle.compute_root([bytes([i]) for i in range(count)]).hex()
            for count in (0, 1, 2, 3, 7)
        },
        "state_trie": {
            str(count): state_trie.build(
                (compute_hash(bytes([i])), compute_hash(bytes([i, i]))) for i in range(count)
            ).root.hex()
            for count in (0, 1, 16, 17, 100)
        },
    }


def _make_request() -> dict[str, Any]:
    """Of a signed read (RFC 9421), as gateways want it; its nonce is used up."""
    message = Message("GET", "gateway.example", "/v3/history", "order=asc&page%5Blimit%5D=2")
    nonce, created = "AAECAwQFBgcICQoLDA0ODxAR", 1_800_000_000
    return {
        "method": message.method,
        "url": f"https://{message.authority}{message.path}?{message.query}",
        "signed_by": "alice",
        "created": created,
        "nonce": nonce,
        "headers": sign_message(message, made.get_key("alice"), created, nonce),
    }


def _make_quorum_set() -> dict[str, str]:
    nodes = tuple(sorted(PublicKey(bytes([i]) * 32) for i in range(1, 4)))
    inner = QuorumSet(1, (PublicKey(bytes([9]) * 32), PublicKey(bytes([10]) * 32)), ())
    raw = encode(QuorumSet(3, nodes, (inner,)))
    return {"bytes": raw.hex(), "hash": compute_hash(raw).hex()}


def _make_transaction() -> dict[str, Any]:
    network = made.Network()
    payment = Payment(
        network.get_balance_id("alice", "EUR"),
        PaymentToBalance(network.get_balance_id("bob", "EUR")),
        Amount((1 << 70) + 5),
        made.FREE,
        "rent",
        Reference(19_675, "reference-1"),
    )
    transaction = network.build("alice", payment, memo="grüße")
    raw = encode(transaction)
    envelope = network.sign(transaction, "alice")
    return {
        "transaction": {
            "bytes": raw.hex(),
            "hash": compute_transaction_hash(network.network_id, raw).hex(),
            "envelope": envelope.hex(),
            "envelope_hash": compute_hash(envelope).hex(),
            "framed": frame(decode(TransactionEnvelope, envelope)).hex(),
        }
    }


def _make_ledger() -> dict[str, Any]:
    network = made.make_economy()
    closed = network.apply("alice", made.pay(network, "alice", "bob", "EUR", 5, "r"))
    record = network.records[-1]
    header: LedgerHeader = closed.header
    hashes = sorted(compute_hash(bytes([i])) for i in range(3))
    set_hash = compute_set_hash(closed.header_hash, hashes)
    return {
        "ledger": {
            "header": closed.header_bytes.hex(),
            "header_hash": closed.header_hash.hex(),
            "body": closed.body.hex(),
            "state_root": header.state_root.hex(),
            "receipts_root": header.receipts_root.hex(),
            "signed_payload": compute_header_payload(
                header.network_id, header.sequence, closed.header_hash
            ).hex(),
            "record_framed": frame(record).hex(),
        },
        "genesis": {"header_hash": network.genesis_hash.hex()},
        "transaction_set": {
            "previous_header_hash": closed.header_hash.hex(),
            "envelope_hashes": [each.hex() for each in hashes],
            "set_hash": set_hash.hex(),
            "apply_order": [each.hex() for each in compute_apply_order(set_hash, hashes)],
        },
    }


if __name__ == "__main__":
    FILE.write_text(json.dumps(make_vectors(), indent=1) + "\n")
