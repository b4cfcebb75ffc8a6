-- What gateways remember themselves. All processes of one gateway, wherever they run, share it.

CREATE SCHEMA gateway;

-- Nonces of signed requests that were let in. One is kept for longer than its signature holds.
CREATE TABLE gateway.nonces (
    signer  bytea NOT NULL,
    nonce   text COLLATE "C" NOT NULL,
    seen_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (signer, nonce)
);
CREATE INDEX nonces_seen_at ON gateway.nonces (seen_at);
