-- What a core node makes durable. Everything of one ledger lands in one commit.

CREATE TABLE entries (
    key bytea PRIMARY KEY,             -- LedgerKey bytes
    entry bytea NOT NULL               -- LedgerEntry bytes
) WITH (fillfactor = 80);

CREATE TABLE ledgers (
    sequence bigint PRIMARY KEY,
    header_hash bytea NOT NULL,
    header bytea NOT NULL,
    body bytea NOT NULL,
    own_signature bytea,               -- HeaderSignature bytes; one per sequence, for ever
    certificate bytea                  -- Certificate bytes once there is one
);
ALTER TABLE ledgers ALTER COLUMN body SET STORAGE EXTERNAL;
-- Bodies never change: there is nothing in them to clean up before transaction numbers wrap around.
ALTER TABLE ledgers SET (toast.autovacuum_vacuum_insert_threshold = -1);

CREATE INDEX ledgers_uncertified ON ledgers (sequence) WHERE certificate IS NULL;

-- The hash window: which transactions each ledger added to each minute of max_time.
CREATE TABLE hash_window (
    sequence bigint NOT NULL,
    minute bigint NOT NULL,
    running bytea NOT NULL,
    hashes bytea NOT NULL,             -- 32 bytes each
    PRIMARY KEY (minute, sequence)
);
-- Hashes and signatures do not compress, and trying costs more than writing them.
ALTER TABLE hash_window ALTER COLUMN hashes SET STORAGE EXTERNAL;

-- The reference windows: which references each ledger used, by kind << 32 | day. A partition a
-- bucket, made with its first row and dropped whole with its day; read only when a node starts.
CREATE TABLE reference_window (
    sequence bigint NOT NULL,
    bucket bigint NOT NULL,
    running bytea NOT NULL,
    uses bytea NOT NULL                -- per reference the account and the use's hash, 64 bytes
) PARTITION BY RANGE (bucket);
ALTER TABLE reference_window ALTER COLUMN uses SET STORAGE EXTERNAL;

-- The node's own newest statements, durable before they were sent.
CREATE TABLE statements (
    slot bigint NOT NULL,
    is_nomination boolean NOT NULL,
    statement bytea NOT NULL,
    PRIMARY KEY (slot, is_nomination)
);

-- Sets it voted to commit, whole.
CREATE TABLE transaction_sets (
    set_hash bytea PRIMARY KEY,
    slot bigint NOT NULL,
    envelopes bytea NOT NULL           -- Transactions bytes (overlay)
);
ALTER TABLE transaction_sets ALTER COLUMN envelopes SET STORAGE EXTERNAL;

-- Where to read the ingest topic from: the oldest transaction this node is not done with.
CREATE TABLE ingest_offsets (
    partition int PRIMARY KEY,
    next_offset bigint NOT NULL
);
