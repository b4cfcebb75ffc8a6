-- What clients asked for in windows of time that are not over yet. Lost in a crash: no harm.

CREATE UNLOGGED TABLE gateway.rates (
    key     text COLLATE "C" NOT NULL,
    ends_at bigint NOT NULL,  -- seconds since 1970
    count   bigint NOT NULL,
    PRIMARY KEY (key, ends_at)
);
CREATE INDEX rates_ends_at ON gateway.rates (ends_at);
