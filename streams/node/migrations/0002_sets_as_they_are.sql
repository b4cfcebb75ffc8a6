-- Signatures and hashes do not get smaller, and trying takes longer than writing them.
ALTER TABLE transaction_sets ALTER COLUMN envelopes SET STORAGE EXTERNAL;
ALTER TABLE hash_window ALTER COLUMN hashes SET STORAGE EXTERNAL;
