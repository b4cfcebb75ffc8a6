-- References leave `entries`: every payment makes one, none ever changes, and all are read only at a
-- start; so their rows are only added, and no index grows with them.
CREATE TABLE used_references (
    key bytea NOT NULL,                -- LedgerKey bytes
    entry bytea NOT NULL               -- LedgerEntry bytes
) WITH (autovacuum_vacuum_insert_threshold = -1);
INSERT INTO used_references SELECT key, entry FROM entries WHERE key >= '\x16' AND key < '\x17';
DELETE FROM entries WHERE key >= '\x16' AND key < '\x17';

-- Bodies never change either: there is nothing in them to clean up before transaction numbers wrap
-- around, and PostgreSQL sees to that by itself.
ALTER TABLE ledgers SET (toast.autovacuum_vacuum_insert_threshold = -1);
