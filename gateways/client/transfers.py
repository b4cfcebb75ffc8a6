"""External transfers for cosigners: read online, signed offline, brought back.

A file carries what a cosigner needs to an offline machine, and the signature back. What is signed
is checked against the payload's hash and shown in plain words by the chain's adapter. That the file
is the network's the offline machine cannot know: compare the payload's hash with a second source.
"""

import base64
import binascii
import hashlib
from collections.abc import Iterator
from typing import Any, Protocol

import msgspec

from gateways.client.errors import ClientError
from gateways.client.transactions import build_transaction, sign_transaction
from processors.psim.chains.adapter import AdapterError
from processors.psim.chains.signers import ChainSigner, SignDigest
from processors.psim.chains.table import get_adapter
from schemas.generated.common import U64, AccountID, Cosigner, Hash, TransferOutcome
from schemas.generated.entries import ExternalTransfer, Keyset
from schemas.generated.operations import (
    AddTransferSignature,
    SettledOutcome,
    SettleExternalTransfer,
)
from schemas.readable import Scales, Unreadable, read_value, show_account
from schemas.strkey import StrkeyError, decode_account_id

FORMAT = "tokend-transfer-1"
PAYLOAD_BYTES_MAX = 8_192
ATTESTABLE = {"paid": TransferOutcome.PAID, "ineffective": TransferOutcome.INEFFECTIVE}


class Reader(Protocol):
    """What a Horizon client can be asked."""

    def get(self, path: str) -> dict[str, Any]: ...

    def get_info(self) -> dict[str, Any]: ...

    def get_asset(self, code: str) -> dict[str, Any]: ...

    def walk(self, path: str) -> Iterator[dict[str, Any]]: ...


