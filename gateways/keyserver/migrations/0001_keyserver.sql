-- What a KeyServer remembers. "wrapped": under a key-encryption key that is not in the database, for
-- this place alone. "look-up": HMAC under such a key. Whoever has a dump of it can neither read an
-- address nor try a password.

CREATE SCHEMA keyserver;

CREATE TABLE keyserver.wallets (
    id             uuid PRIMARY KEY,
    email_lookup   bytea NOT NULL UNIQUE,  -- look-up
    email          bytea NOT NULL,         -- wrapped
    locale         text NOT NULL,
    account        bytea NOT NULL,
    signer         bytea NOT NULL,         -- of the version in force
    recovery       bytea NOT NULL,         -- the public half of the recovery seed
    version        integer NOT NULL,
    entry          uuid NOT NULL,          -- names the version: what is wrapped is wrapped for it
    kdf            smallint NOT NULL,
    verifier       bytea NOT NULL,         -- wrapped
    envelope       bytea NOT NULL,         -- wrapped
    totp_secret    bytea,                  -- wrapped; null: no second factor
    totp_step      bigint NOT NULL DEFAULT 0,
    enrolment      bytea,                  -- wrapped; a secret that was shown and is not in force
    enrolled_until timestamptz,
    created_at     timestamptz NOT NULL DEFAULT now()
);

CREATE TABLE keyserver.recovery_codes (
    wallet      uuid NOT NULL REFERENCES keyserver.wallets ON DELETE CASCADE,
    code_lookup bytea NOT NULL,  -- look-up
    PRIMARY KEY (wallet, code_lookup)
);

CREATE TABLE keyserver.devices (
    id            uuid PRIMARY KEY,
    wallet        uuid NOT NULL REFERENCES keyserver.wallets ON DELETE CASCADE,
    key           bytea NOT NULL UNIQUE,
    name          bytea NOT NULL,  -- wrapped
    created_at    timestamptz NOT NULL DEFAULT now(),
    seen_at       timestamptz NOT NULL DEFAULT now(),
    trusted_until timestamptz      -- until then without the second factor
);
CREATE INDEX devices_wallet ON keyserver.devices (wallet);

-- What happened to a wallet, for its owner.
CREATE TABLE keyserver.history (
    id      bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    wallet  uuid NOT NULL REFERENCES keyserver.wallets ON DELETE CASCADE,
    at      timestamptz NOT NULL DEFAULT now(),
    event   text NOT NULL,
    device  uuid,
    address bytea  -- wrapped: of the client
);
CREATE INDEX history_wallet ON keyserver.history (wallet, id);
CREATE INDEX history_at ON keyserver.history (at);

-- A sign-up that is not confirmed. `is_dead`: nothing can confirm it; it stands for one that was not
-- made, because the address has a wallet, so that nobody learns that it has.
CREATE TABLE keyserver.signups (
    id           uuid PRIMARY KEY,
    email_lookup bytea NOT NULL,  -- look-up
    email        bytea NOT NULL,  -- wrapped
    locale       text NOT NULL,
    account      bytea NOT NULL,
    signer       bytea NOT NULL,
    recovery     bytea NOT NULL,
    kdf          smallint NOT NULL,
    verifier     bytea NOT NULL,  -- wrapped
    envelope     bytea NOT NULL,  -- wrapped
    code_lookup  bytea NOT NULL,  -- look-up
    is_dead      boolean NOT NULL,
    expires_at   timestamptz NOT NULL
);
CREATE INDEX signups_email ON keyserver.signups (email_lookup);
CREATE INDEX signups_expires_at ON keyserver.signups (expires_at);

-- The next version of a wallet, which a transaction of the ledger decides on.
CREATE TABLE keyserver.changes (
    id               uuid PRIMARY KEY,
    wallet           uuid NOT NULL REFERENCES keyserver.wallets ON DELETE CASCADE,
    kind             text NOT NULL,
    version          integer NOT NULL,  -- that it replaces
    signer           bytea NOT NULL,
    kdf              smallint NOT NULL,
    verifier         bytea NOT NULL,  -- wrapped
    envelope         bytea NOT NULL,  -- wrapped
    transaction      bytea NOT NULL,  -- the envelope's bytes, which are no secret
    transaction_hash bytea NOT NULL UNIQUE,
    envelope_hash    bytea NOT NULL,
    max_time_ms      bigint NOT NULL,
    created_at       timestamptz NOT NULL DEFAULT now()
);
CREATE INDEX changes_wallet ON keyserver.changes (wallet);

-- A new address for a wallet, which a code confirms.
CREATE TABLE keyserver.email_changes (
    id           uuid PRIMARY KEY,
    wallet       uuid NOT NULL REFERENCES keyserver.wallets ON DELETE CASCADE,
    version      integer NOT NULL,  -- that it replaces
    email_lookup bytea NOT NULL,    -- look-up
    email        bytea NOT NULL,    -- wrapped
    kdf          smallint NOT NULL,
    verifier     bytea NOT NULL,    -- wrapped
    envelope     bytea NOT NULL,    -- wrapped
    code_lookup  bytea NOT NULL,    -- look-up
    expires_at   timestamptz NOT NULL
);
CREATE INDEX email_changes_wallet ON keyserver.email_changes (wallet);
CREATE INDEX email_changes_expires_at ON keyserver.email_changes (expires_at);

-- Mailed ways in for an owner whose wallet others try to open.
CREATE TABLE keyserver.lanes (
    code_lookup bytea PRIMARY KEY,  -- look-up
    wallet      uuid NOT NULL REFERENCES keyserver.wallets ON DELETE CASCADE,
    tries_left  integer NOT NULL,
    expires_at  timestamptz NOT NULL
);
CREATE INDEX lanes_wallet ON keyserver.lanes (wallet);
CREATE INDEX lanes_expires_at ON keyserver.lanes (expires_at);

-- Messages on their way to the Notificator. `content` is wrapped: address and data.
CREATE TABLE keyserver.outbox (
    id        bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    type      text NOT NULL,
    token     text NOT NULL,
    locale    text NOT NULL,
    content   bytea NOT NULL,
    caused_at timestamptz NOT NULL DEFAULT now(),
    UNIQUE (type, token)
);

-- Something known, wrapped: says whether the keys of the settings are those of this database.
CREATE TABLE keyserver.keys (
    name    text PRIMARY KEY,
    content bytea NOT NULL
);
