"""Ethereum's transfers: transactions of a Safe, which owners sign offline and anybody sends. Pure.

A payload is the Safe's transaction as JSON, written in one way. Gas price and refunds are zero, so
that a call that fails reverts all of it and uses no nonce. Several calls go by Safe's MultiSend.
"""

import re
from collections.abc import Mapping, Sequence
from functools import lru_cache
from typing import Any, NamedTuple

import msgspec
import wallycore as wally
from eth_abi import decode as decode_abi
from eth_abi import encode as encode_abi
from eth_abi.exceptions import DecodingError
from eth_utils import keccak, to_checksum_address

from processors.psim.chains.adapter import CosignerKey, PayloadUnreadable
from processors.psim.chains.calls import encode_call
from processors.psim.chains.signers import SignDigest
from schemas.generated.common import EthereumAddressBytes, EthereumKey, Hash
from schemas.generated.entries import Keyset

ZERO = "0x" + 40 * "0"
WORD = 32
SIGNATURE_BYTES = 65
HALF_ORDER = 0x7FFFFFFFFFFFFFFFFFFFFFFFFFFFFFFF5D576E7357A4501DDFE92F46681B20A0
CALL, DELEGATE = 0, 1
KEPT = 1_000
"""Payloads that need not be read again."""
DOMAIN_TYPE = keccak(text="EIP712Domain(uint256 chainId,address verifyingContract)")
SAFE_TYPE = keccak(
    text="SafeTx(address to,uint256 value,bytes data,uint8 operation,uint256 safeTxGas,"
    "uint256 baseGas,uint256 gasPrice,address gasToken,address refundReceiver,uint256 nonce)"
)
EXECUTE = (
    "execTransaction(address,uint256,bytes,uint8,uint256,uint256,uint256,address,address,bytes)"
)
DERIVATION = re.compile(r"safe\((0x[0-9a-fA-F]{40}),(0x[0-9a-fA-F]{40})\)")
ADDRESS = re.compile(r"0x[0-9a-fA-F]{40}")


class Call(NamedTuple):
    """One call that a Safe makes; `to` with its checksum."""

    to: str
    wei: int
    data: bytes


class SafeTransfer(NamedTuple):
    """A payload, read. `after`: the block behind which it is looked for."""

    number: int
    safe: str
    call: Call
    operation: int
    nonce: int
    after: int


class _Written(msgspec.Struct, forbid_unknown_fields=True):
    after: int
    chain: int
    data: str
    nonce: int
    operation: int
    safe: str
    to: str
    value: str


def make_derivation(safe: str, multi_send: str) -> str:
    """A keyset's, of a wallet that is a Safe."""
    return f"safe({to_checksum_address(safe)},{to_checksum_address(multi_send)})"


@lru_cache(maxsize=KEPT)
def read_derivation(keyset: Keyset) -> tuple[str, str]:
    """The Safe and the MultiSend that it uses. Raises `ValueError`."""
    found = DERIVATION.fullmatch(keyset.derivation)
    if found is None:
        raise ValueError(f"keyset {keyset.version}: its derivation is not safe(SAFE,MULTISEND)")
    return str(to_checksum_address(found[1])), str(to_checksum_address(found[2]))


def make_transfer(
    number: int, keyset: Keyset, calls: Sequence[Call], nonce: int, after: int
) -> SafeTransfer:
    """One call is made by itself. Raises `ValueError`."""
    safe, multi_send = read_derivation(keyset)
    if len(calls) == 1:
        return SafeTransfer(number, safe, calls[0], CALL, nonce, after)
    packed = b"".join(
        bytes([CALL])
        + bytes.fromhex(each.to[2:])
        + each.wei.to_bytes(WORD, "big")
        + len(each.data).to_bytes(WORD, "big")
        + each.data
        for each in calls
    )
    call = Call(multi_send, 0, encode_call("multiSend(bytes)", packed))
    return SafeTransfer(number, safe, call, DELEGATE, nonce, after)


