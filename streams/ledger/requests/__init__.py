"""Reviewable requests: what all kinds share, and one module per kind."""
