"""Verified ledgers as Parquet files, partitioned by ranges of ledgers. Shell.

    FOLDER/TABLE/first=<the range's first ledger, 20 digits>/<first>-<last>-<header hash>.parquet

A file is written once, whole, and names the header under which all in it was verified, in its name
and in its metadata. Run again, an export goes on with the ranges that are missing; the last range
is left until it is complete.
"""

import os
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

from processors.lake.rows import TABLES, LedgerRows, Row, Table
from streams.ledger.chain import VerifiedLedger

RANGE_LEDGERS = 1_024
DIGITS = 20

Report = Callable[[int], None]


class LakeMissing(Exception):
    """The optional packages are not installed."""


def export_ledgers(
    ledgers: Iterable[VerifiedLedger],
    folder: Path,
    range_ledgers: int = RANGE_LEDGERS,
    report: Report = lambda _: None,
) -> int:
    """`ledgers`: from the genesis on. Returns how many files were written. Raises `LakeMissing`."""
    require_pyarrow()
    rows, written = LedgerRows(), 0
    for verified in ledgers:
        rows.add(verified)
        sequence = verified.header.sequence
        if sequence % range_ledgers == 0:
            first = sequence - range_ledgers + 1
            taken = rows.take()
            for table in TABLES:
                file = get_file(folder, table, first, verified)
                if not file.exists():
                    write(file, table, taken[table.name], verified)
                    written += 1
            report(sequence)
    return written


def get_file(folder: Path, table: Table, first: int, verified: VerifiedLedger) -> Path:
    last, header_hash = verified.header.sequence, verified.header_hash.hex()
    name = f"{first:0{DIGITS}}-{last:0{DIGITS}}-{header_hash}.parquet"
    return folder / table.name / f"first={first:0{DIGITS}}" / name


def write(file: Path, table: Table, rows: list[Row], verified: VerifiedLedger) -> None:
    """Whole or not at all."""
    import pyarrow
    import pyarrow.parquet

    fields = [pyarrow.field(n, pyarrow.type_for_alias(t)) for n, t in table.columns.items()]
    metadata = {
        "tokend.network_id": verified.header.network_id.hex(),
        "tokend.last_ledger": str(verified.header.sequence),
        "tokend.header_hash": verified.header_hash.hex(),
    }
    schema = pyarrow.schema(fields, metadata)
    content: Any = pyarrow.Table.from_pylist(rows, schema)
    file.parent.mkdir(parents=True, exist_ok=True)
    new = file.with_name(f".{file.name}.{os.getpid()}")
    pyarrow.parquet.write_table(content, new, compression="zstd")
    new.replace(file)


def require_pyarrow() -> None:
    try:
        import pyarrow  # noqa: F401
    except ImportError:
        raise LakeMissing(
            "there is no pyarrow: install the extra `lake` (pip install .[lake])"
        ) from None