def make_cancel(transfer: SafeTransfer) -> SafeTransfer:
    """Uses up its nonce, and moves nothing: the Safe calls itself."""
    return transfer._replace(call=Call(transfer.safe, 0, b""), operation=CALL)


def write_payload(transfer: SafeTransfer) -> bytes:
    call = transfer.call
    written = _Written(
        transfer.after,
        transfer.number,
        "0x" + call.data.hex(),
        transfer.nonce,
        transfer.operation,
        transfer.safe,
        call.to,
        str(call.wei),
    )
    return msgspec.json.encode(written)


@lru_cache(maxsize=KEPT)
def read_payload(payload: bytes) -> SafeTransfer:
    """Raises `PayloadUnreadable`."""
    try:
        found = msgspec.json.decode(payload, type=_Written)
        transfer = SafeTransfer(
            found.chain,
            found.safe,
            Call(found.to, int(found.value), bytes.fromhex(found.data[2:])),
            found.operation,
            found.nonce,
            found.after,
        )
        is_written = write_payload(transfer) == payload
    except (msgspec.DecodeError, ValueError):
        raise PayloadUnreadable("the payload is no Safe's transaction: do not sign it") from None
    numbers = transfer.number, transfer.nonce, transfer.after, transfer.call.wei
    are_addresses = all(ADDRESS.fullmatch(e) for e in (transfer.safe, transfer.call.to))
    if not is_written or not are_addresses or any(not 0 <= e < 2**256 for e in numbers):
        raise PayloadUnreadable("the Safe's transaction is not written as it should be")
    if transfer.operation not in (CALL, DELEGATE):
        raise PayloadUnreadable("the Safe's transaction is neither a call nor several")
    return transfer


def find_calls(transfer: SafeTransfer) -> list[Call]:
    """What it does. Raises `PayloadUnreadable` for code of others that it would run."""
    if transfer.operation == CALL:
        return [transfer.call]
    try:
        selector = keccak(text="multiSend(bytes)")[:4]
        if transfer.call.data[:4] != selector or transfer.call.wei:
            raise PayloadUnreadable("the Safe would run code that nobody knows: do not sign it")
        (packed,) = decode_abi(["bytes"], transfer.call.data[4:])
        calls = []
        while packed:
            operation, to = packed[0], packed[1:21]
            wei, length = (int.from_bytes(packed[i : i + WORD], "big") for i in (21, 53))
            data, packed = packed[85 : 85 + length], packed[85 + length :]
            if operation != CALL or len(to) != 20 or len(data) != length:
                raise PayloadUnreadable("the batch is not one of plain calls: do not sign it")
            calls.append(Call(str(to_checksum_address(to)), wei, data))
    except (DecodingError, IndexError):
        raise PayloadUnreadable("the batch cannot be read: do not sign it") from None
    return calls


@lru_cache(maxsize=KEPT)
def compute_hash(transfer: SafeTransfer) -> Hash:
    """safeTxHash (EIP-712): what owners sign, and what the Safe's events name."""
    call = transfer.call
    domain = keccak(
        DOMAIN_TYPE + encode_abi(["uint256", "address"], [transfer.number, transfer.safe])
    )
    types = ["address", "uint256", "bytes32", "uint8", *["uint256"] * 3, *["address"] * 2]
    values: list[Any] = [call.to, call.wei, keccak(call.data), transfer.operation, 0, 0, 0]
    body = encode_abi([*types, "uint256"], [*values, ZERO, ZERO, transfer.nonce])
    return Hash(keccak(b"\x19\x01" + domain + keccak(SAFE_TYPE + body)))


def encode_execution(transfer: SafeTransfer, signatures: bytes) -> bytes:
    """The call of the Safe by which anybody sends it."""
    call = transfer.call
    return encode_call(
        EXECUTE,
        *(call.to, call.wei, call.data, transfer.operation, 0, 0, 0, ZERO, ZERO, signatures),
    )


