"""Benchmarks: whole deployments under load, measured from outside. Not part of `make test`."""
