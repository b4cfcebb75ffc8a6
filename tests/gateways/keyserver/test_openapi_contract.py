"""Answers are what OpenAPI declares: schemathesis makes requests from the document itself."""

from dataclasses import replace
from typing import Any

import pytest
import requests
from hypothesis import strategies as st
from schemathesis import GenerationMode
from schemathesis.schemas import BaseSchema

from gateways.client.keys import SigningKey, generate_key
from gateways.http.routes import Route
from gateways.keyserver.routes import ROUTES
from tests.gateways.contract import CHECKS, REJECTED, Signing, get_name, load_contract, run_examples
from tests.gateways.keyserver.support import KeyServers
from tests.gateways.support import wait_until


@pytest.fixture(scope="module")
def schema(keyservers: KeyServers) -> BaseSchema:
    return load_contract(keyservers.urls[0])


@pytest.fixture(scope="module")
def device(keyservers: KeyServers) -> SigningKey:
    """Of a wallet."""
    key = generate_key()
    owner, _ = keyservers.sign_up("correct horse")
    keyservers.unlock(replace(owner, device=key), register="laptop")
    return key


@pytest.mark.parametrize("route", ROUTES, ids=get_name)
@pytest.mark.parametrize("mode", [GenerationMode.POSITIVE, GenerationMode.NEGATIVE])
def test_answers_are_as_declared(
    keyservers: KeyServers,
    schema: BaseSchema,
    device: SigningKey,
    route: Route,
    mode: GenerationMode,
    examples: int,
) -> None:
    if mode is GenerationMode.NEGATIVE and not (route.accepts or route.path_parameters):
        return
    keyservers.connection.execute("delete from keyserver.outbox")  # /health is red where it waits
    wait_until(lambda: keyservers.http.get(f"{keyservers.urls[0]}/health").status_code == 200)
    session = requests.Session()
    checks = REJECTED if mode is GenerationMode.NEGATIVE else CHECKS

    def check(case: Any, data: st.DataObject) -> None:
        response = case.call(base_url=keyservers.urls[0], session=session, auth=Signing(device))
        case.validate_response(response, checks=checks)

    run_examples(schema, route, mode, examples, check)
