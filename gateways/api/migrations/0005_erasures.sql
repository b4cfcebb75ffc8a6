-- What is to be erased, what was, and what the law holds. Ids and codes only: rows stay.

CREATE TABLE api.erasures (
    account_id  bytea PRIMARY KEY,
    asked_by    bytea NOT NULL,  -- a signer
    asked_at    timestamptz NOT NULL DEFAULT clock_timestamp(),
    state       text NOT NULL DEFAULT 'ASKED' CHECK (state IN ('ASKED', 'ERASED')),
    reason      text COLLATE "C" NOT NULL DEFAULT '',  -- why it is not done yet
    next_at     timestamptz NOT NULL DEFAULT clock_timestamp(),
    tries       int NOT NULL DEFAULT 0,
    erased_at   timestamptz
);
CREATE INDEX erasures_next ON api.erasures (next_at) WHERE state = 'ASKED';

CREATE TABLE api.holds (
    account_id bytea PRIMARY KEY,
    reason     text COLLATE "C" NOT NULL,
    until      date NOT NULL,
    held_by    bytea NOT NULL,
    held_at    timestamptz NOT NULL DEFAULT clock_timestamp()
);
