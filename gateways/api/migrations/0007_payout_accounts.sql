-- Bank accounts that withdrawals go to. The ledger has nothing but the hash.
CREATE TABLE api.payout_accounts (
    account_hash bytea PRIMARY KEY,
    account_id   bytea NOT NULL,
    signer       bytea NOT NULL,  -- who registered it
    sealed       bytea NOT NULL,  -- sealed: PayoutDetails
    created_at   timestamptz NOT NULL DEFAULT clock_timestamp()
);
CREATE INDEX payout_accounts_account ON api.payout_accounts (account_id, created_at);
