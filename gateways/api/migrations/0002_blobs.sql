-- Data of projects: contents of known types, named by their hashes.

-- A type is JSON with a schema, or files of some media types. What was accepted under a type keeps
-- it: it changes only while nothing is of it.
CREATE TABLE api.blob_types (
    name          text COLLATE "C" PRIMARY KEY,
    visibility    text NOT NULL CHECK (visibility IN ('private', 'administrators', 'public')),
    schema        bytea,   -- JSON; null: files
    content_types text[] NOT NULL DEFAULT '{}',
    bytes_max     bigint NOT NULL,
    changed_at    timestamptz NOT NULL DEFAULT clock_timestamp()
);

CREATE TABLE api.blobs (
    number       bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    blob_id      bytea NOT NULL UNIQUE,
    account_id   bytea NOT NULL,
    signer       bytea NOT NULL,
    type         text NOT NULL REFERENCES api.blob_types,
    content_type text NOT NULL,
    bytes        bigint NOT NULL,
    sha256       bytea NOT NULL,
    content      bytea,  -- sealed; null: in the bucket
    object_key   text,
    created_at   timestamptz NOT NULL DEFAULT clock_timestamp(),
    CHECK ((content IS NULL) <> (object_key IS NULL))
);
CREATE INDEX blobs_account ON api.blobs (account_id, number);
CREATE INDEX blobs_type ON api.blobs (type);

-- Announced uploads. Whatever their objects become, they are named here until they are deleted.
CREATE TABLE api.uploads (
    upload_id    uuid PRIMARY KEY,
    account_id   bytea NOT NULL,
    signer       bytea NOT NULL,
    type         text NOT NULL REFERENCES api.blob_types,
    content_type text NOT NULL,
    bytes        bigint NOT NULL,
    sha256       bytea NOT NULL,
    upload_key   text NOT NULL,
    object_key   text NOT NULL,
    is_kept      boolean NOT NULL DEFAULT false,  -- the object is a blob's
    has_room     boolean NOT NULL DEFAULT true,   -- it counts in what the account stores
    expires_at   timestamptz NOT NULL
);
CREATE INDEX uploads_expires_at ON api.uploads (expires_at);

-- What accounts store, uploads that are announced included.
CREATE TABLE api.usage (
    account_id bytea PRIMARY KEY,
    blobs      bigint NOT NULL,
    bytes      bigint NOT NULL
);
