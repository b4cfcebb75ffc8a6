"""What `schemas/vectors/vectors.json` holds, computed from today's code.

`python -m tests.schemas.vectors` writes the file; `test_vectors` compares. All inputs are fixed,
so another implementation can check each step: bytes, hash, signature, proof. A hash NAME
has beside it, under NAME_preimage, what it is the SHA-256 of.
"""

import base64
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec

from schemas.codec import decode, encode, frame
from schemas.generated import FINGERPRINTS
from schemas.generated.common import Amount, Hash, PublicKey, Reference
from schemas.generated.consensus import Ballot, Externalize, QuorumSet, Statement
from schemas.generated.entries import BalanceKey, RequestContent
from schemas.generated.keys import KeyBytes, asset_key, balance_key
from schemas.generated.ledger import LedgerBody, LedgerEntry, LedgerKey
from schemas.generated.operations import (
    CreateIssuanceRequest,
    CreatePreissuanceRequest,
    Payment,
    PaymentToBalance,
    PreissuanceContent,
)
from schemas.generated.transactions import Transaction, TransactionCode, TransactionEnvelope
from schemas.strkey import encode_account_id, encode_balance_id, encode_seed
from schemas.values import format_amount
from streams.ledger import merkle, state_trie
from streams.ledger.close import ClosedLedger
from streams.ledger.genesis import open_genesis
from streams.ledger.hashes import (
    compute_apply_order,
    compute_balance_id,
    compute_hash,
    compute_header_payload,
    compute_network_id,
    compute_set_hash,
    compute_statement_hash,
    compute_transaction_hash,
)
from streams.ledger.operations.create_preissuance_request import get_signed_messages
from streams.ledger.windows import compute_window, compute_window_salt, compute_window_times
from tests.schemas.signed_request import make_signed_request
from tests.support import network as made
from tests.support import requests

FILE = Path(__file__).parents[2] / "schemas" / "vectors" / "vectors.json"
NETWORK_ID = compute_network_id(made.PASSPHRASE)
ASSET_DIGITS = 2  # of every asset of `tests.support.network`


