"""Adapters of chains and banks: they read the payloads of transfers, which the ledger does not."""
