"""Wraps what a service's database must not hold in clear: key-encryption keys outside of it."""
