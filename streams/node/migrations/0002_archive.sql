-- How far the node's history stands in its archive. What is beyond stands in `ledgers`, which is the
-- queue: a ledger is in it from the commit that closes it until it is archived, at least.

CREATE TABLE archive (
    is_only boolean PRIMARY KEY DEFAULT true CHECK (is_only),
    archived bigint NOT NULL,          -- the last ledger of the newest checkpoint
    snapshot bigint NOT NULL           -- the ledger of the newest snapshot; 0: none
);
INSERT INTO archive (archived, snapshot) VALUES (0, 0);
