"""The node's PostgreSQL: what it must remember to go on after any kill. Shell; no decisions.

One connection, used from one thread. Every method is one transaction; `synchronous_commit` is on,
so what a method has returned from is durable. A database error is raised: the node must not go on
as if it had remembered.
"""

from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass

import psycopg
from psycopg.errors import LockNotAvailable
from psycopg.types.string import BytesBinaryDumper

from schemas.codec import decode, encode
from schemas.generated.common import Hash
from schemas.generated.consensus import QuorumSet
from schemas.generated.keys import KeyBytes
from schemas.generated.ledger import Certificate, HeaderSignature, LedgerHeader, LedgerRecord
from schemas.generated.overlay import Transactions
from streams.archive.snapshot import SnapshotRows
from streams.herder.herder import SLOTS_KEPT
from streams.herder.outputs import Commit, Persist, SetRow, StatementRow
from streams.herder.restored import Restored, RestoredHeader, make_closed_set
from streams.herder.votes import Vote
from streams.ledger.chain import VerifiedLedger, find_former_quorum_set
from streams.ledger.close import ClosedLedger, Ledger
from streams.ledger.hashes import compute_hash
from streams.ledger.invariants import check_everything
from streams.ledger.state import LedgerState
from streams.ledger.state_trie import build
from streams.node.windows import (
    load_hash_window,
    load_reference_window,
    replace_windows,
    write_windows,
)

APPLICATION = "tokend core"
FORGET_SETS_EVERY = 32  # ledgers

LOAD_ENTRIES = "SELECT key, entry FROM entries"
CREATE_ENTRIES = """
INSERT INTO entries (key, entry) SELECT * FROM unnest(%b::bytea[], %b::bytea[])"""
CHANGE_ENTRIES = CREATE_ENTRIES + " ON CONFLICT (key) DO UPDATE SET entry = excluded.entry"
WRITE_LEDGER = """
INSERT INTO ledgers (sequence, header_hash, header, body, own_signature, certificate)
VALUES (%b, %b, %b, %b, %b, %b)"""
WRITE_STATEMENT = """
INSERT INTO statements (slot, is_nomination, statement) VALUES (%b, %b, %b)
ON CONFLICT (slot, is_nomination) DO UPDATE SET statement = excluded.statement"""
WRITE_SET = """
INSERT INTO transaction_sets (set_hash, slot, envelopes) VALUES (%b, %b, %b)
ON CONFLICT (set_hash) DO NOTHING"""
WRITE_OFFSET = """
INSERT INTO ingest_offsets (partition, next_offset) VALUES (%b, %b)
ON CONFLICT (partition) DO UPDATE SET next_offset = excluded.next_offset"""
WRITE_CERTIFICATE = "UPDATE ledgers SET certificate = %b WHERE sequence = %b AND header_hash = %b"


class CorruptStore(Exception):
    """What the database holds does not fit together; the message says what."""


@dataclass(frozen=True, slots=True)
class StoredRecord:
    """A certified ledger, ready to publish or to send."""

    sequence: int
    record: LedgerRecord


