"""Signers of accounts. They are shown with their account, if it includes them."""

from typing import Any

import msgspec

from gateways.horizon.database import PointQuery
from gateways.http.jsonapi import Resource, relate
from schemas.readable import show_account, show_json_text

SIGNERS_BY_ACCOUNT = PointQuery(
    "select account_id as key, * from horizon.signers where account_id = any(%s)"
    " order by account_id, public_key"
)


class SignerAttributes(msgspec.Struct, frozen=True):
    """A key that may sign for an account. `details` is the JSON it was created with."""

    weight: int
    identity: int
    role_id: str
    details: Any
    changed_in: str


def get_signer_id(row: Any) -> str:
    """One key may sign for several accounts."""
    return f"{show_account(row.account_id)}-{show_account(row.public_key)}"


def render_signer(row: Any) -> Resource[SignerAttributes]:
    attributes = SignerAttributes(
        row.weight,
        row.identity,
        str(row.role_id),
        show_json_text(row.details),
        str(row.changed_in),
    )
    relationships = {
        "account": relate("accounts", show_account(row.account_id)),
        "public_key": relate("public-keys", show_account(row.public_key)),
    }
    return Resource("signers", get_signer_id(row), attributes, relationships)
