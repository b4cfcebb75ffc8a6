-- The Notificator's queue and book. Addresses stand nowhere in clear: resolved at each try, or
-- sealed. All its instances share this database.

CREATE SCHEMA notificator;

CREATE TABLE notificator.messages (
    id           bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    type         text COLLATE "C" NOT NULL,
    token        text COLLATE "C" NOT NULL,
    source       text COLLATE "C" NOT NULL,
    account_id   bytea,               -- null: the recipient is sealed, or the operators
    contact      bytea,               -- a sealed contact; null once the message has ended
    epoch        int,                 -- of its key, and of that of sealed_data
    locale       text COLLATE "C" NOT NULL,
    data         jsonb NOT NULL,
    sealed_data  bytea,               -- null once the message has ended
    caused_at    timestamptz NOT NULL,
    created_at   timestamptz NOT NULL DEFAULT clock_timestamp(),
    expires_at   timestamptz NOT NULL,
    priority     smallint NOT NULL,
    state        text COLLATE "C" NOT NULL DEFAULT 'QUEUED',
    channel      smallint NOT NULL DEFAULT 0,   -- index into the channels of its type
    tries        int NOT NULL DEFAULT 0,        -- of this life of it; a redrive starts anew
    next_at      timestamptz NOT NULL DEFAULT clock_timestamp(),
    worker       text COLLATE "C",    -- whose try is under way, and until when it may be
    lease_until  timestamptz,
    provider     text COLLATE "C",    -- asked last
    provider_id  text COLLATE "C",    -- its name for the message
    reason       text COLLATE "C" NOT NULL DEFAULT '',
    changes      int NOT NULL DEFAULT 1,
    ended_at     timestamptz,
    UNIQUE (type, token)
);
CREATE INDEX messages_due ON notificator.messages (priority, next_at) WHERE state = 'QUEUED';
CREATE INDEX messages_sending ON notificator.messages (lease_until) WHERE state = 'SENDING';
CREATE INDEX messages_sent ON notificator.messages (next_at) WHERE state = 'SENT';
CREATE INDEX messages_dead ON notificator.messages (id) WHERE state IN ('DEAD', 'FAILED');
CREATE INDEX messages_ended ON notificator.messages (ended_at) WHERE ended_at IS NOT NULL;

-- One row a call to a provider, committed before it is made. Without an outcome: nobody knows.
CREATE TABLE notificator.attempts (
    id          bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    message_id  bigint NOT NULL REFERENCES notificator.messages ON DELETE CASCADE,
    provider    text COLLATE "C" NOT NULL,
    worker      text COLLATE "C" NOT NULL,
    started_at  timestamptz NOT NULL DEFAULT clock_timestamp(),
    ended_at    timestamptz,
    outcome     text COLLATE "C",
    reason      text COLLATE "C" NOT NULL DEFAULT '',
    provider_id text COLLATE "C"
);
CREATE INDEX attempts_message ON notificator.attempts (message_id, id);

-- Changes of state that are to be told on notifications.receipts.
CREATE TABLE notificator.receipts (
    id       bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    type     text COLLATE "C" NOT NULL,
    token    text COLLATE "C" NOT NULL,
    source   text COLLATE "C" NOT NULL,
    number   int NOT NULL,
    state    text COLLATE "C" NOT NULL,
    provider text COLLATE "C" NOT NULL,
    reason   text COLLATE "C" NOT NULL,
    at       timestamptz NOT NULL DEFAULT clock_timestamp()
);

CREATE FUNCTION notificator.count_change() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF NEW.state <> OLD.state THEN
        NEW.changes := OLD.changes + 1;
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER count_change BEFORE UPDATE OF state ON notificator.messages
    FOR EACH ROW EXECUTE FUNCTION notificator.count_change();

-- After, because a row that conflicts with another is never inserted.
CREATE FUNCTION notificator.tell() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF TG_OP = 'UPDATE' AND NEW.changes = OLD.changes THEN
        RETURN NULL;
    END IF;
    INSERT INTO notificator.receipts (type, token, source, number, state, provider, reason)
    VALUES (NEW.type, NEW.token, NEW.source, NEW.changes, NEW.state, coalesce(NEW.provider, ''),
        NEW.reason);
    RETURN NULL;
