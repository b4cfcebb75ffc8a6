-- Reports on reserves as instances signed them, for thirty days. What an asset's owner is, and who
-- signs for it, is in the tables of current state: this stands after them.
CREATE TABLE horizon.reserve_reports (
    report_hash  bytea  PRIMARY KEY,
    asset        text COLLATE "C" NOT NULL,
    sequence     bigint NOT NULL,  -- the ledger after which it is owed
    height       bigint NOT NULL,  -- the block after which it is held
    closed_at_ms bigint NOT NULL,
    liabilities  bytea  NOT NULL,  -- root of the tree of balances
    report       bytea  NOT NULL
);
CREATE INDEX reserve_reports_asset ON horizon.reserve_reports (asset, sequence DESC, height DESC);
CREATE TABLE horizon.reserve_signatures (
    report_hash bytea NOT NULL,
    signer      bytea NOT NULL,
    signature   bytea NOT NULL,
    PRIMARY KEY (report_hash, signer)
);

-- Leaves of trees as they come, until the newest tree of an asset is whole: then its levels.
CREATE TABLE horizon.reserve_leaves (
    asset    text COLLATE "C" NOT NULL,
    sequence bigint NOT NULL,
    first    bigint NOT NULL,
    leaves   bytea  NOT NULL,
    PRIMARY KEY (asset, sequence, first)
);
CREATE TABLE horizon.reserve_levels (
    asset    text COLLATE "C" NOT NULL,
    sequence bigint  NOT NULL,
    level    integer NOT NULL,  -- 0: of the leaves
    nodes    bytea   NOT NULL,
    leaves   bytea,             -- at level 0: of each the balance and its amount
    PRIMARY KEY (asset, level)
);

-- With the weight of who signed; of an identity only the heaviest signer counts.
CREATE VIEW horizon.signed_reserves AS
SELECT r.*, w.weight,
    ARRAY(SELECT s.signer FROM horizon.reserve_signatures s
        WHERE s.report_hash = r.report_hash ORDER BY s.signer) AS signers,
    ARRAY(SELECT s.signature FROM horizon.reserve_signatures s
        WHERE s.report_hash = r.report_hash ORDER BY s.signer) AS signatures
FROM horizon.reserve_reports r
JOIN horizon.assets a ON a.code = r.asset
CROSS JOIN LATERAL (
    SELECT coalesce(sum(i.weight), 0) AS weight FROM (
        SELECT max(g.weight) AS weight
        FROM horizon.reserve_signatures s
        JOIN horizon.signers g ON g.account_id = a.owner AND g.public_key = s.signer
        WHERE s.report_hash = r.report_hash GROUP BY g.identity
    ) i
) w;

-- The newest of each asset that enough of them agree on.
CREATE VIEW horizon.reserves AS
SELECT n.* FROM (SELECT DISTINCT asset FROM horizon.reserve_reports) x
CROSS JOIN LATERAL (
    SELECT * FROM horizon.signed_reserves s
    WHERE s.asset = x.asset AND s.weight >= 1000
    ORDER BY s.sequence DESC, s.height DESC LIMIT 1
) n;