class Store:
    """Opened by `Store(url)`; the tables must exist (`tokend migrate`)."""

    def __init__(self, url: str) -> None:
        self._connection = psycopg.connect(url, autocommit=True, application_name=APPLICATION)
        try:
            self._demand_durability()
        except BaseException:
            self._connection.close()
            raise
        # COPY looks dumpers up by column type; that of bytea is not compiled unless asked for.
        self._connection.adapters.register_dumper(bytes, BytesBinaryDumper)

    def _demand_durability(self) -> None:
        # Neither a role's nor a database's default may turn it off.
        self._connection.execute("SET synchronous_commit = on")
        for setting in ("fsync", "full_page_writes"):
            row = self._connection.execute(f"SHOW {setting}".encode()).fetchone()
            if row is None or row[0] != "on":
                raise CorruptStore(f"the database server runs with {setting} off: turn it on")

    def close(self) -> None:
        self._connection.close()

    def is_empty(self) -> bool:
        return self._connection.execute("SELECT 1 FROM ledgers LIMIT 1").fetchone() is None

    def is_shared(self) -> bool:
        """Whether another node has this database open."""
        row = self._connection.execute(
            "SELECT 1 FROM pg_stat_activity WHERE datname = current_database()"
            " AND application_name = %b AND pid <> pg_backend_pid()",
            (APPLICATION,),
        ).fetchone()
        return row is not None

    def load_ledger(self) -> Ledger:
        """The last closed ledger. Raises `CorruptStore` unless entries and header agree."""
        found = self._connection.execute(
            "SELECT header, header_hash FROM ledgers ORDER BY sequence DESC LIMIT 1", binary=True
        ).fetchone()
        if found is None:
            raise CorruptStore("the database holds no ledger")
        if compute_hash(found[0]) != found[1]:
            raise CorruptStore("the newest header is not the one that was stored")
        header = decode(LedgerHeader, found[0])
        rows = self._connection.execute(LOAD_ENTRIES, binary=True)
        encoded = {KeyBytes(key): entry for key, entry in rows}
        trie = build((compute_hash(key), compute_hash(raw)) for key, raw in encoded.items())
        if trie.root != header.state_root:
            raise CorruptStore(
                f"the entries' root {trie.root.hex()} is not that of ledger {header.sequence}: "
                "restore the database, or empty it to catch up from the peers"
            )
        window = load_hash_window(self._connection)
        if window.compute_root() != header.hash_window_root:
            raise CorruptStore(f"the hash window is not that of ledger {header.sequence}")
        references = load_reference_window(self._connection)
        if references.compute_root() != header.reference_window_root:
            raise CorruptStore(f"the reference window is not that of ledger {header.sequence}")
        state = LedgerState(encoded, references)
        check_everything(state)
        return Ledger(state, trie, window, header, Hash(found[1]))

    def load_genesis_hash(self) -> Hash:
        row = self._connection.execute(
            "SELECT header_hash FROM ledgers WHERE sequence = 1", binary=True
        ).fetchone()
        if row is None:
            raise CorruptStore("the database holds no genesis")
        return Hash(row[0])

    def load_restored(self) -> Restored:
        """What the herder goes on with."""
        statements = self._connection.execute(
            "SELECT slot, is_nomination, statement FROM statements ORDER BY slot", binary=True
        )
        sets = self._connection.execute(
            "SELECT slot, set_hash, envelopes FROM transaction_sets"
            " WHERE slot > (SELECT max(sequence) FROM ledgers) ORDER BY slot",
            binary=True,
        )
        headers = self._connection.execute(
            "SELECT l.sequence, l.header_hash, l.own_signature, p.header,"
            " (SELECT header FROM ledgers ORDER BY sequence DESC LIMIT 1) FROM ledgers l"
            " LEFT JOIN ledgers p ON p.sequence = l.sequence - 1"
            " WHERE l.certificate IS NULL ORDER BY l.sequence",
            binary=True,
        ).fetchall()
        closed = self._connection.execute(
            "SELECT header, body FROM ledgers WHERE certificate IS NULL"
            " ORDER BY sequence DESC LIMIT %b",
            (SLOTS_KEPT,),
            binary=True,
        )
        return Restored(
            tuple(StatementRow(*row) for row in statements),
            tuple(
                SetRow(slot, Hash(set_hash), decode(Transactions, raw).envelopes)
                for slot, set_hash, raw in sets
            ),
            tuple(
                RestoredHeader(
                    sequence,
                    Hash(hash_),
                    None if own is None else decode(HeaderSignature, own),
                    self._find_quorum_set(sequence, previous, newest),
                )
                for sequence, hash_, own, previous, newest in headers
            ),
            tuple(make_closed_set(*row) for row in closed),
            self.load_votes(),
        )

    def load_votes(self) -> tuple[Vote, ...]:
        """In the order in which they were given."""
        rows = self._connection.execute(
            "SELECT upgrade, from_ms, from_sequence, until_ms FROM votes ORDER BY place",
            binary=True,
        )
        return tuple(Vote(*row) for row in rows)

    def put_vote(self, vote: Vote) -> None:
        """Another vote for the same upgrade takes the place of the one before."""
        self._connection.execute(
            "INSERT INTO votes (upgrade, from_ms, from_sequence, until_ms) VALUES (%b, %b, %b, %b)"
            " ON CONFLICT (upgrade) DO UPDATE SET from_ms = excluded.from_ms,"
            " from_sequence = excluded.from_sequence, until_ms = excluded.until_ms",
            (vote.upgrade, vote.from_ms, vote.from_sequence, vote.until_ms),
        )

    def delete_vote(self, upgrade: bytes) -> None:
        self._connection.execute("DELETE FROM votes WHERE upgrade = %b", (upgrade,))

    def _find_quorum_set(
        self, sequence: int, previous: bytes | None, newest: bytes
    ) -> QuorumSet | None:
        """Who must certify the ledger after the header `previous`; None: whoever rules after the
        header `newest`."""
        if previous is None:
            return None
        wanted = decode(LedgerHeader, previous).quorum_set_hash
        if wanted == decode(LedgerHeader, newest).quorum_set_hash:
            return None
        bodies = self._connection.execute(
            "SELECT body FROM ledgers WHERE sequence >= %b ORDER BY sequence",
            (sequence,),
            binary=True,
        )
        return find_former_quorum_set((body for (body,) in bodies), wanted)

    def load_offsets(self) -> dict[int, int]:
        return dict(
            self._connection.execute(
                "SELECT partition, next_offset FROM ingest_offsets", binary=True
            ).fetchall()
        )

    def load_records(self, first: int, bytes_max: int) -> list[StoredRecord]:
        """Certified ledgers from `first` on without a gap, at least one if there is one."""
        records: list[StoredRecord] = []
        size = 0
        rows = self._connection.execute(
            "SELECT sequence, header, certificate, body FROM ledgers "
            "WHERE sequence >= %b ORDER BY sequence LIMIT 64",
            (first,),
            binary=True,
        )
        for sequence, header, certificate, body in rows:
            size += len(body)
            is_next = sequence == first + len(records)
            if certificate is None or not is_next or (records and size > bytes_max):
                break
            record = LedgerRecord(header, decode(Certificate, certificate), body)
            records.append(StoredRecord(sequence, record))
        return records

    def find_next(self, sequence: int) -> int | None:
        """The first ledger that is here from `sequence` on; None: there is none."""
        row = self._connection.execute(
            "SELECT min(sequence) FROM ledgers WHERE sequence >= %b", (sequence,)
        ).fetchone()
        return None if row is None else row[0]

    def load_certificate(self, sequence: int) -> tuple[Hash, Certificate] | None:
        row = self._connection.execute(
            "SELECT header_hash, certificate FROM ledgers WHERE sequence = %b",
            (sequence,),
            binary=True,
        ).fetchone()
        if row is None or row[1] is None:
            return None
        return Hash(row[0]), decode(Certificate, row[1])

    def persist(self, persist: Persist) -> None:
        """Own statements, and the sets they vote to commit."""
        with self._connection.transaction(), self._connection.cursor() as cursor:
            for row in persist.statements:
                cursor.execute(
                    WRITE_STATEMENT, (row.slot, row.is_nomination, row.statement), binary=True
                )
            for each in persist.sets:
                raw = encode(Transactions(each.envelopes))
                cursor.execute(WRITE_SET, (each.set_hash, each.slot, raw), binary=True)

    def commit(self, commit: Commit, offsets: Mapping[int, int]) -> None:
        """One closed ledger, whole, with the offsets to read on from."""
        closed = commit.closed
        sequence = closed.header.sequence
        with self._connection.transaction(), self._connection.cursor() as cursor:
            _write_entries(cursor, closed)
            _write_ledger(cursor, commit)
            write_windows(cursor, closed)
            cursor.execute("DELETE FROM statements WHERE slot < %b", (sequence - SLOTS_KEPT,))
            for partition, next_offset in offsets.items():
                cursor.execute(WRITE_OFFSET, (partition, next_offset))
            if closed.upgrades:
                cursor.execute(
                    "DELETE FROM votes WHERE upgrade = ANY(%b)", (list(closed.upgrades),)
                )
        if sequence % FORGET_SETS_EVERY == 0:
            self._forget_sets(sequence)

    def install(self, verified: VerifiedLedger, rows: SnapshotRows) -> None:
        """Puts everything after a ledger in the place of what is here, in one commit. Ledgers stay,
        but for those that lack their certificate: they lie before it, where archives have them.
        """
        with self._connection.transaction(), self._connection.cursor() as cursor:
            cursor.execute("TRUNCATE entries, statements, transaction_sets")
            with cursor.copy("COPY entries (key, entry) FROM STDIN (FORMAT BINARY)") as copy:
                copy.set_types(["bytea", "bytea"])
                for row in rows.entries:
                    copy.write_row(row)
            replace_windows(cursor, rows)
            cursor.execute("DELETE FROM ledgers WHERE certificate IS NULL")
            record = verified.record
            cursor.execute(
                WRITE_LEDGER,
                (
                    verified.header.sequence,
                    verified.header_hash,
                    record.header,
                    record.body,
                    None,
                    encode(record.certificate),
                ),
                binary=True,
            )

    def _forget_sets(self, sequence: int) -> None:
        """All at once: row by row they would leave PostgreSQL as much to clean up. It is put off
        while somebody copies the table or a set of a later slot is there."""
        with suppress(LockNotAvailable), self._connection.transaction():
            self._connection.execute("LOCK TABLE transaction_sets IN ACCESS EXCLUSIVE MODE NOWAIT")
            later = self._connection.execute(
                "SELECT 1 FROM transaction_sets WHERE slot > %b LIMIT 1", (sequence,)
            )
            if later.fetchone() is None:
                self._connection.execute("TRUNCATE transaction_sets")

    def set_certificate(self, sequence: int, header_hash: Hash, certificate: Certificate) -> None:
        self._connection.execute(
            WRITE_CERTIFICATE, (encode(certificate), sequence, header_hash), binary=True
        )


def _write_entries(cursor: psycopg.Cursor, closed: ClosedLedger) -> None:
    created, changed, removed = {}, {}, []
    for key, (before, after) in closed.changes.items():
        if after is None:
            removed.append(key)
        elif before is None:
            created[key] = after
        else:
            changed[key] = after
    for query, entries in ((CREATE_ENTRIES, created), (CHANGE_ENTRIES, changed)):
        if entries:
            cursor.execute(query, (list(entries), list(entries.values())), binary=True)
    if removed:
        cursor.execute("DELETE FROM entries WHERE key = ANY(%b)", (removed,), binary=True)


def _write_ledger(cursor: psycopg.Cursor, commit: Commit) -> None:
    closed = commit.closed
    cursor.execute(
        WRITE_LEDGER,
        (
            closed.header.sequence,
            closed.header_hash,
            closed.header_bytes,
            closed.body,
            None if commit.signature is None else encode(commit.signature),
            None if commit.certificate is None else encode(commit.certificate),
        ),
        binary=True,
    )
