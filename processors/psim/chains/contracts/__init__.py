"""Our own contracts, compiled; `make check` compiles them again and compares."""
