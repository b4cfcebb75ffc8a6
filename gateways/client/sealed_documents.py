"""Documents that are encrypted before they leave the user's machine, to the KeyChain's public key.

A sealed document is MAGIC, the box (a random key, sealed to the public key by libsodium), the
header of a secretstream, and its messages: PIECE_BYTES of plain text each, the last one marked. A
piece that is changed, moved or cut off is found; nothing but the private key opens it.
"""

from collections.abc import Iterable, Iterator

from nacl.bindings import (
    crypto_secretstream_xchacha20poly1305_ABYTES,
    crypto_secretstream_xchacha20poly1305_HEADERBYTES,
    crypto_secretstream_xchacha20poly1305_init_pull,
    crypto_secretstream_xchacha20poly1305_init_push,
    crypto_secretstream_xchacha20poly1305_keygen,
    crypto_secretstream_xchacha20poly1305_pull,
    crypto_secretstream_xchacha20poly1305_push,
    crypto_secretstream_xchacha20poly1305_state,
    crypto_secretstream_xchacha20poly1305_TAG_FINAL,
    crypto_secretstream_xchacha20poly1305_TAG_MESSAGE,
)
from nacl.exceptions import CryptoError
from nacl.public import PrivateKey, PublicKey, SealedBox

MAGIC = b"tokend-sealed-1\n"
PIECE_BYTES = 64 * 1024
KEY_BYTES, SEAL_BYTES = 32, 48
BOX_BYTES = KEY_BYTES + SEAL_BYTES
HEADER_BYTES = crypto_secretstream_xchacha20poly1305_HEADERBYTES
HEAD_BYTES = len(MAGIC) + BOX_BYTES + HEADER_BYTES
SEALED_PIECE_BYTES = PIECE_BYTES + crypto_secretstream_xchacha20poly1305_ABYTES


class DocumentUnopenable(Exception):
    """It is no sealed document, was changed, or is sealed to another key."""


def compute_sealed_size(size: int) -> int:
    """Bytes of the sealed document of `size` bytes: what an upload announces."""
    pieces = max(1, -(-size // PIECE_BYTES))
    return HEAD_BYTES + size + pieces * crypto_secretstream_xchacha20poly1305_ABYTES


def seal_document(public_key: bytes, content: Iterable[bytes]) -> Iterator[bytes]:
    """`content`: in parts of any length."""
    key = crypto_secretstream_xchacha20poly1305_keygen()
    state = crypto_secretstream_xchacha20poly1305_state()
    header = crypto_secretstream_xchacha20poly1305_init_push(state, key)
    yield MAGIC + SealedBox(PublicKey(public_key)).encrypt(key) + header
    for piece, is_last in _split(content, PIECE_BYTES):
        tag = (
            crypto_secretstream_xchacha20poly1305_TAG_FINAL
            if is_last
            else crypto_secretstream_xchacha20poly1305_TAG_MESSAGE
        )
        yield crypto_secretstream_xchacha20poly1305_push(state, piece, tag=tag)


def open_document(private_key: bytes, content: Iterable[bytes]) -> Iterator[bytes]:
    """Raises DocumentUnopenable, also in the midst: what came before is genuine, but not all."""
    parts = _read(content)
    head = next(parts)
    box = head[len(MAGIC) : len(MAGIC) + BOX_BYTES]
    state = crypto_secretstream_xchacha20poly1305_state()
    try:
        key = SealedBox(PrivateKey(private_key)).decrypt(box)
        crypto_secretstream_xchacha20poly1305_init_pull(state, head[-HEADER_BYTES:], key)
    except (CryptoError, RuntimeError, ValueError, TypeError):
        raise DocumentUnopenable("it is sealed to another key, or was changed") from None
    is_over = False
    for piece in parts:
        if is_over:
            raise DocumentUnopenable("something follows its end")
        try:
            plain, tag = crypto_secretstream_xchacha20poly1305_pull(state, piece)
        except (CryptoError, RuntimeError, ValueError):
            raise DocumentUnopenable("a piece was changed, moved or cut") from None
        is_over = tag == crypto_secretstream_xchacha20poly1305_TAG_FINAL
        yield plain
    if not is_over:
        raise DocumentUnopenable("its end is missing")


def _read(content: Iterable[bytes]) -> Iterator[bytes]:
    """The head, then sealed pieces."""
    waiting = bytearray()
    parts = iter(content)
    while len(waiting) < HEAD_BYTES:
        part = next(parts, None)
        if part is None:
            raise DocumentUnopenable("it is no sealed document")
        waiting += part
    if not waiting.startswith(MAGIC):
        raise DocumentUnopenable("it is no sealed document")
    yield bytes(waiting[:HEAD_BYTES])
    rest = bytes(waiting[HEAD_BYTES:])

    def follow() -> Iterator[bytes]:
        yield rest
        yield from parts

    for piece, _ in _split(follow(), SEALED_PIECE_BYTES):
        yield piece


def _split(content: Iterable[bytes], size: int) -> Iterator[tuple[bytes, bool]]:
    """Pieces of `size`, the last one shorter or equal, and whether it is the last."""
    waiting = bytearray()
    for part in content:
        waiting += part
        while len(waiting) > size:
            yield bytes(waiting[:size]), False
            del waiting[:size]
    yield bytes(waiting), True
