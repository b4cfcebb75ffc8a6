"""OpenAPI names what members hold that show values of the contract."""

from collections.abc import Iterator
from typing import Any

import pytest

from gateways.horizon.contract_types import REFERENCE, make_schemas
from gateways.horizon.routes import ROUTES
from gateways.http.openapi import build_document

DOCUMENT = build_document(ROUTES, "title", "", "", "http://127.0.0.1", make_schemas())
SCHEMAS = DOCUMENT["components"]["schemas"]


def find_references(value: Any) -> Iterator[str]:
    if isinstance(value, dict):
        for name, each in value.items():
            if name == "$ref":
                yield each
            yield from find_references(each)
    elif isinstance(value, list):
        for each in value:
            yield from find_references(each)


def test_every_reference_leads_to_a_schema() -> None:
    references = set(find_references(DOCUMENT))
    assert len(references) > 50
    assert {each.removeprefix(REFERENCE) for each in references} <= SCHEMAS.keys()


def test_no_type_of_the_contract_has_the_name_of_another_schema() -> None:
    alone = build_document(ROUTES, "title", "", "", "http://127.0.0.1", {})
    assert make_schemas().keys().isdisjoint(alone["components"]["schemas"])


@pytest.mark.parametrize(
    ("schema", "member", "names"),
    [
        ("ProofAttributes", "decoded_header", {"LedgerHeader"}),
        ("ProofAttributes", "decoded_certificate", {"Certificate"}),
        ("EntryProofAttributes", "decoded", {"LedgerEntry"}),
        ("OperationAttributes", "details", {"Payment", "CreateAccount"}),
        ("OperationAttributes", "result", {"PaymentResult", "CreateAccountResult"}),
    ],
)
def test_a_member_that_shows_a_value_has_its_type(
    schema: str, member: str, names: set[str]
) -> None:
    found = set(find_references(SCHEMAS[schema]["properties"][member]))
    assert {REFERENCE + each for each in names} <= found


def test_bytes_of_a_proof_are_base64() -> None:
    for name in ("key", "proof"):
        member = SCHEMAS["EntryProofAttributes"]["properties"][name]
        assert member["contentEncoding"] == "base64"
