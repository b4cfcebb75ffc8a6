"""Deterministic multisigning: instances sign what each of them derived itself."""
