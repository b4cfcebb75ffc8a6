"""State proofs at the last certified ledger, while newer ones are already closed, and at ledgers
that are held for a while, so that who asks step by step sees one state. Pure."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from schemas.generated.common import Hash
from schemas.generated.keys import KeyBytes
from schemas.generated.ledger import Certificate, LedgerHeader, StateProof
from streams.ledger.close import ClosedLedger, Ledger
from streams.ledger.hashes import compute_hash
from streams.ledger.state_trie import StateTrie, prove

HELD_MS = 30_000
HOLD_EVERY_MS = 4_000  # so at most eight are held


@dataclass(frozen=True, slots=True)
class EntryProof:
    """An entry, or its absence, under a header. `entry`: LedgerEntry bytes."""

    key: KeyBytes
    entry: bytes | None
    path: StateProof


@dataclass(frozen=True, slots=True)
class Proof:
    """Entries under one certified header, in the order of the keys that were asked for."""

    sequence: int
    header: bytes
    certificate: Certificate
    entries: tuple[EntryProof, ...]


@dataclass(slots=True)
class _Version:
    trie: StateTrie
    header: LedgerHeader
    header_bytes: bytes
    header_hash: Hash
    before: dict[KeyBytes, tuple[bytes | None, bytes | None]]
    certificate: Certificate | None = None


@dataclass(slots=True)
class _Held:
    """A certified version. `entries`: those that later ledgers changed, as they were at it."""

    version: _Version
    certificate: Certificate
    entries: dict[KeyBytes, bytes | None]


class Proofs:
    """The versions of the state from the last certified one on, and those that are held.

    Versions share what has not changed between them, but under full load a held one costs some
    tens of MB, so there is one for every few seconds and not one for every ledger.
    """

    def __init__(self, ledger: Ledger) -> None:
        self._ledger = ledger
        self._versions: dict[int, _Version] = {}
        self._held: dict[int, _Held] = {}

    def add_closed(self, closed: ClosedLedger) -> None:
        for held in self._held.values():
            _keep_earliest(held.entries, closed.changes)
        self._versions[closed.header.sequence] = _Version(
            closed.trie,
            closed.header,
            closed.header_bytes,
            closed.header_hash,
            closed.changes,
        )

    def set_certificate(self, sequence: int, header_hash: Hash, certificate: Certificate) -> None:
        version = self._versions.get(sequence)
        if version is None or version.header_hash != header_hash:
            return
        version.certificate = certificate
        for old in [each for each in self._versions if each < sequence]:
            del self._versions[old]
        now_ms = version.header.close_time_ms
        for old, held in list(self._held.items()):
            if now_ms - held.version.header.close_time_ms > HELD_MS:
                del self._held[old]

    def prove(self, keys: Sequence[KeyBytes]) -> Proof | None:
        """At the last certified ledger; None until one was certified since the start."""
        found = self._get_certified()
        if found is None:
            return None
        sequence, version, certificate = found
        entries = {key: self._get_entry(key, sequence) for key in keys}
        return _make_proof(version, certificate, entries)

    def hold(self) -> int | None:
        """The sequence of a certified ledger, at most `HOLD_EVERY_MS` behind the last one, that can
        be proved at for `HELD_MS`, by close times. None until one was certified since the start.
        """
        found = self._get_certified()
        if found is None:
            return None
        sequence, version, certificate = found
        newest = max(self._held, default=None)
        if newest is not None:
            age_ms = version.header.close_time_ms - self._held[newest].version.header.close_time_ms
            if age_ms < HOLD_EVERY_MS:
                return newest
        held = self._held[sequence] = _Held(version, certificate, {})
        for later, each in self._versions.items():
            if later > sequence:
                _keep_earliest(held.entries, each.before)
        return sequence

    def prove_held(self, sequence: int, keys: Sequence[KeyBytes]) -> Proof | None:
        """At a held ledger; None if it is not held, or not any more."""
        held = self._held.get(sequence)
        if held is None:
            return None
        now = self._ledger.state.encoded
        entries = {key: held.entries[key] if key in held.entries else now.get(key) for key in keys}
        return _make_proof(held.version, held.certificate, entries)

    def _get_certified(self) -> tuple[int, _Version, Certificate] | None:
        for sequence, version in self._versions.items():
            if version.certificate is not None:
                return sequence, version, version.certificate
        return None

    def _get_entry(self, key: KeyBytes, sequence: int) -> bytes | None:
        """The entry after `sequence`: what the first later change found, or what is there now."""
        for later, version in self._versions.items():
            if later > sequence and key in version.before:
                return version.before[key][0]
        return self._ledger.state.encoded.get(key)


def _keep_earliest(
    entries: dict[KeyBytes, bytes | None],
    changes: Mapping[KeyBytes, tuple[bytes | None, bytes | None]],
) -> None:
    for key, (before, _) in changes.items():
        entries.setdefault(key, before)


def _make_proof(
    version: _Version, certificate: Certificate, entries: Mapping[KeyBytes, bytes | None]
) -> Proof:
    proved = tuple(
        EntryProof(key, entry, prove(version.trie, compute_hash(key)))
        for key, entry in entries.items()
    )
    return Proof(version.header.sequence, version.header_bytes, certificate, proved)
