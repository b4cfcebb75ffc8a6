"""The handshake of two nodes and the ciphers it ends in. It knows no socket and no clock.

Each side sends a hello (version, network id, node id, ephemeral X25519 key), the dialling side
first. From the ephemeral keys come two one-way keys (libsodium's crypto_kx), and inside the two
encrypted streams each side first sends its Ed25519 signature over both hellos and its own role.
So nobody can pass for a node, play back a handshake, send one back to its author, or join two
dialling sides to each other; and what passes later cannot be read if a node's key leaks.
"""

from dataclasses import dataclass
from hashlib import sha256
from typing import NamedTuple

import nacl.bindings as sodium
from nacl.exceptions import CryptoError
from nacl.signing import SigningKey

from schemas.generated.common import PublicKey
from streams.ledger.signatures import is_valid_signature
from streams.node.overlay.interface import PeerError, Reason
from streams.node.overlay.queues import CHUNK_BYTES

DOMAIN = b"tokend-overlay"
MAGIC = DOMAIN + (1).to_bytes(2, "big")
HELLO_BYTES = len(MAGIC) + 3 * 32
STREAM_HEADER_BYTES: int = sodium.crypto_secretstream_xchacha20poly1305_HEADERBYTES
SEAL_BYTES: int = sodium.crypto_secretstream_xchacha20poly1305_ABYTES
RECORD_BYTES_MAX = 1 + CHUNK_BYTES + SEAL_BYTES
PROOF_BYTES = STREAM_HEADER_BYTES + 64 + SEAL_BYTES


class Hello(NamedTuple):
    """A hello's bytes, taken apart."""

    encoded: bytes
    network_id: bytes
    node_id: PublicKey
    ephemeral_key: bytes


def encode_hello(network_id: bytes, node_id: bytes, ephemeral_key: bytes) -> bytes:
    return MAGIC + network_id + node_id + ephemeral_key


def decode_hello(encoded: bytes) -> Hello:
    """Raises PeerError where the bytes are none of this version."""
    if len(encoded) != HELLO_BYTES or not encoded.startswith(MAGIC):
        raise PeerError(Reason.NOT_OVERLAY)
    network_id, node_id, key = (encoded[at : at + 32] for at in range(len(MAGIC), HELLO_BYTES, 32))
    return Hello(encoded, network_id, PublicKey(node_id), key)


@dataclass(slots=True)
class Sealer:
    """Encrypts this side's records."""

    state: sodium.crypto_secretstream_xchacha20poly1305_state

    def seal(self, content: bytes) -> bytes:
        """The record of `content`: u32 length and ciphertext."""
        sealed: bytes = sodium.crypto_secretstream_xchacha20poly1305_push(self.state, content)
        return len(sealed).to_bytes(4, "big") + sealed


@dataclass(slots=True)
class Opener:
    """Decrypts the other side's records; each only once and in order."""

    state: sodium.crypto_secretstream_xchacha20poly1305_state

    def open(self, sealed: bytes) -> bytes:
        """Raises PeerError unless `sealed` is the next record as the other side sealed it."""
        try:
            content, _ = sodium.crypto_secretstream_xchacha20poly1305_pull(self.state, sealed)
        except (CryptoError, ValueError) as error:
            raise PeerError(Reason.TAMPERED) from error
        return bytes(content)


class Handshake:
    """One side of one handshake: send `hello`, and agree on what the other side's says."""

    def __init__(self, network_id: bytes, signing_key: SigningKey, is_dialling: bool) -> None:
        self._signing_key = signing_key
        self._is_dialling = is_dialling
        self._ephemeral_key, self._ephemeral_secret = sodium.crypto_kx_keypair()
        node_id = bytes(signing_key.verify_key)
        self.hello = decode_hello(encode_hello(network_id, node_id, self._ephemeral_key))

    def agree(self, encoded: bytes) -> "Agreement":
        """What follows from the other side's hello. Raises PeerError."""
        other = decode_hello(encoded)
        if other.network_id != self.hello.network_id:
            raise PeerError(Reason.OTHER_NETWORK)
        keys = (self._ephemeral_key, self._ephemeral_secret, other.ephemeral_key)
        try:
            if self._is_dialling:
                hellos = self.hello.encoded + encoded
                receive, send = sodium.crypto_kx_client_session_keys(*keys)
            else:
                hellos = encoded + self.hello.encoded
                receive, send = sodium.crypto_kx_server_session_keys(*keys)
        except CryptoError as error:  # a key of small order, which would fix the session's keys
            raise PeerError(Reason.NOT_AUTHENTIC) from error
        common = DOMAIN + other.network_id + hellos
        digests = sha256(common + b"\x00").digest(), sha256(common + b"\x01").digest()
        own, others = digests if self._is_dialling else digests[::-1]
        return Agreement(other.node_id, self._signing_key, receive, send, own, others)


@dataclass(slots=True, repr=False)
class Agreement:
    """Both hellos are exchanged: each side proves that it is `peer`, or what it called itself."""

    peer: PublicKey
    _signing_key: SigningKey
    _receive_key: bytes
    _send_key: bytes
    _own_digest: bytes
    """SHA-256 of domain, network id, both hellos (the dialling side's first) and own role."""
    _others_digest: bytes

    def make_proof(self) -> tuple[bytes, Sealer]:
        """What to send after the hello, and the cipher of what follows it."""
        state = sodium.crypto_secretstream_xchacha20poly1305_state()
        header = sodium.crypto_secretstream_xchacha20poly1305_init_push(state, self._send_key)
        signature = self._signing_key.sign(self._own_digest).signature
        sealed = sodium.crypto_secretstream_xchacha20poly1305_push(state, signature)
        return header + sealed, Sealer(state)

    def receive_proof(self, proof: bytes) -> Opener:
        """The cipher of what follows the other side's proof. Raises PeerError: it is not `peer`."""
        header, sealed = proof[:STREAM_HEADER_BYTES], proof[STREAM_HEADER_BYTES:]
        state = sodium.crypto_secretstream_xchacha20poly1305_state()
        sodium.crypto_secretstream_xchacha20poly1305_init_pull(state, header, self._receive_key)
        opener = Opener(state)
        try:
            signature = opener.open(sealed)
        except PeerError as error:
            raise PeerError(Reason.NOT_AUTHENTIC) from error
        if not is_valid_signature(self.peer, self._others_digest, signature):
            raise PeerError(Reason.NOT_AUTHENTIC)
        return opener
