"""Versions of what services leave to each other in databases.

A processor that finds views of another version rebuilds them; a gateway serves no other version.
"""

HORIZON_VIEWS = 11
"""Raised whenever processors/horizon changes a table of its views (a test notices)."""
