"""Deposit: what arrived on a chain is credited, once, or parked."""
