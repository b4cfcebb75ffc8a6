-- Keys, who got them, and what the service has seen of the ledger.

CREATE SCHEMA keychain;

-- One private key for each version of a document or form. Without its row the data is gone.
CREATE TABLE keychain.keys (
    key_id     bytea PRIMARY KEY,
    owner      bytea NOT NULL,  -- an account
    class      text COLLATE "C" NOT NULL,  -- what sort of data, as rules name it
    subject    text COLLATE "C" NOT NULL,  -- the owner's name for document and version
    public_key bytea NOT NULL,
    wrapped    bytea NOT NULL,  -- the private key under a key-encryption key
    created_by bytea NOT NULL,  -- a signer
    created_at timestamptz NOT NULL DEFAULT now(),
    UNIQUE (owner, class, subject)
);

-- A chain: every row commits to the one before it. `content` is the JSON that was hashed.
CREATE TABLE keychain.audit (
    number   bigint PRIMARY KEY,
    at       timestamptz NOT NULL,
    actor    bytea NOT NULL,  -- the signer
    action   text COLLATE "C" NOT NULL,
    owner    bytea,
    key_id   bytea,
    content  text NOT NULL,
    hash     bytea NOT NULL
);
CREATE INDEX audit_actor ON keychain.audit (actor, at);
CREATE INDEX audit_owner ON keychain.audit (owner, number);

-- Releases beyond the hourly number, allowed by a second person.
CREATE TABLE keychain.approvals (
    administrator bytea NOT NULL,
    approver      bytea NOT NULL,
    releases      int NOT NULL,
    expires_at    timestamptz NOT NULL,
    PRIMARY KEY (administrator, approver)
);

-- The newest ledger that any instance was shown, and the quorum set that certifies from then on.
CREATE TABLE keychain.ledger (
    is_only       bool PRIMARY KEY DEFAULT true CHECK (is_only),
    sequence      bigint NOT NULL,
    anchor        bigint NOT NULL,
    header_hash   bytea NOT NULL,  -- of the anchor
    quorum_set    bytea NOT NULL   -- QuorumSet
);

CREATE TABLE keychain.checks (
    name    text COLLATE "C" PRIMARY KEY,
    content bytea NOT NULL
);
