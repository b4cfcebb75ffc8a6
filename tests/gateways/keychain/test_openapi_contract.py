"""Answers are what OpenAPI declares, as for API: schemathesis makes requests from the document."""

from typing import Any

import pytest
import requests
import schemathesis
from hypothesis import strategies as st
from schemathesis import GenerationMode
from schemathesis.schemas import BaseSchema
from schemathesis.specs.openapi.checks import negative_data_rejection

from gateways.client.keys import get_address
from gateways.http.routes import Route
from gateways.keychain.routes import ROUTES
from tests.gateways.horizon.test_openapi_contract import (
    CHECKS,
    Signing,
    get_case_strategy,
    get_name,
    run,
)
from tests.gateways.keychain.support import KeyChains, tick
from tests.support.network import get_key

pytestmark = pytest.mark.servers
EXAMPLES = 10
WITH_INPUT = [each for each in ROUTES if each.parameters or each.path_parameters or each.accepts]


@pytest.fixture(scope="module")
def schema(keychains: KeyChains) -> BaseSchema:
    loaded = schemathesis.openapi.from_url(f"{keychains.urls[0]}/openapi.json")
    loaded.config.generation.with_security_parameters = False  # signatures are ours to make
    rejection = loaded.config.checks.negative_data_rejection
    rejection.expected_statuses = [*rejection.expected_statuses, "404", "413", "414", "415"]
    return loaded


def check_all(keychains: KeyChains, schema: BaseSchema, route: Route, mode: GenerationMode) -> None:
    session = requests.Session()

    def check(case: Any, data: st.DataObject) -> None:
        if "account" in (case.path_parameters or {}) and data.draw(st.booleans()):
            case.path_parameters["account"] = get_address(get_key("master"))
        tick(keychains.world)
        auth = None if route.is_public else Signing()
        response = case.call(base_url=keychains.urls[0], session=session, auth=auth)
        more = [negative_data_rejection] if mode is GenerationMode.NEGATIVE else []
        case.validate_response(response, checks=[*CHECKS, *more])

    run(get_case_strategy(schema, route, mode), check, EXAMPLES)


@pytest.mark.parametrize("route", ROUTES, ids=get_name)
def test_valid_requests(keychains: KeyChains, schema: BaseSchema, route: Route) -> None:
    check_all(keychains, schema, route, GenerationMode.POSITIVE)


@pytest.mark.parametrize("route", WITH_INPUT, ids=get_name)
def test_invalid_requests(keychains: KeyChains, schema: BaseSchema, route: Route) -> None:
    check_all(keychains, schema, route, GenerationMode.NEGATIVE)