class TransferSignature(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A cosigner's, in base64."""

    account_id: str
    signature: str


class TransferFile(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What is carried. `transfer` and `keyset`: readable JSON of the entries; `digits`: the
    decimals of the transfer's asset; `payload` in base64."""

    format: str
    network_id: str
    transfer: dict[str, Any]
    digits: int
    keyset: dict[str, Any]
    version: int
    payload: str
    payload_hash: str
    signatures: list[TransferSignature] = []


def export_transfer(client: Reader, transfer_id: int) -> TransferFile:
    """Of the newest version. Raises ClientError."""
    attributes = client.get(f"/v3/transfers/{transfer_id}")["data"]["attributes"]
    entry, payloads = attributes["entry"], attributes["payloads"]
    if not payloads:
        raise ClientError(f"the transfer {transfer_id} is closed: nothing of it is signed any more")
    newest = entry["versions"][-1]
    payload = next(p for p in payloads if p["version"] == newest["payload_version"])
    keyset = next(
        (
            each["attributes"]["entry"]
            for each in client.walk("/v3/keysets")
            if _names(each["attributes"]["entry"], entry, newest["keyset_version"])
        ),
        None,
    )
    if keyset is None:
        raise ClientError("the gateway does not show the transfer's keyset: ask another one")
    return TransferFile(
        format=FORMAT,
        network_id=client.get_info()["network_id"],
        transfer=entry,
        digits=client.get_asset(entry["asset"])["trailing_digits"],
        keyset=keyset,
        version=len(entry["versions"]),
        payload=payload["payload"],
        payload_hash=payload["payload_hash"],
    )


def read_transfer_file(raw: bytes) -> TransferFile:
    """Raises ClientError."""
    try:
        file = msgspec.json.decode(raw, type=TransferFile)
    except msgspec.DecodeError as error:
        raise ClientError(f"the file is no exported transfer: {error}") from None
    if file.format != FORMAT:
        raise ClientError(f"the file has the format {file.format!r}, not {FORMAT!r}")
    get_payload(file)
    return file


def write_transfer_file(file: TransferFile) -> bytes:
    return msgspec.json.format(msgspec.json.encode(file)) + b"\n"


def get_payload(file: TransferFile) -> bytes:
    """Raises ClientError unless its hash is the one that is signed for."""
    try:
        payload = base64.b64decode(file.payload, validate=True)
    except binascii.Error:
        raise ClientError("the payload is no base64") from None
    if len(payload) > PAYLOAD_BYTES_MAX or hashlib.sha256(payload).hexdigest() != file.payload_hash:
        raise ClientError("the payload is not the one of this hash: export it again")
    return payload


def describe_transfer(file: TransferFile) -> list[str]:
    """In plain words, the payload as its chain's adapter reads it. Raises ClientError."""
    transfer, keyset = _read_entries(file)
    lines = [
        f"network {file.network_id}",
        f"transfer {transfer.transfer_id} on {transfer.chain_id}, version {file.version}",
        f"{transfer.purpose.name} of {file.transfer['amount']} {transfer.asset}"
        f" from the {transfer.wallet.name} wallet, {len(transfer.requests)} requests",
        f"{keyset.threshold} of {len(keyset.cosigners)} cosigners sign",
        f"payload {file.payload_hash}:",
    ]
    payload = get_payload(file)
    with_adapter = _call_adapter(lambda: get_adapter(transfer.chain_id).describe(payload))
    return [*lines, *(f"  {line}" for line in with_adapter)]


def sign_transfer(file: TransferFile, signer: ChainSigner) -> TransferFile:
    """With the signature of the cosigner whose key it holds. Raises ClientError."""
    transfer, keyset = _read_entries(file)
    cosigner, sign = _find_cosigner(keyset, signer)
    payload, network_id = get_payload(file), Hash(bytes.fromhex(file.network_id))
    signature = _call_adapter(
        lambda: get_adapter(transfer.chain_id).sign(network_id, payload, cosigner.key, sign)
    )
    made = TransferSignature(
        show_account(cosigner.account_id), base64.b64encode(signature).decode()
    )
    others = [each for each in file.signatures if each.account_id != made.account_id]
    return msgspec.structs.replace(file, signatures=[*others, made])


def make_signature_operations(file: TransferFile) -> list[tuple[AccountID, AddTransferSignature]]:
    """By cosigners' accounts. Raises ClientError if a signature is none."""
    transfer, keyset = _read_entries(file)
    payload, network_id = get_payload(file), Hash(bytes.fromhex(file.network_id))
    made = []
    for each in file.signatures:
        signature, cosigner = _read_signature(each, keyset)
        is_true = _call_adapter(
            lambda s=signature, c=cosigner: get_adapter(transfer.chain_id).is_signature(
                network_id, payload, s, c.key
            )
        )
        if not is_true:
            raise ClientError(f"the signature of {each.account_id} is not one of this payload")
        payload_hash = Hash(bytes.fromhex(file.payload_hash))
        body = AddTransferSignature(transfer.transfer_id, file.version, payload_hash, signature)
        made.append((cosigner.account_id, body))
    return made


def make_attestation(
    client: Reader, account: str, transfer_id: int, outcome: str, evidence: bytes
) -> bytes:
    """An unsigned envelope from the attestors' account, which commits to the evidence. Raises
    ClientError."""
    if outcome not in ATTESTABLE:
        raise ClientError(f"an outcome is one of {', '.join(ATTESTABLE)}")
    info = client.get_info()
    result = SettledOutcome(ATTESTABLE[outcome], Hash(hashlib.sha256(evidence).digest()))
    transaction = build_transaction(
        Hash(bytes.fromhex(info["network_id"])),
        decode_account_id(account),
        (SettleExternalTransfer(U64(transfer_id), result, None),),
        int(info["latest_ledger_close_time_ms"]),
    )
    return sign_transaction(transaction)


def _names(keyset: dict[str, Any], transfer: dict[str, Any], version: int) -> bool:
    about = keyset["chain_id"], keyset["wallet"], keyset["version"]
    return about == (transfer["chain_id"], transfer["wallet"], version)


def _read_entries(file: TransferFile) -> tuple[ExternalTransfer, Keyset]:
    try:
        scales = Scales({str(file.transfer.get("asset")): file.digits})
        transfer = read_value(ExternalTransfer, file.transfer, scales)
        keyset = read_value(Keyset, file.keyset, scales)
    except Unreadable as error:
        raise ClientError(f"the file: {error}") from None
    return transfer, keyset


def _find_cosigner(keyset: Keyset, signer: ChainSigner) -> tuple[Cosigner, SignDigest]:
    for each in keyset.cosigners:
        sign = signer.open(each.key)
        if sign is not None:
            return each, sign
    raise ClientError("the seed is of no cosigner of this transfer")


def _read_signature(each: TransferSignature, keyset: Keyset) -> tuple[bytes, Cosigner]:
    try:
        account_id = decode_account_id(each.account_id)
        signature = base64.b64decode(each.signature, validate=True)
    except (StrkeyError, binascii.Error) as error:
        raise ClientError(f"a signature in the file: {error}") from None
    found = next((c for c in keyset.cosigners if c.account_id == account_id), None)
    if found is None:
        raise ClientError(f"{each.account_id} is no cosigner of this transfer")
    return signature, found


def _call_adapter(call: Any) -> Any:
    try:
        return call()
    except AdapterError as error:
        raise ClientError(str(error)) from None
