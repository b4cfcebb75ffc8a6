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

CREATE INDEX ledgers_uncertified ON ledgers (sequence) WHERE certificate IS NULL;

-- The hash window: which transactions each ledger added to each minute of max_time.
CREATE TABLE hash_window (
    sequence bigint NOT NULL,
    minute bigint NOT NULL,
    running bytea NOT NULL,
    hashes bytea NOT NULL,             -- 32 bytes each
    PRIMARY KEY (minute, sequence)
);

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

-- Where to read the ingest topic from: the oldest transaction this node is not done with.
CREATE TABLE ingest_offsets (
    partition int PRIMARY KEY,
    next_offset bigint NOT NULL
);
