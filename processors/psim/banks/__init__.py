"""Banks: statements in, payment files out, by ISO 20022."""
