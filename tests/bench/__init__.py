"""Benchmarks: whole sets under load, measured from outside. Not part of `make test`."""
