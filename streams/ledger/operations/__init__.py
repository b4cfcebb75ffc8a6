"""One file per operation: what holds whatever the ledger says, and what it does to the ledger."""
