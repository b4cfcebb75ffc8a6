"""Bitcoin's transfers: PSBTs (BIP-174) that spend the network's multisignature coins. Pure.

A payload is a PSBT without signatures. It carries what an offline signer needs: each coin's amount
and script, and the places of the keys in it. Its lock time is the height at which the coins were
final, so a transfer names its block and cannot be mined before it.
"""

from collections.abc import Mapping, Sequence
from functools import lru_cache
from typing import NamedTuple

import wallycore as wally

from processors.psim.chains.adapter import CosignerKey, PayloadUnreadable
from processors.psim.chains.bitcoin_addresses import Network, derive_witness_script, encode_hash
from processors.psim.chains.signers import SignDigest
from schemas.generated.common import ExtendedPublicKey, Hash
from schemas.generated.entries import Keyset

VERSION = 2
REPLACEABLE = 0xFFFFFFFD
"""Every transfer may be replaced by one that pays a higher fee (BIP-125)."""
SATOSHIS_MAX = 21 * 10**14
SIGNATURE_BYTES = 64
KEPT = 1_000
"""Payloads and keys that need not be read or derived again."""
PUBLIC_KEY_BYTES = 33
OP_CHECKMULTISIG = 0xAE
FINGERPRINT_BYTES = 4
USE_WITNESS = wally.WALLY_TX_FLAG_USE_WITNESS
PUBLIC = wally.BIP32_FLAG_KEY_PUBLIC


class Outpoint(NamedTuple):
    """An output of a transaction."""

    transaction_id: Hash
    output_index: int


class Coin(NamedTuple):
    """An output that the network can spend: its keyset's address at `branch` and `number`."""

    outpoint: Outpoint
    satoshis: int
    height: int
    keyset: Keyset
    branch: int
    number: int


class Output(NamedTuple):
    script: bytes
    satoshis: int


class Input(NamedTuple):
    """`places`: public keys of the witness script, each with the upper key's fingerprint and the
    path below it, as BIP-174 writes them."""

    outpoint: Outpoint
    satoshis: int
    script: bytes
    witness_script: bytes
    places: tuple[tuple[bytes, bytes], ...]


class BitcoinTransfer(NamedTuple):
    """A payload, read. `unsigned`: the transaction's bytes, from which its id follows."""

    lock_height: int
    inputs: tuple[Input, ...]
    outputs: tuple[Output, ...]
    unsigned: bytes

    @property
    def fee(self) -> int:
        return sum(e.satoshis for e in self.inputs) - sum(e.satoshis for e in self.outputs)


@lru_cache(maxsize=KEPT)
def make_input(network: Network, coin: Coin) -> Input:
    """How a coin is spent. Raises `ValueError`."""
    path = coin.branch, coin.number
    steps = b"".join(each.to_bytes(4, "little") for each in path)
    keys = [c.key for c in coin.keyset.cosigners if isinstance(c.key, ExtendedPublicKey)]
    derived = [derive_key(each, path) for each in keys]
    return Input(
        coin.outpoint,
        coin.satoshis,
        network.derive_script(coin.keyset, coin.number, coin.branch),
        derive_witness_script(network, coin.keyset, coin.number, coin.branch),
        tuple((key, fingerprint + steps) for key, fingerprint in sorted(derived)),
    )


def make_payload(inputs: Sequence[Input], outputs: Sequence[Output], lock_height: int) -> bytes:
    """Everybody makes the same bytes of the same inputs and outputs, in their order."""
    made = wally.tx_init(VERSION, lock_height, len(inputs), len(outputs))
    for each in inputs:
        name, number = each.outpoint
        wally.tx_add_raw_input(made, name, number, REPLACEABLE, None, None, 0)
    for script, satoshis in outputs:
        wally.tx_add_raw_output(made, satoshis, script, 0)
    psbt = wally.psbt_from_tx(made, 0, 0)
    for number, each in enumerate(inputs):
        output = wally.tx_output_init(each.satoshis, each.script)
        wally.psbt_set_input_witness_utxo(psbt, number, output)
        wally.psbt_set_input_witness_script(psbt, number, each.witness_script)
        wally.psbt_set_input_keypaths(psbt, number, wally.map_from_dict(dict(each.places)))
    return bytes(wally.psbt_to_bytes(psbt, 0))


