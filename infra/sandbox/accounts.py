"""The operator's accounts at the sandbox's bank."""

ACCOUNT, CURRENCY = "DE75512108001245126199", "EUR"
GIRO_ACCOUNT, GIRO_CURRENCY = "CH9300762011623852957", "CHF"
BANK, GIRO = "bank", "giro"
"""Their names here."""
