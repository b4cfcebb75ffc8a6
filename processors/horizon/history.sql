-- Horizon's views in one schema: progress, history, rejections. The tables of current state are made
-- from the contract (state_rows.py). A replay makes another schema from the same text, with the
-- schema's name replaced wherever it stands as a word; so every name below is qualified by it.
--
-- Ids order as the network did, and hold the ledger in their high bits:
--   transaction = ledger sequence << 32 | 1-based place in the ledger << 12
--   operation   = transaction | 1-based place in the transaction
--   movement    = ledger sequence << 32 | 1-based place among the ledger's movements
-- History is partitioned by them; the processor creates partitions ahead.
--
-- Amounts are in the asset's smallest unit. Milliseconds count since 1970. *_id of accounts and
-- balances, keys and hashes are raw 32 bytes. What people type may hold U+0000, which text cannot:
-- such columns are bytea and hold UTF-8.

CREATE SCHEMA horizon;

-- One row, written in the commit that writes a ledger's rows; none before the first ledger.
CREATE TABLE horizon.progress (
    only_row      boolean PRIMARY KEY DEFAULT true CHECK (only_row),
    sequence      bigint NOT NULL,   -- the last ledger in these views
    header_hash   bytea  NOT NULL,
    close_time_ms bigint NOT NULL,
    quorum_set    bytea  NOT NULL,   -- QuorumSet: who must certify the next ledger
    network_id    bytea  NOT NULL,
    genesis_hash  bytea  NOT NULL,
    kafka_topic   text COLLATE "C" NOT NULL,  -- the topic that was followed,
    kafka_offset  bigint NOT NULL,   -- and the offset after that ledger's record: a hint
    writer_epoch  bigint NOT NULL    -- grows with every start of a writer; an older one is fenced
);

-- Which version of the views these are; a processor of another version rebuilds them.
CREATE TABLE horizon.version (
    only_row boolean PRIMARY KEY DEFAULT true CHECK (only_row),
    version  integer NOT NULL
);

CREATE TABLE horizon.ledgers (
    sequence             bigint PRIMARY KEY,
    header_hash          bytea   NOT NULL,
    previous_header_hash bytea   NOT NULL,
    close_time_ms        bigint  NOT NULL,
    transaction_count    integer NOT NULL,
    operation_count      integer NOT NULL,
    state_root           bytea   NOT NULL,
    header               bytea   NOT NULL,  -- LedgerHeader
    certificate          bytea   NOT NULL   -- Certificate
);

CREATE TABLE horizon.transactions (
    id               bigint  NOT NULL,
    ledger_sequence  bigint  NOT NULL,
    transaction_hash bytea   NOT NULL,
    envelope_hash    bytea   NOT NULL,
    source_account   bytea   NOT NULL,
    memo             bytea   NOT NULL,
    result_code      text COLLATE "C" NOT NULL,  -- symbol of TransactionCode
    envelope         bytea   NOT NULL,  -- TransactionEnvelope
    result           bytea   NOT NULL,  -- TransactionResult
    close_time_ms    bigint  NOT NULL,
    operation_count  integer NOT NULL,
    PRIMARY KEY (id)
) PARTITION BY RANGE (id);
CREATE INDEX transactions_hash ON horizon.transactions (transaction_hash);

-- Those of a transaction: id between its id and its id + 4095.
CREATE TABLE horizon.operations (
    id               bigint  NOT NULL,
    transaction_id   bigint  NOT NULL,
    ledger_sequence  bigint  NOT NULL,
    transaction_hash bytea   NOT NULL,
    source_account   bytea   NOT NULL,  -- the operation's own, or the transaction's
    type             text COLLATE "C" NOT NULL,  -- name of the body's record, as 'create_account'
    body             bytea   NOT NULL,  -- Operation (source and body)
    outcome          bytea,             -- OperationResult; none with INTERNAL_ERROR
    is_success       boolean NOT NULL,  -- the transaction's, for it is all or nothing
    close_time_ms    bigint  NOT NULL,
    PRIMARY KEY (id)
) PARTITION BY RANGE (id);

-- Whose history an operation belongs to: every participant's, and its source's.
CREATE TABLE horizon.participants (
    account_id   bytea  NOT NULL,
    operation_id bigint NOT NULL,
    PRIMARY KEY (account_id, operation_id)
) PARTITION BY RANGE (operation_id);

CREATE TABLE horizon.movements (
    id            bigint NOT NULL,
    operation_id  bigint NOT NULL,
    account_id    bytea  NOT NULL,
    balance_id    bytea  NOT NULL,
    asset         text COLLATE "C" NOT NULL,
    kind          text COLLATE "C" NOT NULL,  -- symbol of EffectKind
    amount        numeric(39) NOT NULL,       -- without fees
    fee_fixed     numeric(39) NOT NULL,
    fee_percent   numeric(39) NOT NULL,
    available     numeric(39),                -- these two: the balance after the transaction;
    locked        numeric(39),                -- none if the transaction left it as it was
    close_time_ms bigint NOT NULL,
    PRIMARY KEY (id)
) PARTITION BY RANGE (id);
CREATE INDEX movements_account ON horizon.movements (account_id, id);
CREATE INDEX movements_balance ON horizon.movements (balance_id, id);
CREATE INDEX movements_asset ON horizon.movements (asset, id);