@lru_cache(maxsize=KEPT)
def read_payload(payload: bytes) -> BitcoinTransfer:
    """Raises `PayloadUnreadable`, also for what is signed already or written otherwise."""
    try:
        psbt = wally.psbt_from_bytes(payload, wally.WALLY_PSBT_PARSE_FLAG_STRICT)
        if bytes(wally.psbt_to_bytes(psbt, 0)) != payload:
            raise PayloadUnreadable("the PSBT is not written as it should be")
        made = wally.psbt_get_global_tx_alloc(psbt)
        inputs = tuple(_read_input(psbt, made, n) for n in range(wally.tx_get_num_inputs(made)))
        outputs = tuple(
            Output(
                bytes(wally.tx_get_output_script(made, number)),
                wally.tx_get_output_satoshi(made, number),
            )
            for number in range(wally.tx_get_num_outputs(made))
        )
        unsigned = bytes(wally.tx_to_bytes(made, 0))
        found = BitcoinTransfer(wally.tx_get_locktime(made), inputs, outputs, unsigned)
    except (ValueError, TypeError, RuntimeError):
        raise PayloadUnreadable("the payload is no PSBT of ours: do not sign it") from None
    if not inputs or not outputs or found.fee < 0:
        raise PayloadUnreadable("the PSBT spends nothing, pays nothing or pays more than it spends")
    return found


def _read_input(psbt: object, made: object, number: int) -> Input:
    output = wally.psbt_get_input_witness_utxo_alloc(psbt, number)
    satoshis = wally.tx_output_get_satoshi(output)
    script = bytes(wally.tx_output_get_script(output))
    witness_script = bytes(wally.psbt_get_input_witness_script(psbt, number))
    is_ours = script == bytes(
        wally.witness_program_from_bytes(witness_script, wally.WALLY_SCRIPT_SHA256)
    )
    is_signed = wally.psbt_get_input_signatures_size(psbt, number) > 0
    is_replaceable = wally.tx_get_input_sequence(made, number) == REPLACEABLE
    if not is_ours or is_signed or not is_replaceable or not 0 <= satoshis <= SATOSHIS_MAX:
        raise PayloadUnreadable(f"input {number} of the PSBT is not one of ours")
    outpoint = Outpoint(
        Hash(bytes(wally.tx_get_input_txhash(made, number))),
        wally.tx_get_input_index(made, number),
    )
    places = tuple(_read_place(psbt, number, each) for each in _find_public_keys(witness_script))
    return Input(outpoint, satoshis, script, witness_script, places)


def _find_public_keys(witness_script: bytes) -> list[bytes]:
    """Of k of n keys, as multi() writes them. Raises `PayloadUnreadable`."""
    body, pushed = witness_script[1:-2], bytes([PUBLIC_KEY_BYTES])
    step = 1 + PUBLIC_KEY_BYTES
    keys = [body[i + 1 : i + step] for i in range(0, len(body), step)]
    is_multi = b"".join(pushed + each for each in keys) == body and len(keys) > 0
    if not is_multi or witness_script[-1] != OP_CHECKMULTISIG:
        raise PayloadUnreadable("a coin's script is not of several keys")
    return keys


def _read_place(psbt: object, number: int, key: bytes) -> tuple[bytes, bytes]:
    found = wally.psbt_find_input_keypath(psbt, number, key)
    if not found:
        raise PayloadUnreadable("the PSBT does not say where a key comes from")
    return key, bytes(wally.psbt_get_input_keypath(psbt, number, found - 1))


def _read_path(place: bytes) -> tuple[int, ...]:
    """Behind the fingerprint."""
    steps = [place[i : i + 4] for i in range(FINGERPRINT_BYTES, len(place), 4)]
    return tuple(int.from_bytes(each, "little") for each in steps)


@lru_cache(maxsize=KEPT)
def derive_key(key: ExtendedPublicKey, path: tuple[int, ...]) -> tuple[bytes, bytes]:
    """The public key at a path below, and the fingerprint of the upper one."""
    upper = wally.bip32_key_from_base58(key.text)
    below = wally.bip32_key_from_parent_path(upper, list(path), PUBLIC)
    fingerprint = bytes(wally.bip32_key_get_fingerprint(upper))
    return bytes(wally.bip32_key_get_pub_key(below)), fingerprint


def compute_digests(transfer: BitcoinTransfer) -> list[bytes]:
    """What is signed of each input (BIP-143, all of the transaction)."""
    made = wally.tx_from_bytes(transfer.unsigned, 0)
    return [
        bytes(
            wally.tx_get_btc_signature_hash(
                made,
                number,
                each.witness_script,
                each.satoshis,
                wally.WALLY_SIGHASH_ALL,
                USE_WITNESS,
            )
        )
        for number, each in enumerate(transfer.inputs)
    ]


def compute_transaction_id(transfer: BitcoinTransfer) -> Hash:
    return Hash(bytes(wally.sha256d(transfer.unsigned)))


