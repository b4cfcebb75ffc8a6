"""Reports on reserves, as instances sign them, and the trees of balances that they name.

Only what its signature bears out is stored; whether enough signers of the asset's owner agree is
judged where it is read, by the ledger as it is then. Leaves come in parts: the tree is kept once
all of them are there and lead to the report's root.
"""

from collections.abc import Callable

import structlog
from nacl.exceptions import BadSignatureError
from nacl.signing import VerifyKey
from psycopg import sql

from processors.horizon.schema import LIVE, Connection, lock_against_swap
from processors.ledger_feed.topic import Message
from schemas.codec import FRAME_MARKER, Malformed, decode, unframe
from schemas.generated import FINGERPRINTS
from schemas.generated.events import ReserveLiabilities, ReserveReport, SignedReserveReport
from streams.ledger.hashes import compute_hash
from streams.ledger.reserves import compute_reserve_payload
from streams.ledger.sum_tree import NODE_BYTES, SumTree

log = structlog.get_logger()
TABLES = ("reserve_reports", "reserve_signatures", "reserve_leaves", "reserve_levels")
LEAVES_FRAME = FRAME_MARKER + FINGERPRINTS[ReserveLiabilities]
KEPT_MS = 30 * 86_400_000
LEAVES_BYTES_MAX = 512 * 1024 * 1024

INSERT_REPORT = """
INSERT INTO horizon.reserve_reports
    (report_hash, asset, sequence, height, closed_at_ms, liabilities, report)
VALUES (%s, %s, %s, %s, %s, %s, %s) ON CONFLICT DO NOTHING
"""
INSERT_SIGNATURE = """
INSERT INTO horizon.reserve_signatures (report_hash, signer, signature)
VALUES (%s, %s, %s) ON CONFLICT DO NOTHING
"""
DROP_SIGNATURES = """
DELETE FROM horizon.reserve_signatures s USING horizon.reserve_reports r
WHERE s.report_hash = r.report_hash AND r.asset = %s AND r.closed_at_ms < %s
"""
DROP_REPORTS = "DELETE FROM horizon.reserve_reports WHERE asset = %s AND closed_at_ms < %s"
INSERT_LEAVES = """
INSERT INTO horizon.reserve_leaves (asset, sequence, first, leaves)
VALUES (%s, %s, %s, %s) ON CONFLICT DO NOTHING
"""
FIND_LEAVES = """
SELECT first, leaves FROM horizon.reserve_leaves
WHERE asset = %s AND sequence = %s ORDER BY first
"""
FIND_ROOTS = """
SELECT DISTINCT liabilities, report FROM horizon.reserve_reports WHERE asset = %s AND sequence = %s
"""
INSERT_LEVEL = """
INSERT INTO horizon.reserve_levels (asset, sequence, level, nodes, leaves)
VALUES (%s, %s, %s, %s, %s)
"""


def get_writer(connection: Connection) -> Callable[[list[Message]], None]:
    """What writes the records of both topics, one commit a batch."""

    def write(messages: list[Message]) -> None:
        with connection.transaction():
            lock_against_swap(connection)
            for message in messages:
                try:
                    _write(connection, message.value)
                except (Malformed, BadSignatureError, ValueError) as error:
                    log.warning("reserves_left_out", offset=message.offset, reason=str(error))

    return write


def _write(connection: Connection, value: bytes) -> None:
    """Raises `Malformed`, `BadSignatureError` and `ValueError` before it writes anything."""
    if value.startswith(LEAVES_FRAME):
        told = unframe(ReserveLiabilities, value)
        connection.execute(INSERT_LEAVES, (told.asset, told.sequence, told.first, told.leaves))
        _make_tree(connection, told.asset, int(told.sequence))
    else:
        _write_report(connection, unframe(SignedReserveReport, value))


def copy_reserves(connection: Connection, schema: str) -> None:
    """From the live views into `schema`, which is about to take their place."""
    for name in TABLES:
        table, source = sql.Identifier(schema, name), sql.Identifier(LIVE, name)
        connection.execute(sql.SQL("INSERT INTO {} SELECT * FROM {}").format(table, source))


def _write_report(connection: Connection, told: SignedReserveReport) -> None:
    VerifyKey(told.signer).verify(compute_reserve_payload(told.report), told.signature)
    report = decode(ReserveReport, told.report)
    name = compute_hash(told.report)
    row = (name, report.asset, report.sequence, report.height, report.closed_at_ms)
    connection.execute(INSERT_REPORT, (*row, report.liabilities, told.report))
    connection.execute(INSERT_SIGNATURE, (name, told.signer, told.signature))
    oldest = int(report.closed_at_ms) - KEPT_MS
    for query in (DROP_SIGNATURES, DROP_REPORTS):
        connection.execute(query, (report.asset, oldest))
    _make_tree(connection, report.asset, int(report.sequence))


def _make_tree(connection: Connection, asset: str, sequence: int) -> None:
    """Once leaves and a report of the same ledger are there, whichever comes last."""
    roots = {
        bytes(root): decode(ReserveReport, report)
        for root, report in connection.execute(FIND_ROOTS, (asset, sequence))
    }
    parts = connection.execute(FIND_LEAVES, (asset, sequence)).fetchall() if roots else []
    leaves = b""
    for first, part in parts:
        if first * NODE_BYTES != len(leaves) or len(leaves) + len(part) > LEAVES_BYTES_MAX:
            return
        leaves += part
    count = len(leaves) // NODE_BYTES
    if count not in {int(each.balances) for each in roots.values()}:
        return
    try:
        tree = SumTree.make(leaves)
    except ValueError as error:
        log.warning("leaves_left_out", asset=asset, reason=str(error))
        return
    report = roots.get(tree.root.hash)
    if report is None or tree.root.sum != report.issued:
        log.warning("leaves_left_out", asset=asset, reason="they do not lead to the report's root")
        return
    connection.execute("DELETE FROM horizon.reserve_levels WHERE asset = %s", (asset,))
    for number, nodes in enumerate(tree.levels):
        row = (asset, sequence, number, nodes, leaves if number == 0 else None)
        connection.execute(INSERT_LEVEL, row)
    connection.execute(
        "DELETE FROM horizon.reserve_leaves WHERE asset = %s AND sequence <= %s", (asset, sequence)
    )
