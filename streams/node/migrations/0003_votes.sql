-- The upgrades that this node's operator votes for, until a ledger carries them.

CREATE TABLE votes (
    place         bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    upgrade       bytea  NOT NULL UNIQUE,  -- Upgrade
    from_ms       bigint NOT NULL,         -- it counts from this close time on,
    from_sequence bigint NOT NULL,         -- in ledgers from this one on,
    until_ms      bigint NOT NULL          -- before this close time
);