class BitcoinAdapter:
    """A `ChainAdapter`. A cosigner's signature is 64 bytes for each input, in their order."""

    def __init__(self, chain_id: str) -> None:
        self.network = Network(chain_id)

    def describe(self, payload: bytes) -> list[str]:
        transfer = read_payload(payload)
        spent = sum(each.satoshis for each in transfer.inputs)
        lines = [f"spends {len(transfer.inputs)} coins of {show_coins(spent)} BTC in all:"]
        for each in transfer.inputs:
            name, number = encode_hash(each.outpoint.transaction_id), each.outpoint.output_index
            lines.append(f"  {name}:{number} of {show_coins(each.satoshis)} BTC")
        for script, satoshis in transfer.outputs:
            lines.append(f"pays {show_coins(satoshis)} BTC to {self.show_script(script)}")
        lines.append(f"leaves {show_coins(transfer.fee)} BTC to the miners")
        lines.append(f"cannot be mined before block {transfer.lock_height + 1}")
        return lines

    def show_script(self, script: bytes) -> str:
        """The address, or the script where there is none."""
        try:
            return str(wally.addr_segwit_from_bytes(script, self.network.prefix, 0))
        except ValueError:
            pass
        try:
            return str(wally.scriptpubkey_to_address(script, self.network.wally_network))
        except ValueError:
            return f"the script {script.hex()}"

    def sign(self, network_id: Hash, payload: bytes, key: CosignerKey, sign: SignDigest) -> bytes:
        del network_id  # Bitcoin's transactions say themselves what they spend
        transfer = read_payload(payload)
        if not isinstance(key, ExtendedPublicKey):
            raise PayloadUnreadable("the cosigner has no extended key")
        made = b""
        for each, digest in zip(transfer.inputs, compute_digests(transfer), strict=True):
            made += sign(_find_path(each, key), digest)
        return made

    def is_signature(
        self, network_id: Hash, payload: bytes, signature: bytes, key: CosignerKey
    ) -> bool:
        del network_id
        transfer = read_payload(payload)
        if not isinstance(key, ExtendedPublicKey):
            return False
        if len(signature) != SIGNATURE_BYTES * len(transfer.inputs):
            return False
        digests = compute_digests(transfer)
        for number, (each, digest) in enumerate(zip(transfer.inputs, digests, strict=True)):
            part = signature[SIGNATURE_BYTES * number : SIGNATURE_BYTES * (number + 1)]
            try:
                public_key, _ = derive_key(key, _find_path(each, key))
                wally.ec_sig_verify(public_key, digest, wally.EC_FLAG_ECDSA, part)
            except (ValueError, PayloadUnreadable):
                return False
            if part != bytes(wally.ec_sig_normalize(part)):
                return False  # nodes relay low s only
        return True


def _find_path(each: Input, key: ExtendedPublicKey) -> tuple[int, ...]:
    """Where in the coin's script a cosigner's key stands."""
    for public_key, place in each.places:
        path = _read_path(place)
        if derive_key(key, path)[0] == public_key and public_key in each.witness_script:
            return path
    raise PayloadUnreadable("a coin is not one of this cosigner's")


def combine(payload: bytes, keyset: Keyset, signatures: Mapping[int, bytes]) -> bytes:
    """The transaction as nodes take it. `signatures`: valid ones, by slot, as many as the keyset
    demands. The same signatures give the same bytes."""
    transfer = read_payload(payload)
    made = wally.tx_from_bytes(transfer.unsigned, 0)
    keys = {c.slot: c.key for c in keyset.cosigners if isinstance(c.key, ExtendedPublicKey)}
    for number, each in enumerate(transfer.inputs):
        found = {}
        for slot, signature in signatures.items():
            public_key, _ = derive_key(keys[slot], _find_path(each, keys[slot]))
            part = signature[SIGNATURE_BYTES * number : SIGNATURE_BYTES * (number + 1)]
            found[each.witness_script.index(public_key)] = part
        witness = wally.tx_witness_stack_init(len(found) + 2)
        wally.tx_witness_stack_add(witness, b"")  # what CHECKMULTISIG takes too much
        for at in sorted(found):
            encoded = bytes(wally.ec_sig_to_der(found[at])) + bytes([wally.WALLY_SIGHASH_ALL])
            wally.tx_witness_stack_add(witness, encoded)
        wally.tx_witness_stack_add(witness, each.witness_script)
        wally.tx_set_input_witness(made, number, witness)
    return bytes(wally.tx_to_bytes(made, USE_WITNESS))


def compute_size(keyset: Keyset, inputs: int, outputs: int) -> int:
    """Virtual bytes of the signed transaction, at the most."""
    script = 3 + 34 * len(keyset.cosigners)
    witness = 1 + 1 + 73 * keyset.threshold + 3 + script
    return 11 + 43 * outputs + inputs * (41 + (witness + 3) // 4 + 1)


def show_coins(satoshis: int) -> str:
    return f"{satoshis // 10**8}.{satoshis % 10**8:08}"
