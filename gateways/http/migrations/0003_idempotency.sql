-- Requests with an Idempotency-Key and what they were answered. Without a status: in flight.

CREATE TABLE gateway.answers (
    signer       bytea NOT NULL,
    key          text COLLATE "C" NOT NULL,
    digest       bytea NOT NULL,  -- SHA-256 of method, path, query and body
    claimed_at   timestamptz NOT NULL DEFAULT clock_timestamp(),
    status       smallint,
    content_type text,
    location     text,
    body         bytea,
    PRIMARY KEY (signer, key)
);
CREATE INDEX answers_claimed_at ON gateway.answers (claimed_at);

-- Tries that are counted exactly. A row is locked while a try is reserved.
CREATE TABLE gateway.tries (
    counter text COLLATE "C" NOT NULL,
    subject bytea NOT NULL,
    times   timestamptz[] NOT NULL,
    kept_to timestamptz NOT NULL,
    PRIMARY KEY (counter, subject)
);
CREATE INDEX tries_kept_to ON gateway.tries (kept_to);

-- Seconds to wait before the next try; 0: a try was reserved now. The first `quick` tries within
-- the window may come at once; each later one waits twice as long as the one before, from
-- `first_wait` up to `longest_wait`. There are at most `most` within any window.
CREATE FUNCTION gateway.reserve_try(
    counter_ text, subject_ bytea, window_ interval, quick int, first_wait float8,
    longest_wait float8, most int
) RETURNS float8 LANGUAGE plpgsql AS $$
DECLARE
    now_ timestamptz;
    recent timestamptz[];
    made int;
    wait float8 := 0;
BEGIN
    INSERT INTO gateway.tries VALUES (counter_, subject_, '{}', clock_timestamp() + window_)
        ON CONFLICT DO NOTHING;
    SELECT times INTO recent FROM gateway.tries
        WHERE counter = counter_ AND subject = subject_ FOR UPDATE;
    now_ := clock_timestamp();
    SELECT coalesce(array_agg(t ORDER BY t), '{}') INTO recent
        FROM unnest(recent) AS t WHERE t > now_ - window_;
    made := cardinality(recent);
    IF made >= most THEN
        RETURN greatest(extract(epoch FROM recent[made - most + 1] + window_ - now_), 0.001);
    END IF;
    IF made >= quick THEN
        wait := least(first_wait * 2 ^ least(made - quick, 30), longest_wait)
            - extract(epoch FROM now_ - recent[made]);
    END IF;
    IF wait > 0 THEN
        RETURN wait;
    END IF;
    UPDATE gateway.tries SET times = recent || now_, kept_to = now_ + window_
        WHERE counter = counter_ AND subject = subject_;
    RETURN 0;
END $$;
