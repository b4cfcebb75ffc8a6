-- KYC: forms that roles want, documents and filled-in forms that only the KeyChain's keys open.

-- What a role wants to know, by version. One that is published stays: submissions name it.
CREATE TABLE api.forms (
    schema_id    bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    role_id      numeric(20) NOT NULL,  -- the account role that is asked for
    version      int NOT NULL,
    content      bytea NOT NULL,        -- JSON: the schema of the form, and the documents it needs
    published_by bytea NOT NULL,
    published_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    UNIQUE (role_id, version)
);

-- Sealed documents. A row is there before its objects and until after them, so that nothing in the
-- bucket is ever forgotten. Every commit copies to a name of its own; object_key is the copy that
-- was checked and is kept.
CREATE TABLE api.documents (
    document_id  uuid PRIMARY KEY,
    account_id   bytea NOT NULL,
    signer       bytea NOT NULL,
    class        text COLLATE "C" NOT NULL,
    key_id       bytea NOT NULL,         -- of the KeyChain
    public_key   bytea NOT NULL,
    bytes        bigint NOT NULL,
    sha256       bytea NOT NULL,         -- of the sealed bytes
    part_hashes  bytea[] NOT NULL,       -- empty: in one piece
    multipart_id text COLLATE "C",       -- the bucket's name for an upload in parts
    upload_key   text COLLATE "C",       -- null: nothing can be sent there any more, and it is gone
    tried_keys   text[] COLLATE "C" NOT NULL DEFAULT '{}',
    object_key   text COLLATE "C",
    created_at   timestamptz NOT NULL DEFAULT clock_timestamp(),
    expires_at   timestamptz NOT NULL   -- infinity: a submission has it
);
CREATE INDEX documents_account ON api.documents (account_id, created_at);
CREATE INDEX documents_expires_at ON api.documents (expires_at);

-- What somebody has shown for a role. Without form and salt it is a tombstone, of which nothing can
-- be told: the ledger's commitment is a hash over the salt.
CREATE TABLE api.submissions (
    number       bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    commitment   bytea NOT NULL UNIQUE,
    account_id   bytea NOT NULL,
    signer       bytea NOT NULL,
    schema_id    bigint NOT NULL REFERENCES api.forms,
    form         bytea,        -- sealed by the client to the KeyChain's key
    form_key_id  bytea NOT NULL,
    form_key     bytea NOT NULL,
    salt         bytea,        -- wrapped
    valid_until  date,
    reminded     int,          -- days before the end of the newest reminder
    created_at   timestamptz NOT NULL DEFAULT clock_timestamp(),
    erased_at    timestamptz
);
CREATE INDEX submissions_account ON api.submissions (account_id, number);

CREATE TABLE api.submission_documents (
    commitment  bytea NOT NULL REFERENCES api.submissions (commitment),
    slot        text COLLATE "C" NOT NULL,
    document_id uuid NOT NULL REFERENCES api.documents,
    PRIMARY KEY (commitment, slot)
);
CREATE INDEX submission_documents_document ON api.submission_documents (document_id);

-- On their way to the topic kyc.events: ids and codes.
CREATE TABLE api.kyc_events (
    number  bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    content bytea NOT NULL
);
