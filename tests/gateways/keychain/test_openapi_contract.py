"""Answers are what OpenAPI declares, as for API: schemathesis makes requests from the document."""

from typing import Any

import pytest
import requests
from hypothesis import strategies as st
from schemathesis import GenerationMode
from schemathesis.schemas import BaseSchema

from gateways.client.keys import get_address
from gateways.http.routes import Route
from gateways.keychain.routes import ROUTES
from tests.gateways.contract import CHECKS, REJECTED, Signing, get_name, load_contract, run_examples
from tests.gateways.keychain.support import KeyChains, tick
from tests.support.network import get_key

pytestmark = pytest.mark.servers
WITH_INPUT = [each for each in ROUTES if each.parameters or each.path_parameters or each.accepts]


@pytest.fixture(scope="module")
def schema(keychains: KeyChains) -> BaseSchema:
    return load_contract(keychains.urls[0], "404", "415")


def check_all(
    keychains: KeyChains, schema: BaseSchema, route: Route, mode: GenerationMode, examples: int
) -> None:
    session = requests.Session()

    def check(case: Any, data: st.DataObject) -> None:
        if "account" in (case.path_parameters or {}) and data.draw(st.booleans()):
            case.path_parameters["account"] = get_address(get_key("master"))
        tick(keychains.world)
        auth = None if route.is_public else Signing()
        response = case.call(base_url=keychains.urls[0], session=session, auth=auth)
        checks = REJECTED if mode is GenerationMode.NEGATIVE else CHECKS
        case.validate_response(response, checks=checks)

    run_examples(schema, route, mode, examples, check)


@pytest.mark.parametrize("route", ROUTES, ids=get_name)
def test_valid_requests(
    keychains: KeyChains, schema: BaseSchema, route: Route, examples: int
) -> None:
    check_all(keychains, schema, route, GenerationMode.POSITIVE, examples)


@pytest.mark.parametrize("route", WITH_INPUT, ids=get_name)
def test_invalid_requests(
    keychains: KeyChains, schema: BaseSchema, route: Route, examples: int
) -> None:
    check_all(keychains, schema, route, GenerationMode.NEGATIVE, examples)
