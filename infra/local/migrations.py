"""Forward-only SQL migrations: numbered files, each applied once, in order, whole or not at all.

Files are named NNNN_what_it_does.sql and never edited once applied somewhere: their checksums are
kept in the table `public.schema_migrations` (a schema named as the user would come first on the
search path), and a difference is refused. A database may follow several folders: each after the
first has a table of its own. Knows nothing of any database.
"""

import hashlib
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from infra.local.errors import Fault, LocalError

if TYPE_CHECKING:
    import psycopg
    from psycopg.sql import Identifier

NAME = re.compile(r"(\d{4})_[a-z0-9_]+\.sql")

# One number for all: whoever migrates a database waits for whoever does so already.
ADVISORY_LOCK = 0x746F6B656E64

TABLE = """
CREATE TABLE IF NOT EXISTS {table} (
    number     integer PRIMARY KEY,
    name       text NOT NULL,
    sha256     bytea NOT NULL,
    applied_at timestamptz NOT NULL DEFAULT now()
)
"""


@dataclass(frozen=True, slots=True)
class Migration:
    """One file. `number` starts at 1 and leaves no gap."""

    number: int
    name: str
    sql: str

    @property
    def sha256(self) -> bytes:
        return hashlib.sha256(self.sql.encode()).digest()


def read_migrations(folder: Path) -> list[Migration]:
    """The migrations in `folder`, in order. Raises LocalError for a wrong name or number."""
    found = []
    for file in sorted(folder.glob("*.sql")):
        match = NAME.fullmatch(file.name)
        if match is None:
            raise LocalError(
                f"{file}: name it like 0001_what_it_does.sql", fault=Fault.MIGRATIONS_MISNAMED
            )
        found.append(Migration(int(match[1]), file.stem, file.read_text(encoding="utf-8")))
    for position, migration in enumerate(found, start=1):
        if migration.number != position:
            raise LocalError(
                f"{folder}: {migration.name} should be number {position:04}",
                fault=Fault.MIGRATIONS_MISNAMED,
            )
    if not found:
        raise LocalError(f"{folder}: there are no migrations", fault=Fault.MIGRATIONS_MISNAMED)
    return found


def apply_all(database_url: str, folders: Sequence[Path]) -> list[str]:
    """`apply_migrations` of each folder in turn: what a program shares with others, then its own.

    Folders after the first are told apart by the name of the folder they lie in.
    """
    names = []
    for position, folder in enumerate(folders):
        table = "schema_migrations" if position == 0 else f"schema_migrations_{folder.parent.name}"
        names += apply_migrations(database_url, folder, table)
    return names


def apply_migrations(
    database_url: str, folder: Path, table: str = "schema_migrations"
) -> list[str]:
    """Brings a database up to date; returns the names of what was applied now.

    Each file is one transaction together with its row in `table`. Raises LocalError if
    a file fails, was edited after it was applied, or if the database is ahead of the files.
    """
    import psycopg
    from psycopg.sql import SQL, Identifier

    migrations, log = read_migrations(folder), Identifier("public", table)
    try:
        with psycopg.connect(database_url, autocommit=True) as connection:
            connection.execute("SELECT pg_advisory_lock(%s)", (ADVISORY_LOCK,))
            connection.execute(SQL(TABLE).format(table=log))
            done = _get_applied(connection, log)
            _require_same(done, migrations, folder)
            pending = migrations[len(done) :]
            for migration in pending:
                _apply(connection, migration, log)
            return [migration.name for migration in pending]
    except psycopg.OperationalError as error:
        raise LocalError(
            f"cannot migrate: {_get_line(error)}: is PostgreSQL running?",
            fault=Fault.DATABASE_UNREACHABLE,
        ) from None


def _get_applied(
    connection: "psycopg.Connection[Any]", log: "Identifier"
) -> list[tuple[int, str, bytes]]:
    from psycopg.sql import SQL

    query = SQL("SELECT number, name, sha256 FROM {} ORDER BY number").format(log)
    return connection.execute(query).fetchall()


def _require_same(
    done: list[tuple[int, str, bytes]], migrations: list[Migration], folder: Path
) -> None:
    if len(done) > len(migrations):
        raise LocalError(
            f"the database has migration {done[-1][1]}, which {folder} lacks: "
            "it was made by a newer tokend, so run that one",
            fault=Fault.DATABASE_NEWER,
        )
    for (_, name, sha256), migration in zip(done, migrations, strict=False):
        if sha256 != migration.sha256:
            raise LocalError(
                f"{folder}: {migration.name} was edited after it was applied as {name}: "
                "put it back and write a new migration",
                fault=Fault.MIGRATION_EDITED,
            )


def _apply(connection: "psycopg.Connection[Any]", migration: Migration, log: "Identifier") -> None:
    import psycopg
    from psycopg.sql import SQL

    try:
        with connection.transaction():
            # Without parameters, so that a file may hold several statements.
            connection.execute(migration.sql.encode())
            connection.execute(
                SQL("INSERT INTO {} (number, name, sha256) VALUES (%s, %s, %s)").format(log),
                (migration.number, migration.name, migration.sha256),
            )
    except psycopg.OperationalError:
        raise
    except psycopg.Error as error:
        raise LocalError(
            f"migration {migration.name} failed: {_get_line(error)}", fault=Fault.MIGRATION_FAILED
        ) from None


def _get_line(error: Exception) -> str:
    return str(error).strip().partition("\n")[0]
