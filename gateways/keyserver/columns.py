"""The columns that a KeyServer keeps wrapped, and what each is wrapped for (`names`)."""

from gateways.sealing.rewrapping import Column


def _make_version(table: str, key: str) -> tuple[Column, ...]:
    return (
        Column(table, "id", "verifier", f"'verifier/' || {key}"),
        Column(table, "id", "envelope", f"'envelope/' || {key}"),
    )


EMAIL = "'email/' || encode(email_lookup, 'hex')"
COLUMNS = (
    *_make_version("wallets", "entry"),
    *_make_version("signups", "id"),
    *_make_version("changes", "id"),
    *_make_version("email_changes", "id"),
    Column("wallets", "id", "email", EMAIL),
    Column("signups", "id", "email", EMAIL),
    Column("email_changes", "id", "email", EMAIL),
    Column("wallets", "id", "totp_secret", "'totp/' || id"),
    Column("wallets", "id", "enrolment", "'totp/' || id"),
    Column("devices", "id", "name", "'device/' || id"),
    Column("history", "id", "address", "'history/' || wallet"),
    Column("outbox", "id", "content", "'outbox/' || type || '/' || token"),
)
