"""Answers are what OpenAPI declares, as for Horizon: schemathesis makes requests from the document.

Each route gets requests that fit the document and some that do not, signed by the master, who owns
the account in half of them; a server error, or an undeclared status, type or body fails.
"""

from typing import Any

import pytest
import requests
import schemathesis
from hypothesis import strategies as st
from schemathesis import GenerationMode
from schemathesis.schemas import BaseSchema
from schemathesis.specs.openapi.checks import negative_data_rejection

from gateways.api.routes import ROUTES
from gateways.client.keys import get_address
from gateways.http.routes import Route
from tests.gateways.api.support import Apis
from tests.gateways.horizon.test_openapi_contract import (
    CHECKS,
    Signing,
    get_case_strategy,
    get_name,
    run,
)
from tests.support.network import get_key

EXAMPLES = 12
WITH_INPUT = [each for each in ROUTES if each.parameters or each.path_parameters or each.accepts]


@pytest.fixture(scope="module")
def schema(apis: Apis) -> BaseSchema:
    loaded = schemathesis.openapi.from_url(f"{apis.urls[0]}/openapi.json")
    loaded.config.generation.with_security_parameters = False  # signatures are ours to make
    rejection = loaded.config.checks.negative_data_rejection
    rejection.expected_statuses = [*rejection.expected_statuses, "413", "414", "415"]
    return loaded


def use_own_account(case: Any, data: st.DataObject) -> None:
    """Or there would be nothing but 403."""
    if "account" in (case.path_parameters or {}) and data.draw(st.booleans()):
        case.path_parameters["account"] = get_address(get_key("master"))


@pytest.mark.parametrize("route", ROUTES, ids=get_name)
def test_valid_requests(apis: Apis, schema: BaseSchema, route: Route) -> None:
    session = requests.Session()

    def check(case: Any, data: st.DataObject) -> None:
        use_own_account(case, data)
        auth = None if route.is_public else Signing()
        response = case.call(base_url=apis.urls[0], session=session, auth=auth)
        case.validate_response(response, checks=CHECKS)

    run(get_case_strategy(schema, route, GenerationMode.POSITIVE), check, EXAMPLES)


@pytest.mark.parametrize("route", WITH_INPUT, ids=get_name)
def test_invalid_requests(apis: Apis, schema: BaseSchema, route: Route) -> None:
    session = requests.Session()

    def check(case: Any, data: st.DataObject) -> None:
        auth = None if route.is_public else Signing()
        response = case.call(base_url=apis.urls[0], session=session, auth=auth)
        case.validate_response(response, checks=[*CHECKS, negative_data_rejection])

    run(get_case_strategy(schema, route, GenerationMode.NEGATIVE), check, EXAMPLES)


@pytest.mark.parametrize("route", [r for r in ROUTES if not r.is_public], ids=get_name)
def test_unsigned_requests(apis: Apis, schema: BaseSchema, route: Route) -> None:
    session = requests.Session()

    def check(case: Any, data: st.DataObject) -> None:
        use_own_account(case, data)
        response = case.call(base_url=apis.urls[0], session=session)
        case.validate_response(response, checks=CHECKS)
        assert response.status_code == 401

    run(get_case_strategy(schema, route, GenerationMode.POSITIVE), check, EXAMPLES // 4)
