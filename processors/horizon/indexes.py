"""A replay's indexes: put off while it loads and made of what it has loaded, which is faster.

What is still to be made stands in the schema's table `deferred_indexes`, so that a replay that was
interrupted makes the same ones. SQL only.
"""

from psycopg import sql

from processors.horizon.schema import Connection

# Upserts need a primary key; partitioned tables, which are only added to, do not.
DEFERRED = """
SELECT t.relname, i.relname, k.conname, pg_get_constraintdef(k.oid), pg_get_indexdef(i.oid)
FROM pg_index x
JOIN pg_class i ON i.oid = x.indexrelid
JOIN pg_class t ON t.oid = x.indrelid
JOIN pg_namespace n ON n.oid = t.relnamespace
LEFT JOIN pg_constraint k ON k.conindid = i.oid
WHERE n.nspname = %s AND (t.relkind = 'p' OR NOT x.indisunique)
ORDER BY t.relname, i.relname
"""


def defer_indexes(connection: Connection, schema: str) -> None:
    """Of an empty schema without partitions, within the transaction that makes it."""
    to_make = sql.Identifier(schema, "deferred_indexes")
    connection.execute(sql.SQL("CREATE TABLE {} (definition text PRIMARY KEY)").format(to_make))
    insert = sql.SQL("INSERT INTO {} VALUES (%s)").format(to_make)
    found = connection.execute(DEFERRED, (schema,)).fetchall()
    for table, index, constraint, rule, definition in found:
        if constraint is None:
            connection.execute(sql.SQL("DROP INDEX {}").format(sql.Identifier(schema, index)))
            connection.execute(insert, (definition.replace(" ON ONLY ", " ON ", 1),))
        else:
            alter = sql.SQL("ALTER TABLE {} ").format(sql.Identifier(schema, table))
            name = sql.Identifier(constraint)
            connection.execute(alter + sql.SQL("DROP CONSTRAINT {}").format(name))
            add = alter + sql.SQL("ADD CONSTRAINT {} ").format(name)
            connection.execute(insert, (add.as_string(connection) + rule,))


def make_indexes(connection: Connection, schema: str) -> None:
    """Those that are not made yet, each whole or not at all."""
    to_make = sql.Identifier(schema, "deferred_indexes")
    rows = connection.execute(sql.SQL("SELECT definition FROM {}").format(to_make)).fetchall()
    delete = sql.SQL("DELETE FROM {} WHERE definition = %s").format(to_make)
    for (definition,) in rows:
        with connection.transaction():
            connection.execute(definition.encode())
            connection.execute(delete, (definition,))
