-- Who holds which account.

CREATE SCHEMA api;

-- Accounts that people have asked for, until a ledger has them. One row an account, for ever: what
-- was asked for first is what is created.
CREATE TABLE api.registrations (
    account_id   bytea PRIMARY KEY,
    signer       bytea NOT NULL,
    state        text NOT NULL DEFAULT 'PENDING'
        CHECK (state IN ('PENDING', 'CREATED', 'REFUSED')),
    reason       text NOT NULL DEFAULT '',
    envelope     bytea,  -- sent last, and until when a ledger may have it
    max_time_ms  bigint,
    tries        int NOT NULL DEFAULT 0,
    next_at      timestamptz NOT NULL DEFAULT clock_timestamp(),
    lease_until  timestamptz,
    created_at   timestamptz NOT NULL DEFAULT clock_timestamp(),
    ended_at     timestamptz
);
CREATE INDEX registrations_next ON api.registrations (next_at) WHERE state = 'PENDING';

-- Addresses of people. An address is sealed, and found by a keyed hash alone. One that is active
-- belongs to one person, and a person has one of a kind.
CREATE TABLE api.links (
    link_id      bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    kind         text NOT NULL CHECK (kind IN ('email', 'phone')),
    address_hash bytea NOT NULL,
    sealed       bytea NOT NULL,
    account_id   bytea NOT NULL,
    signer       bytea NOT NULL,
    stated_at_ms bigint NOT NULL,
    is_found     boolean NOT NULL DEFAULT false,  -- by others, who know the address
    created_at   timestamptz NOT NULL DEFAULT clock_timestamp(),
    UNIQUE (kind, address_hash),
    UNIQUE (kind, account_id, signer)
);
CREATE INDEX links_account ON api.links (account_id, link_id);

-- The newest statement that was taken for an address: an older one changes nothing any more.
CREATE TABLE api.statements (
    email_hash   bytea PRIMARY KEY,
    issued_at_ms bigint NOT NULL
);
