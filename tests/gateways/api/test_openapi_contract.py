"""Answers are what OpenAPI declares, as for Horizon: schemathesis makes requests from the document.

Each route gets requests that fit the document and some that do not, signed by the master, who owns
the account in half of them; a server error, or an undeclared status, type or body fails.
"""

from typing import Any

import pytest
import requests
from hypothesis import strategies as st
from schemathesis import GenerationMode
from schemathesis.schemas import BaseSchema

from gateways.api.routes import ROUTES
from gateways.client.keys import get_address
from gateways.http.routes import Route
from tests.gateways.api.support import Apis
from tests.gateways.contract import CHECKS, REJECTED, Signing, get_name, load_contract, run_examples
from tests.support.network import get_key

WITH_INPUT = [each for each in ROUTES if each.parameters or each.path_parameters or each.accepts]


@pytest.fixture(scope="module")
def schema(apis: Apis) -> BaseSchema:
    return load_contract(apis.urls[0], "415")


def use_own_account(case: Any, data: st.DataObject) -> None:
    """Or there would be nothing but 403."""
    if "account" in (case.path_parameters or {}) and data.draw(st.booleans()):
        case.path_parameters["account"] = get_address(get_key("master"))


@pytest.mark.parametrize("route", ROUTES, ids=get_name)
def test_valid_requests(apis: Apis, schema: BaseSchema, route: Route, examples: int) -> None:
    session = requests.Session()

    def check(case: Any, data: st.DataObject) -> None:
        use_own_account(case, data)
        auth = None if route.is_public else Signing()
        response = case.call(base_url=apis.urls[0], session=session, auth=auth)
        case.validate_response(response, checks=CHECKS)

    run_examples(schema, route, GenerationMode.POSITIVE, examples, check)


@pytest.mark.parametrize("route", WITH_INPUT, ids=get_name)
def test_invalid_requests(apis: Apis, schema: BaseSchema, route: Route, examples: int) -> None:
    session = requests.Session()

    def check(case: Any, data: st.DataObject) -> None:
        auth = None if route.is_public else Signing()
        response = case.call(base_url=apis.urls[0], session=session, auth=auth)
        case.validate_response(response, checks=REJECTED)

    run_examples(schema, route, GenerationMode.NEGATIVE, examples, check)


@pytest.mark.parametrize("route", [r for r in ROUTES if not r.is_public], ids=get_name)
def test_unsigned_requests(apis: Apis, schema: BaseSchema, route: Route, examples: int) -> None:
    session = requests.Session()

    def check(case: Any, data: st.DataObject) -> None:
        use_own_account(case, data)
        response = case.call(base_url=apis.urls[0], session=session)
        case.validate_response(response, checks=CHECKS)
        assert response.status_code == 401

    run_examples(schema, route, GenerationMode.POSITIVE, 1, check)
