"""The operators' verbs of `tokend`."""
