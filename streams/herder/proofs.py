"""State proofs at the last certified ledger, while newer ones are already closed. Pure."""

from collections.abc import Sequence
from dataclasses import dataclass

from schemas.generated.common import Hash
from schemas.generated.keys import KeyBytes
from schemas.generated.ledger import Certificate, StateProof
from streams.ledger.close import ClosedLedger, Ledger
from streams.ledger.hashes import compute_hash
from streams.ledger.state_trie import StateTrie, prove


@dataclass(frozen=True, slots=True)
class EntryProof:
    """An entry, or its absence, under a header. `entry`: LedgerEntry bytes."""

    key: KeyBytes
    entry: bytes | None
    path: StateProof


@dataclass(frozen=True, slots=True)
class Proof:
    """Entries under one certified header, in the order of the keys that were asked for."""

    header: bytes
    certificate: Certificate
    entries: tuple[EntryProof, ...]


@dataclass(slots=True)
class _Version:
    trie: StateTrie
    header: bytes
    header_hash: Hash
    before: dict[KeyBytes, tuple[bytes | None, bytes | None]]
    certificate: Certificate | None


class Proofs:
    """The versions of the state from the last certified one on, by sequence."""

    def __init__(self, ledger: Ledger) -> None:
        self._ledger = ledger
        self._versions: dict[int, _Version] = {}

    def add_closed(self, closed: ClosedLedger) -> None:
        self._versions[closed.header.sequence] = _Version(
            self._ledger.trie, closed.header_bytes, closed.header_hash, closed.changes, None
        )

    def set_certificate(self, sequence: int, header_hash: Hash, certificate: Certificate) -> None:
        version = self._versions.get(sequence)
        if version is None or version.header_hash != header_hash:
            return
        version.certificate = certificate
        for old in [each for each in self._versions if each < sequence]:
            del self._versions[old]

    def prove(self, keys: Sequence[KeyBytes]) -> Proof | None:
        """None until a ledger was certified since the start."""
        for sequence, version in self._versions.items():
            if version.certificate is not None:
                entries = tuple(
                    EntryProof(
                        key,
                        self._get_entry(key, sequence),
                        prove(version.trie, compute_hash(key)),
                    )
                    for key in keys
                )
                return Proof(version.header, version.certificate, entries)
        return None

    def _get_entry(self, key: KeyBytes, sequence: int) -> bytes | None:
        """The entry after `sequence`: what the first later change found, or what is there now."""
        for later, version in self._versions.items():
            if later > sequence and key in version.before:
                return version.before[key][0]
        return self._ledger.state.encoded.get(key)
