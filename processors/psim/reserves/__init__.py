"""Proof of reserves: what the network owes in the assets of chains, and what it holds there."""
