"""The columns that API keeps wrapped, and what each is wrapped for."""

from gateways.sealing.rewrapping import Column

COLUMNS = (
    Column("links", "link_id", "sealed", "'links/' || kind || '/' || encode(address_hash, 'hex')"),
    Column("phone_codes", "person_id", "sealed", "'links/phone/' || encode(address_hash, 'hex')"),
    Column(
        "invitations", "invitation_id", "sealed", "'links/email/' || encode(address_hash, 'hex')"
    ),
    Column("blobs", "number", "content", "'blobs/' || encode(blob_id, 'hex')"),
    Column("settings", "person_id", "value", "'settings/' || person_id || '/' || key"),
    Column("submissions", "commitment", "salt", "'submissions/' || encode(commitment, 'hex')"),
    Column(
        "payout_accounts",
        "account_hash",
        "sealed",
        "'payout-accounts/' || encode(account_hash, 'hex')",
    ),
    Column("outbox", "id", "content", "'outbox/' || type || '/' || token"),
)