END $$;
CREATE TRIGGER tell AFTER INSERT OR UPDATE OF state ON notificator.messages
    FOR EACH ROW EXECUTE FUNCTION notificator.tell();

-- Records of an intake topic that nobody could read.
CREATE TABLE notificator.unreadable (
    source  text COLLATE "C" NOT NULL,
    digest  bytea NOT NULL,  -- SHA-256 of the record
    record  bytea NOT NULL,  -- its beginning
    reason  text NOT NULL,
    seen_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    PRIMARY KEY (source, digest)
);

-- Addresses that must not be written to, by an HMAC of the address.
CREATE TABLE notificator.suppressions (
    channel  text COLLATE "C" NOT NULL,
    address  bytea NOT NULL,
    reason   text COLLATE "C" NOT NULL,
    added_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    PRIMARY KEY (channel, address)
);

-- How much of a limit is used in a window of time that is not over yet.
CREATE TABLE notificator.usage (
    key     text COLLATE "C" NOT NULL,
    ends_at timestamptz NOT NULL,
    count   int NOT NULL,
    PRIMARY KEY (key, ends_at)
);
CREATE INDEX usage_ends_at ON notificator.usage (ends_at);

-- Circuit breakers. Open until then; afterwards one try, of whoever moves the time first.
CREATE TABLE notificator.breakers (
    provider   text COLLATE "C" PRIMARY KEY,
    failures   int NOT NULL DEFAULT 0,
    open_until timestamptz,
    reason     text COLLATE "C" NOT NULL DEFAULT ''
);

-- Keys to which others seal. The private key is encrypted; deleting the row is its end.
CREATE TABLE notificator.epochs (
    epoch       int PRIMARY KEY,
    public_key  bytea NOT NULL,
    private_key bytea NOT NULL
);

-- How far each instance has followed the ledger.
CREATE TABLE notificator.feeds (
    name          text COLLATE "C" PRIMARY KEY,
    network_id    bytea NOT NULL,
    genesis_hash  bytea NOT NULL,
    sequence      bigint NOT NULL,
    header_hash   bytea NOT NULL,
    close_time_ms bigint NOT NULL,
    quorum_set    bytea NOT NULL,
    kafka_topic   text NOT NULL,
    kafka_offset  bigint NOT NULL,
    writer_epoch  bigint NOT NULL
);

-- The headers that were verified: what is read again for a subscription is held against them.
CREATE TABLE notificator.ledgers (
    sequence    bigint PRIMARY KEY,
    header_hash bytea NOT NULL
);

-- The decimals of assets: amounts in ledgers are counted in smallest units.
CREATE TABLE notificator.assets (
    code     text COLLATE "C" PRIMARY KEY,
    decimals smallint NOT NULL
);

-- Which kinds of events an account wants to be told of.
CREATE TABLE notificator.choices (
    account_id bytea NOT NULL,
    type       text COLLATE "C" NOT NULL,
    PRIMARY KEY (account_id, type)
);

CREATE TABLE notificator.alarms (
    key       text COLLATE "C" PRIMARY KEY,
    detail    text NOT NULL,
    first_at  timestamptz NOT NULL DEFAULT clock_timestamp(),
    last_at   timestamptz NOT NULL DEFAULT clock_timestamp(),
    raised_at timestamptz
);

-- Durable webhooks. `cursor`: the last ledger that was delivered, or held nothing of interest.
CREATE TABLE notificator.subscriptions (
    id            text COLLATE "C" PRIMARY KEY,
    owner         bytea,               -- an account; null: the operators'
    url           text NOT NULL,
    secret        bytea NOT NULL,      -- encrypted
    filters       jsonb NOT NULL,
    cursor        bigint NOT NULL,
    batch_end     bigint,              -- of the batch that is being delivered
    state         text COLLATE "C" NOT NULL DEFAULT 'ACTIVE',
    failing_since timestamptz,
    failures      int NOT NULL DEFAULT 0,
    reason        text COLLATE "C" NOT NULL DEFAULT '',
    next_at       timestamptz NOT NULL DEFAULT clock_timestamp(),
    worker        text COLLATE "C",
    lease_until   timestamptz,
    created_at    timestamptz NOT NULL DEFAULT clock_timestamp()
);
