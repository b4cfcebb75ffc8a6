"""API: what a project knows of its people, beside the ledger. It holds no key of theirs."""
