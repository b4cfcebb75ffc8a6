-- Who holds which account, and what API keeps of people. "sealed": wrapped by a key-encryption key
-- that is not in the database, for this place alone. "look-up": HMAC under such a key.

CREATE SCHEMA api;

-- Something known, sealed: says whether the keys of the settings are those of this database.
CREATE TABLE api.keys (
    name    text PRIMARY KEY,
    content bytea NOT NULL
);

-- Accounts that people have asked for, until a ledger has them. One row an account, for ever: what
-- was asked for first is what is created.
CREATE TABLE api.registrations (
    account_id  bytea PRIMARY KEY,
    signer      bytea NOT NULL,
    state       text NOT NULL DEFAULT 'PENDING'
        CHECK (state IN ('PENDING', 'CREATED', 'REFUSED')),
    reason      text NOT NULL DEFAULT '',
    tries       int NOT NULL DEFAULT 0,
    next_at     timestamptz NOT NULL DEFAULT clock_timestamp(),
    lease_until timestamptz NOT NULL DEFAULT '-infinity',
    created_at  timestamptz NOT NULL DEFAULT clock_timestamp(),
    ended_at    timestamptz
);
CREATE INDEX registrations_next ON api.registrations (next_at) WHERE state = 'PENDING';

-- A person is a signer of an account; a company's account has many. Rotating the key keeps the row.
CREATE TABLE api.people (
    person_id  bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    account_id bytea NOT NULL,
    signer     bytea NOT NULL,
    locale     text NOT NULL DEFAULT '',
    created_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    UNIQUE (account_id, signer)
);

-- Addresses of people. One address belongs to one person, and a person has one of a kind.
-- `is_found`: by others who know the address; only if the person says so.
CREATE TABLE api.links (
    link_id      bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    person_id    bigint NOT NULL REFERENCES api.people ON DELETE CASCADE,
    kind         text NOT NULL CHECK (kind IN ('email', 'phone')),
    address_hash bytea NOT NULL UNIQUE,  -- look-up
    sealed       bytea NOT NULL,         -- sealed
    stated_at_ms bigint NOT NULL,
    is_found     boolean NOT NULL DEFAULT false,
    created_at   timestamptz NOT NULL DEFAULT clock_timestamp(),
    UNIQUE (person_id, kind)
);

-- The newest statement that was taken for an address: an older one changes nothing any more.
CREATE TABLE api.statements (
    address_hash bytea PRIMARY KEY,  -- look-up
    issued_at_ms bigint NOT NULL,
    digest       bytea NOT NULL
);

-- The time of the newest statement about a person: an older one gives it no address any more, even
-- if the address of the newest is somebody else's by now.
CREATE TABLE api.person_statements (
    account_id   bytea NOT NULL,
    signer       bytea NOT NULL,
    issued_at_ms bigint NOT NULL,
    PRIMARY KEY (account_id, signer)
);

-- Phone numbers that wait for the code that was sent to them: one a person.
CREATE TABLE api.phone_codes (
    person_id    bigint PRIMARY KEY REFERENCES api.people ON DELETE CASCADE,
    address_hash bytea NOT NULL,  -- look-up
    sealed       bytea NOT NULL,  -- sealed
    code_hash    bytea NOT NULL,  -- look-up
    expires_at   timestamptz NOT NULL
);

-- Who saw personal data of others: written before it was answered.
CREATE TABLE api.accesses (
    access_id  bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    at         timestamptz NOT NULL DEFAULT clock_timestamp(),
    account_id bytea NOT NULL,
    signer     bytea,
    actor      text NOT NULL,
    action     text NOT NULL,
    request_id text NOT NULL
);
CREATE INDEX accesses_account ON api.accesses (account_id, access_id);

-- Messages on their way to the Notificator. `content` is sealed: address and data.
CREATE TABLE api.outbox (
    id        bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    type      text NOT NULL,
    token     text NOT NULL,
    locale    text NOT NULL,
    content   bytea NOT NULL,
    caused_at timestamptz NOT NULL DEFAULT now(),
    UNIQUE (type, token)
);
