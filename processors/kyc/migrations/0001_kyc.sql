-- Cases of KYC, from the ledger and from kyc.events. Nothing here tells of a person, and all of it
-- can be built anew.

CREATE SCHEMA kyc;

-- A request for a role or for new signers, as the ledger has it. Columns are null where the request
-- was fulfilled by the operation that made it.
CREATE TABLE kyc.cases (
    request_id      bigint PRIMARY KEY,
    kind            text COLLATE "C" NOT NULL,
    requestor       bytea NOT NULL,
    state           text COLLATE "C" NOT NULL,
    pending_tasks   bigint NOT NULL,
    changed_at_ms   bigint NOT NULL,
    account_id      bytea NOT NULL,
    role_id         bigint,
    commitment      bytea,
    schema_id       bigint,
    sequence_number bigint,
    request_hash    bytea,
    all_tasks       bigint,
    created_at_ms   bigint NOT NULL,
    reason          text COLLATE "C" NOT NULL DEFAULT '',
    reviewers       bytea[] NOT NULL DEFAULT '{}'
);
CREATE INDEX cases_account ON kyc.cases (account_id, request_id);
CREATE INDEX cases_state ON kyc.cases (state, request_id);
CREATE INDEX cases_commitment ON kyc.cases (commitment);

CREATE TABLE kyc.events (
    event_id   bytea PRIMARY KEY,
    kind       text COLLATE "C" NOT NULL,
    account_id bytea NOT NULL,
    commitment bytea,
    codes      text COLLATE "C" NOT NULL,
    at_ms      bigint NOT NULL
);
CREATE INDEX events_commitment ON kyc.events (commitment, at_ms);
CREATE INDEX events_account ON kyc.events (account_id, at_ms);

-- How far it has come: in the chain of ledgers, on the node's topic, on kyc.events.
CREATE TABLE kyc.progress (
    is_only        bool PRIMARY KEY DEFAULT true CHECK (is_only),
    network_id     bytea NOT NULL,
    genesis_hash   bytea NOT NULL,
    sequence       bigint NOT NULL,
    header_hash    bytea NOT NULL,
    close_time_ms  bigint NOT NULL,
    quorum_set     bytea NOT NULL,
    kafka_topic    text NOT NULL,
    kafka_offset   bigint NOT NULL,
    events_offset  bigint NOT NULL DEFAULT 0,
    writer_epoch   bigint NOT NULL DEFAULT 1
);

-- The state that people see. Of events about one commitment the newest of a kind counts.
CREATE VIEW kyc.case_list AS
SELECT
    c.*,
    CASE
        WHEN erased.at_ms IS NOT NULL THEN 'ERASED'
        WHEN expired.at_ms IS NOT NULL AND c.state = 'APPROVED' THEN 'EXPIRED'
        ELSE c.state
    END AS shown_state,
    checked.codes AS checks,
    checked.at_ms AS checked_at_ms,
    waits.at_ms IS NOT NULL AND waits.at_ms > coalesce(checked.at_ms, 0) AS awaits_scan,
    held.kind IS NOT NULL AND held.kind = 'HELD' AS is_held
FROM kyc.cases c
LEFT JOIN LATERAL (
    SELECT codes, at_ms FROM kyc.events e
    WHERE e.commitment = c.commitment AND e.kind = 'CHECKED'
    ORDER BY at_ms DESC, event_id LIMIT 1
) checked ON true
LEFT JOIN LATERAL (
    SELECT at_ms FROM kyc.events e
    WHERE e.commitment = c.commitment AND e.kind = 'SCAN_AWAITED'
    ORDER BY at_ms DESC, event_id LIMIT 1
) waits ON true
LEFT JOIN LATERAL (
    SELECT at_ms FROM kyc.events e
    WHERE e.commitment = c.commitment AND e.kind = 'EXPIRED' LIMIT 1
) expired ON true
LEFT JOIN LATERAL (
    SELECT at_ms FROM kyc.events e
    WHERE e.account_id = c.account_id AND e.kind = 'ERASED' AND e.at_ms > c.created_at_ms LIMIT 1
) erased ON true
LEFT JOIN LATERAL (
    SELECT kind FROM kyc.events e
    WHERE e.account_id = c.account_id AND e.kind IN ('HELD', 'RELEASED')
    ORDER BY at_ms DESC, event_id LIMIT 1
) held ON true;
