"""Answers are what OpenAPI declares (`tests.gateways.contract`), with and without a signature; ids
that exist are mixed in, or there would be nothing but 404."""

import base64
import itertools
from typing import Any

import pytest
import requests
from hypothesis import strategies as st
from schemathesis import GenerationMode
from schemathesis.schemas import BaseSchema

from gateways.horizon.routes import ROUTES
from gateways.http.routes import Route
from schemas.generated import keys
from schemas.generated.operations import ManageKeyValue, PutKeyValue, U32Value
from schemas.strkey import encode_account_id, encode_balance_id
from tests.gateways.contract import CHECKS, REJECTED, Signing, get_name, load_contract, run_examples
from tests.gateways.horizon.border_history import add_border_history
from tests.gateways.horizon.reserve_history import add_reserves
from tests.gateways.horizon.test_submission import make_envelope
from tests.gateways.support import Gateway
from tests.streams.ledger.operations.test_manage_asset_pair import create_pair
from tests.support.border import CHAIN
from tests.support.network import create_asset, get_account, pay

CURSOR_OF = "/v3/movements"
COMMANDS = "/v3/commands/{operation}"
ACCESS_PROOFS = "/v3/access-proofs"
FEES_DUE = "/v3/accounts/{id}/calculated-fees"
DUE = {"asset": "EUR", "amount": "1.5", "fee_type": "payment", "subtype": "1"}
ROLES = tuple(itertools.product(("account", "signer"), ("roles", "rules")))


@pytest.fixture(scope="module")
def schema(gateway: Gateway) -> BaseSchema:
    world, network = gateway.world, gateway.world.network
    add_border_history(world)
    world.apply("alice", pay(network, "alice", "bob", "EUR", 5))
    world.apply("master", ManageKeyValue("payment_tasks:*", PutKeyValue(U32Value(0))))
    world.apply("issuer", create_asset("USD"))
    world.apply("master", create_pair(network))
    add_reserves(world)
    return load_contract(gateway.url)


@pytest.fixture(scope="module")
def known(gateway: Gateway, schema: BaseSchema) -> dict[str, list[str]]:
    """What exists, by the parameter that would name it."""
    operations = gateway.get("/v3/operations")["data"]
    alice = encode_account_id(get_account("alice"))
    balance = encode_balance_id(gateway.world.network.get_balance_id("alice", "EUR"))
    page = gateway.get(CURSOR_OF, {"page[limit]": "1"})
    cursor = page["links"]["next"].partition("cursor%5D=")[2]
    return {
        "hash": [operations[0]["attributes"]["transaction_hash"]],
        "sequence": ["1", "3"],
        "code": ["EUR"],
        "key": ["payment_tasks:*"],
        "id of operations": [operations[0]["id"]],
        "id of requests": ["1"],
        "id of transfers": ["1", "2"],
        "filter[chain]": [CHAIN],
        "filter[transfer]": ["1"],
        "id of asset-pairs": ["USD:EUR"],
        "pair": ["USD:EUR"],
        "filter[pair]": ["USD:EUR"],
        **{f"id of {layer}-{what}": ["1"] for layer, what in ROLES},
        "operation": ["cancel_change_role_request"],
        "filter[requestor]": [encode_account_id(get_account("issuer"))],
        "id of accounts": [alice],
        "id of balances": [balance],
        "filter[account]": [alice],
        "filter[asset]": ["EUR"],
        "filter[balance]": [balance],
        "filter[ledger]": ["3"],
        "at_ledger": ["2"],
        "from_ledger": ["1"],
        "to_ledger": ["3"],
        "filter[transaction]": [operations[0]["attributes"]["transaction_hash"]],
        "page[cursor]": [cursor],
        "envelope": [base64.b64encode(make_envelope(gateway)).decode()],
    }


def use_known(case: Any, known: dict[str, list[str]], draw: Any, path: str) -> None:
    """Puts what exists where the case has anything; sometimes where it has nothing. A cursor is of
    one request, so the case has none then."""
    for name in case.path_parameters or {}:
        wanted = f"id of {path.split('/')[2]}" if name == "id" else name
        case.path_parameters[name] = draw(st.sampled_from(known[wanted]))
    for name in [*(case.query or {})]:
        if name == "page[cursor]" and path != CURSOR_OF:
            del case.query[name]
        elif name in known and not draw(st.booleans()):
            case.query[name] = draw(st.sampled_from(known[name]))
    if path == FEES_DUE:
        case.query = dict(DUE)
    if path == COMMANDS:
        case.body = {"source_account": known["id of accounts"][0], "body": {"request_id": "1"}}
    elif path == ACCESS_PROOFS:
        case.body = {"keys": [keys.DEFAULT_SIGNER_RULES.hex()]}
    elif isinstance(case.body, dict) and not draw(st.booleans()):
        case.body["data"]["attributes"]["envelope"] = known["envelope"][0]


@pytest.mark.parametrize("route", ROUTES, ids=get_name)
def test_valid_requests(
    gateway: Gateway, schema: BaseSchema, known: dict[str, list[str]], route: Route, examples: int
) -> None:
    gateway.world.close()  # /health is red where nothing moves
    seen: set[int] = set()
    session = requests.Session()

    def check(case: Any, data: st.DataObject) -> None:
        if not data.draw(st.booleans()):  # so the first is of what exists
            use_known(case, known, data.draw, route.path)
        response = case.call(base_url=gateway.url, session=session, auth=Signing())
        case.validate_response(response, checks=CHECKS)
        seen.add(response.status_code)

    run_examples(schema, route, GenerationMode.POSITIVE, examples, check)
    assert seen & {200, 202}, f"nothing was answered well: {seen}"


@pytest.mark.parametrize(
    "route", [r for r in ROUTES if r.parameters or r.path_parameters], ids=get_name
)
def test_invalid_requests(
    gateway: Gateway, schema: BaseSchema, route: Route, examples: int
) -> None:
    session = requests.Session()

    def check(case: Any, data: st.DataObject) -> None:
        response = case.call(base_url=gateway.url, session=session, auth=Signing())
        case.validate_response(response, checks=REJECTED)

    run_examples(schema, route, GenerationMode.NEGATIVE, examples, check)


@pytest.mark.parametrize("route", [r for r in ROUTES if not r.is_public], ids=get_name)
def test_unsigned_requests(
    gateway: Gateway, schema: BaseSchema, known: dict[str, list[str]], route: Route, examples: int
) -> None:
    session = requests.Session()

    def check(case: Any, data: st.DataObject) -> None:
        if data.draw(st.booleans()):
            use_known(case, known, data.draw, route.path)
        response = case.call(base_url=gateway.url, session=session)
        case.validate_response(response, checks=CHECKS)
        assert response.status_code == 401
        assert response.json()["type"].rpartition("#problem-")[2].startswith("signature-")

    run_examples(schema, route, GenerationMode.POSITIVE, examples, check)
