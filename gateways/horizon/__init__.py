"""The public entry to one core node: submit transactions, read Horizon's views."""
