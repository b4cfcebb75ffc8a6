"""What `tokend up` does in PostgreSQL as its superuser: roles, databases, who may read another's.

Every service has one role, and a database of its own if it stores anything. Only the owner may use
a database, except for readers, who see everything and change nothing. Knows nothing about the
content of databases.
"""

from collections.abc import Mapping

import psycopg
from psycopg import sql
from psycopg.conninfo import make_conninfo

Connection = psycopg.Connection[tuple[object, ...]]

# PostgreSQL lets everybody execute these. Readers must not: large objects are storage, and the
# owner's processes use advisory locks to wait for each other.
OWNERS_FUNCTIONS = """
SELECT oid::regprocedure::text FROM pg_proc WHERE pronamespace = 'pg_catalog'::regnamespace
AND proname ~ '^(lo_|lo(read|write)|pg_(try_)?advisory_)' ORDER BY oid"""

READERS_LIMITS = {
    "default_transaction_read_only": "on",
    "statement_timeout": "10s",
    "idle_in_transaction_session_timeout": "60s",
}


def create_databases(superuser_url: str, passwords: Mapping[str, str]) -> None:
    """Creates a role and a database of the same name each, closed to others. May be repeated.

    The password is sent as a SCRAM verifier, so that no log of the server can contain it.
    """
    with _connect(superuser_url, "postgres") as connection:
        for name in ("postgres", "template1"):
            _close(connection, name)
        roles = _get_names(connection, "SELECT rolname::text FROM pg_roles")
        databases = _get_names(connection, "SELECT datname::text FROM pg_database")
        for name, password in passwords.items():
            if name not in roles:
                _create_role(connection, name, password)
            if name not in databases:
                owner = sql.Identifier(name)
                connection.execute(sql.SQL("CREATE DATABASE {} OWNER {}").format(owner, owner))
            _close(connection, name)
    for name in passwords:
        with _connect(superuser_url, name) as connection:
            owner = sql.Identifier(name)
            connection.execute("REVOKE ALL ON SCHEMA public FROM PUBLIC")
            connection.execute(sql.SQL("GRANT ALL ON SCHEMA public TO {}").format(owner))


def let_read(superuser_url: str, database: str, reader: str) -> None:
    """Lets `reader` see everything that the owner of `database` has made or will make there in its
    own schemas, including what replaces something else.
    """
    names = {"database": sql.Identifier(database), "reader": sql.Identifier(reader)}
    default = "ALTER DEFAULT PRIVILEGES FOR ROLE {database} GRANT"
    with _connect(superuser_url, database) as connection, connection.transaction():
        for statement in (
            "GRANT CONNECT ON DATABASE {database} TO {reader}",
            f"{default} USAGE ON SCHEMAS TO {{reader}}",
            f"{default} SELECT ON TABLES TO {{reader}}",
        ):
            connection.execute(sql.SQL(statement).format(**names))
        for schema in _get_names(
            connection,
            "SELECT nspname::text FROM pg_namespace WHERE nspowner = current_database()::regrole",
        ):
            there = {**names, "schema": sql.Identifier(schema)}
            for statement in (
                "GRANT USAGE ON SCHEMA {schema} TO {reader}",
                "GRANT SELECT ON ALL TABLES IN SCHEMA {schema} TO {reader}",
            ):
                connection.execute(sql.SQL(statement).format(**there))
        for setting, value in READERS_LIMITS.items():
            statement = f"ALTER ROLE {{reader}} IN DATABASE {{database}} SET {setting} = {{value}}"
            values = {**names, "value": sql.Literal(value)}
            connection.execute(sql.SQL(statement).format(**values))
        for function in _get_names(connection, OWNERS_FUNCTIONS):
            connection.execute(f"REVOKE EXECUTE ON FUNCTION {function} FROM PUBLIC".encode())
            grant = f"GRANT EXECUTE ON FUNCTION {function} TO {{database}}"
            connection.execute(sql.SQL(grant).format(**names))


def _connect(superuser_url: str, database: str) -> Connection:
    return psycopg.connect(make_conninfo(superuser_url, dbname=database), autocommit=True)


def _get_names(connection: Connection, query: str) -> list[str]:
    return [str(name) for (name,) in connection.execute(query.encode())]


def _create_role(connection: Connection, name: str, password: str) -> None:
    """A role whose only attribute is that it may log in."""
    verifier = connection.pgconn.encrypt_password(
        password.encode(), name.encode(), b"scram-sha-256"
    )
    connection.execute(
        sql.SQL("CREATE ROLE {} LOGIN PASSWORD {}").format(
            sql.Identifier(name), sql.Literal(verifier.decode())
        )
    )


def _close(connection: Connection, database: str) -> None:
    """Only the owner may connect."""
    statement = sql.SQL("REVOKE ALL ON DATABASE {} FROM PUBLIC")
    connection.execute(statement.format(sql.Identifier(database)))
