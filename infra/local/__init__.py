"""Everything tokend needs, run on one Linux machine without containers."""