def combine(payload: bytes, keyset: Keyset, signatures: Mapping[int, bytes]) -> bytes:
    """The execution's call data, signatures ascending by their owners."""
    owners = {c.slot: c.key.address for c in keyset.cosigners if isinstance(c.key, EthereumKey)}
    ordered = sorted(signatures, key=lambda slot: bytes(owners[slot]))
    joined = b"".join(signatures[slot] for slot in ordered)
    return encode_execution(read_payload(payload), joined)


class EthereumAdapter:
    """A `ChainAdapter`. A cosigner's signature is 65 bytes: r, s and v."""

    def __init__(self, chain_id: str) -> None:
        self._number = int(chain_id.partition(":")[2])

    def describe(self, payload: bytes) -> list[str]:
        transfer = self._read(payload)
        lines = [
            f"the Safe {transfer.safe} on chain {transfer.number}, nonce {transfer.nonce},",
            f"safeTxHash 0x{compute_hash(transfer).hex()}:",
        ]
        calls = find_calls(transfer)
        if transfer.operation == DELEGATE:
            lines.append(f"makes {len(calls)} calls by MultiSend {transfer.call.to}")
        return [*lines, *(f"  {describe_call(transfer, each)}" for each in calls)]

    def sign(self, network_id: Hash, payload: bytes, key: CosignerKey, sign: SignDigest) -> bytes:
        del network_id  # the chain and the Safe are in what is signed
        digest = compute_hash(self._read(payload))
        signature = sign((), digest)
        for v in (0, 1):
            if recover(digest, signature, v) == key:
                return signature + bytes([27 + v])
        raise PayloadUnreadable("the signer's key is not this cosigner's")

    def is_signature(
        self, network_id: Hash, payload: bytes, signature: bytes, key: CosignerKey
    ) -> bool:
        del network_id
        digest = compute_hash(self._read(payload))
        if len(signature) != SIGNATURE_BYTES or signature[64] not in (27, 28):
            return False
        if int.from_bytes(signature[32:64], "big") > HALF_ORDER:
            return False
        return recover(digest, signature[:64], signature[64] - 27) == key

    def _read(self, payload: bytes) -> SafeTransfer:
        transfer = read_payload(payload)
        if transfer.number != self._number:
            raise PayloadUnreadable(f"it is of chain {transfer.number}: do not sign it")
        return transfer


def describe_call(transfer: SafeTransfer, call: Call) -> str:
    """In plain words; what it does not know it shows as it is."""
    if call.to == transfer.safe and not call.data and not call.wei:
        return "nothing but using up the nonce"
    if not call.data:
        return f"pays {call.wei} wei to {call.to}"
    read = _read_call("transfer(address,uint256)", call.data)
    if read is not None and not call.wei:
        return f"pays {read[1]} units of the token {call.to} to {to_checksum_address(read[0])}"
    read = _read_call("sweep(address,uint256,uint256)", call.data)
    if read is not None and not call.wei:
        token = "wei" if read[0] == ZERO else f"units of the token {to_checksum_address(read[0])}"
        return f"sweeps {call.to}: {read[1]} {token} to the hot, {read[2]} to the cold wallet"
    return f"calls {call.to} with {call.wei} wei and 0x{call.data.hex()}"


def _read_call(signature: str, data: bytes) -> tuple[Any, ...] | None:
    if data[:4] != keccak(text=signature)[:4]:
        return None
    types = signature.partition("(")[2].removesuffix(")").split(",")
    try:
        values = tuple(decode_abi(types, data[4:]))
    except DecodingError:
        return None
    return values if encode_call(signature, *values) == data else None


def recover(digest: bytes, signature: bytes, v: int) -> EthereumKey | None:
    """Whose key made a signature; None: nobody's."""
    try:
        found = wally.ec_sig_to_public_key(digest, bytes([27 + v]) + signature)
        point = bytes(wally.ec_public_key_decompress(found))
    except ValueError:
        return None
    return EthereumKey(EthereumAddressBytes(keccak(point[1:])[-20:]))