-- Which references the windows of the network hold: a partition per kind and day, dropped whole when
-- the day leaves the window. `bucket` is kind << 32 | day.
CREATE TABLE horizon.used_references (
    bucket       bigint NOT NULL,
    account_id   bytea  NOT NULL,
    reference    bytea  NOT NULL,  -- the text, UTF-8
    operation_id bigint NOT NULL
) PARTITION BY RANGE (bucket);
CREATE INDEX used_references_account ON horizon.used_references (account_id, reference);

-- Reviewable requests, also those that have ended (requests.py).
CREATE TABLE horizon.requests (
    request_id    bigint PRIMARY KEY,
    kind          text COLLATE "C" NOT NULL,  -- the stem of its schema, as 'issuance'
    requestor     bytea  NOT NULL,
    reviewer      bytea,            -- this to role_id, all_tasks and entry: none if it was
    asset         text COLLATE "C", -- fulfilled by the operation that made it
    balance_id    bytea,            -- that it is about
    destination   bytea,            -- the account or balance that is to receive, or be changed
    role_id       numeric(20),      -- that the account is to have
    state         text COLLATE "C" NOT NULL,  -- PENDING, REJECTED, UNKNOWN, or how it ended
    all_tasks     bigint,
    pending_tasks bigint NOT NULL,
    entry         bytea,            -- LedgerEntry, as it stood last
    created_by    bigint NOT NULL,  -- operation ids
    created_at_ms bigint NOT NULL,
    changed_by    bigint NOT NULL,
    changed_at_ms bigint NOT NULL
);
CREATE INDEX requests_requestor ON horizon.requests (requestor, request_id);
CREATE INDEX requests_balance ON horizon.requests (balance_id, request_id);
CREATE INDEX requests_destination ON horizon.requests (destination, request_id);
CREATE INDEX requests_state ON horizon.requests (state, request_id);

-- External transfers, also those that are closed, and what happened to them (transfers.py).
CREATE TABLE horizon.transfers (
    transfer_id bigint PRIMARY KEY,
    chain_id    text COLLATE "C" NOT NULL,
    purpose     text COLLATE "C" NOT NULL,  -- symbol of TransferPurpose
    asset       text COLLATE "C" NOT NULL,
    state       text COLLATE "C" NOT NULL,  -- symbol of TransferState, or CLOSED
    requests    bigint[] NOT NULL,
    entry       bytea  NOT NULL,            -- LedgerEntry, as it stood last
    changed_in  bigint NOT NULL
);
CREATE INDEX transfers_state ON horizon.transfers (state, transfer_id);
CREATE INDEX transfers_chain ON horizon.transfers (chain_id, transfer_id);
CREATE INDEX transfers_requests ON horizon.transfers USING gin (requests);
CREATE TABLE horizon.transfer_events (
    id            bigint PRIMARY KEY,
    transfer_id   bigint  NOT NULL,
    event         text COLLATE "C" NOT NULL,  -- symbol of TransferEvent
    version       integer NOT NULL,           -- the transfer's newest then
    operation_id  bigint  NOT NULL,
    close_time_ms bigint  NOT NULL
);
CREATE INDEX transfer_events_transfer ON horizon.transfer_events (transfer_id, id);

-- Prices of asset pairs, each as it was set (rates.py).
CREATE TABLE horizon.rates (
    id            bigint PRIMARY KEY,  -- ledger sequence << 32 | 1-based place among the ledger's
    base          text COLLATE "C" NOT NULL,
    quote         text COLLATE "C" NOT NULL,
    numerator     numeric(39) NOT NULL,  -- of smallest units
    denominator   numeric(39) NOT NULL,
    round         numeric(20) NOT NULL,
    account_id    bytea  NOT NULL,       -- who set it
    operation_id  bigint NOT NULL,
    close_time_ms bigint NOT NULL
);
CREATE INDEX rates_pair ON horizon.rates (base, quote, id);
CREATE INDEX rates_pair_time ON horizon.rates (base, quote, close_time_ms);

-- What nodes refused at their doors within the last hour; provisional: other nodes may have taken them.
CREATE TABLE horizon.rejections (
    envelope_hash    bytea  NOT NULL,
    node             text COLLATE "C" NOT NULL,
    transaction_hash bytea,
    code             text COLLATE "C" NOT NULL,  -- symbol of RejectionCode
    detail           text   NOT NULL,
    ledger_sequence  bigint NOT NULL,
    rejected_at_ms    bigint NOT NULL,
    PRIMARY KEY (envelope_hash, node)
);
CREATE INDEX rejections_transaction_hash ON horizon.rejections (transaction_hash);
CREATE INDEX rejections_rejected_at ON horizon.rejections (rejected_at_ms);