def make_vectors() -> dict[str, Any]:
    """JSON; bytes in hex."""
    return {
        "frames": {
            kind.__name__: (b"\xc3\x01" + mark).hex() for kind, mark in FINGERPRINTS.items()
        },
        "strkey": _make_strkeys(),
        "network": {
            "passphrase": made.PASSPHRASE,
            "network_id": NETWORK_ID.hex(),
            "network_id_preimage": _preimage(
                "passphrase in UTF-8", made.PASSPHRASE.encode(), NETWORK_ID
            ),
        },
        "balance_id": _make_balance_id(),
        "ledger_key": {
            "balance": encode(LedgerKey(BalanceKey(_get_balance_id()))).hex(),
        },
        "quorum_set": _make_quorum_set(),
        "signed_request": make_signed_request(),
        "transaction": _make_transaction(),
        "request": _make_request_hash(),
        "preissuance": _make_preissuance(),
        "window": _make_window(),
        "statement": _make_statement(),
        "genesis": _make_genesis(),
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


def _preimage(formula: str, preimage: bytes, expected: bytes) -> dict[str, str]:
    """`expected` is what the product's own function says."""
    assert compute_hash(preimage) == expected, formula
    return {"formula": formula, "bytes": preimage.hex()}


def _get_balance_id() -> Any:
    return compute_balance_id(NETWORK_ID, made.get_account("alice"), "EUR", 0)


def _make_strkeys() -> dict[str, str]:
    key, balance_id = made.get_key("alice"), _get_balance_id()
    return {
        "seed_hex": bytes(key).hex(),
        "seed": encode_seed(bytes(key)),
        "account_hex": bytes(key.verify_key).hex(),
        "account": encode_account_id(bytes(key.verify_key)),
        "balance_hex": balance_id.hex(),
        "balance": encode_balance_id(balance_id),
    }


def _make_balance_id() -> dict[str, Any]:
    preimage = b"tokend-balance" + NETWORK_ID + made.get_account("alice") + b"EUR" + bytes(4)
    formula = "'tokend-balance' || network id || account || asset code || u32 index"
    return {
        "account": "alice",
        "asset": "EUR",
        "index": 0,
        "id": _get_balance_id().hex(),
        "id_preimage": _preimage(formula, preimage, _get_balance_id()),
    }


def _make_window() -> dict[str, Any]:
    """What instances of a service sign together about one fact, in one window of time."""
    operation, evidence_key, window = "create_issuance_request", b"evidence of a deposit", 2_833_333
    source = made.get_account("issuer")
    salt = compute_window_salt(NETWORK_ID, source, operation, evidence_key, window)
    preimage = b"tokend-window" + NETWORK_ID + source + operation.encode() + evidence_key
    digest = compute_hash(preimage + window.to_bytes(8, "big"))
    assert digest.startswith(salt.to_bytes(8, "big"))
    formula = "'tokend-window' || network id || source || operation || evidence key || u64 window"
    first_ms, last_ms = compute_window_times(window)
    assert compute_window(first_ms) == compute_window(last_ms) == window
    return {
        "source": source.hex(),
        "operation": operation,
        "evidence_key": evidence_key.hex(),
        "window": window,
        "min_time_ms": first_ms,
        "max_time_ms": last_ms,
        "salt": salt,
        "digest": digest.hex(),
        "digest_preimage": _preimage(formula, preimage + window.to_bytes(8, "big"), digest),
    }


def _make_quorum_set() -> dict[str, Any]:
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
    transaction_hash = compute_transaction_hash(NETWORK_ID, raw)
    formula = "'tokend-tx' || network id || Transaction bytes"
    return {
        "bytes": raw.hex(),
        "hash": transaction_hash.hex(),
        "hash_preimage": _preimage(formula, b"tokend-tx" + NETWORK_ID + raw, transaction_hash),
        "signed_by": ["alice"],
        "envelope": envelope.hex(),
        "envelope_hash": compute_hash(envelope).hex(),
        "framed": frame(decode(TransactionEnvelope, envelope)).hex(),
    }


def _make_request_hash() -> dict[str, Any]:
    """Of a request as it stands in a ledger."""
    network = made.make_economy()
    network.apply("issuer", made.create_asset("USD", tasks=16))
    request = network.ledger.state.get_reviewable_request(4)
    assert request is not None
    content = encode(RequestContent(request.request_id, request.sequence_number, request.body))
    return {
        "entry": encode(LedgerEntry(request)).hex(),
        "hash": request.request_hash.hex(),
        "hash_preimage": _preimage("RequestContent bytes", content, request.request_hash),
    }


def _make_preissuance() -> dict[str, Any]:
    network = made.Network()
    operation = requests.preissue(network, "EUR", 1000, "batch 1")
    [signed] = get_signed_messages(operation, NETWORK_ID)
    content = encode(PreissuanceContent(operation.asset, operation.amount, operation.reference))
    formula = "'tokend-preissuance' || network id || PreissuanceContent bytes"
    preimage = b"tokend-preissuance" + NETWORK_ID + content
    return {
        "operation": encode(operation).hex(),
        "signed_by": "pre-issuer",
        "hash": signed.message.hex(),
        "hash_preimage": _preimage(formula, preimage, Hash(signed.message)),
    }


def _make_statement() -> dict[str, Any]:
    key = made.get_key("validator 0")
    pledges = Externalize(Ballot(1, b"value"), 1, compute_hash(b"quorum set"))
    raw = encode(Statement(PublicKey(bytes(key.verify_key)), 2, pledges))
    signed = compute_statement_hash(NETWORK_ID, raw)
    formula = "'tokend-scp' || network id || Statement bytes"
    return {
        "bytes": raw.hex(),
        "hash": signed.hex(),
        "hash_preimage": _preimage(formula, b"tokend-scp" + NETWORK_ID + raw, signed),
        "signed_by": "validator 0",
        "signature": key.sign(signed).signature.hex(),
    }


def _make_genesis() -> dict[str, Any]:
    genesis = made.make_genesis()
    opened = open_genesis(genesis)
    closed = opened.closed
    return {
        "file": json.loads(msgspec.json.encode(genesis)),
        "state": _show_state(opened.ledger.state.encoded),
        "state_root": closed.header.state_root.hex(),
        "body": closed.body.hex(),
        "header": closed.header_bytes.hex(),
        "header_hash": closed.header_hash.hex(),
    }


def _show_state(encoded: dict[KeyBytes, bytes]) -> list[list[str]]:
    """LedgerKey bytes and LedgerEntry bytes, ascending."""
    return [[key.hex(), encoded[key].hex()] for key in sorted(encoded)]


def _make_ledger() -> dict[str, Any]:
    """A ledger of three transactions, of which one is refused and two use a reference."""
    network = made.make_economy()
    previous = network.ledger.header_hash
    candidates = [
        network.prepare("alice", made.pay(network, "alice", "bob", "EUR", 5, "rent")),
        network.prepare("bob", made.pay(network, "bob", "alice", "EUR", 7, "rent")),
        network.prepare("bob", made.pay(network, "bob", "alice", "EUR", 10**9)),
    ]
    closed = network.close(*candidates)
    hashes = sorted(each.envelope_hash for each in candidates)
    set_hash = compute_set_hash(previous, hashes)
    payload = compute_header_payload(NETWORK_ID, closed.header.sequence, closed.header_hash)
    return {
        "transaction_set": {
            "previous_header_hash": previous.hex(),
            "envelopes": {each.envelope_hash.hex(): each.envelope.hex() for each in candidates},
            "envelope_hashes": [each.hex() for each in hashes],
            "set_hash": set_hash.hex(),
            "set_hash_preimage": _preimage(
                "previous header hash || envelope hashes, ascending",
                previous + b"".join(hashes),
                set_hash,
            ),
            "set_hash_of_no_transactions": compute_set_hash(previous, []).hex(),
            "apply_order": [each.hex() for each in compute_apply_order(set_hash, hashes)],
        },
        "ledger": {
            "header": closed.header_bytes.hex(),
            "header_hash": closed.header_hash.hex(),
            "body": closed.body.hex(),
            "receipts": _show_receipts(closed),
            "receipts_root": closed.header.receipts_root.hex(),
            "state": _show_state(network.ledger.state.encoded),
            "state_root": closed.header.state_root.hex(),
            "signed_payload": payload.hex(),
        },
        "chain": {
            "what": "framed LedgerRecords from the genesis to the ledger above, as on a topic",
            "records": [frame(each).hex() for each in network.records],
        },
        "hash_window": _make_hash_window(network),
        "reference_window": _make_reference_window(network),
        "state_proof": _make_state_proof(network, network.get_balance_id("alice", "EUR")),
        "absence_proof": _make_state_proof(network, network.get_balance_id("nobody", "EUR")),
        "balance_proof": _make_balance_proof(network, "alice", "EUR"),
    }


def _show_receipts(closed: ClosedLedger) -> list[dict[str, str]]:
    """In apply order."""
    return [
        {
            "transaction_hash": each.candidate.transaction_hash.hex(),
            "result": encode(each.result).hex(),
        }
        for each in closed.applied
    ]


def _read_transactions(network: made.Network) -> Iterator[tuple[int, Hash, Transaction, bool]]:
    """From the records alone: ledger sequence, hash, transaction, whether it took effect."""
    for number, record in enumerate(network.records, start=1):
        for each in decode(LedgerBody, record.body).transactions:
            raw = decode(TransactionEnvelope, each.envelope).transaction
            is_success = each.result.code is TransactionCode.SUCCESS
            yield number, each.transaction_hash, decode(Transaction, raw), is_success


def _make_hash_window(network: made.Network) -> dict[str, Any]:
    rows = [
        [number, transaction.max_time_ms // 60_000, transaction_hash.hex()]
        for number, transaction_hash, transaction, _ in _read_transactions(network)
    ]
    members = ["ledger sequence", "minute of max_time_ms", "transaction hash"]
    return {
        "added": {"members": members, "rows": rows},
        "root": network.ledger.header.hash_window_root.hex(),
    }


def _make_reference_window(network: made.Network) -> dict[str, Any]:
    kinds = {Payment: 0, CreateIssuanceRequest: 1, CreatePreissuanceRequest: 1}
    rows = []
    for number, _, transaction, is_success in _read_transactions(network):
        for operation in transaction.operations:
            reference = getattr(operation.body, "reference", None)
            if reference is not None and is_success:
                account, kind = transaction.source_account, kinds[type(operation.body)]
                rows.append([number, kind, reference.day, account.hex(), reference.text])
    members = ["ledger sequence", "kind", "day", "account", "text"]
    return {
        "used": {"members": members, "rows": rows},
        "root": network.ledger.header.reference_window_root.hex(),
    }


def _make_state_proof(network: made.Network, balance_id: Any) -> dict[str, Any]:
    key = balance_key(balance_id)
    entry = network.ledger.state.encoded.get(key)
    return {
        "state_root": network.ledger.header.state_root.hex(),
        "key": key.hex(),
        "trie_key": compute_hash(key).hex(),
        "entry": None if entry is None else entry.hex(),
        "proof": encode(state_trie.prove(network.ledger.trie, compute_hash(key))).hex(),
    }


def _make_balance_proof(network: made.Network, name: str, asset: str) -> dict[str, Any]:
    """As a gateway answers, which is the only place where bytes are base64 here."""
    balance_id = network.get_balance_id(name, asset)
    record = network.records[-1]
    return {
        "balance": encode_balance_id(balance_id),
        "available": format_amount(network.get_amount(name, asset), ASSET_DIGITS),
        "answer": {
            "header": _show_base64(record.header),
            "certificate": _show_base64(encode(record.certificate)),
            "balance_entry": _show_entry_proof(network, balance_key(balance_id)),
            "asset_entry": _show_entry_proof(network, asset_key(asset)),
        },
    }


def _show_entry_proof(network: made.Network, key: KeyBytes) -> dict[str, str]:
    path = state_trie.prove(network.ledger.trie, compute_hash(key))
    return {
        "key": _show_base64(key),
        "entry": _show_base64(network.ledger.state.encoded[key]),
        "proof": _show_base64(encode(path)),
    }


def _show_base64(data: bytes) -> str:
    return base64.b64encode(data).decode()


if __name__ == "__main__":
    FILE.write_text(json.dumps(make_vectors(), indent=1, ensure_ascii=False) + "\n")
