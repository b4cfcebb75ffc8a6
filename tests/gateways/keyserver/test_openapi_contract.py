"""Answers are what OpenAPI declares: schemathesis makes requests from the document itself."""

from dataclasses import replace
from typing import Any

import pytest
import requests
import schemathesis
from hypothesis import HealthCheck, Phase, given, settings
from requests.auth import AuthBase
from schemathesis import GenerationMode
from schemathesis.checks import not_a_server_error
from schemathesis.schemas import BaseSchema
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    negative_data_rejection,
    response_headers_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from gateways.client.keys import SigningKey, generate_key
from gateways.client.request_signing import RequestSigner
from gateways.http.routes import Route
from gateways.keyserver.routes import ROUTES
from tests.gateways.keyserver.support import KeyServers
from tests.gateways.support import wait_until

EXAMPLES = 15
CHECKS: list[Any] = [
    not_a_server_error,
    status_code_conformance,
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
]


class Signing(AuthBase):
    """A key's signature for the HTTP library that schemathesis uses."""

    def __init__(self, key: SigningKey) -> None:
        self._signer = RequestSigner(key)

    def __call__(self, request: requests.PreparedRequest) -> requests.PreparedRequest:
        body = request.body or b""
        content = body.encode() if isinstance(body, str) else body
        assert isinstance(content, bytes)
        method, url = request.method or "", str(request.url)
        request.headers.update(self._signer.sign_request(method, url, content))
        return request


@pytest.fixture(scope="module")
def schema(keyservers: KeyServers) -> BaseSchema:
    loaded = schemathesis.openapi.from_url(f"{keyservers.urls[0]}/openapi.json")
    loaded.config.generation.with_security_parameters = False  # signatures are ours to make
    rejection = loaded.config.checks.negative_data_rejection
    rejection.expected_statuses = [*rejection.expected_statuses, "413", "414"]
    return loaded


@pytest.fixture(scope="module")
def device(keyservers: KeyServers) -> SigningKey:
    """Of a wallet."""
    key = generate_key()
    owner, _ = keyservers.sign_up("correct horse")
    keyservers.unlock(replace(owner, device=key), register="laptop")
    return key


def run(strategy: Any, check: Any) -> None:
    settings(
        max_examples=EXAMPLES,
        derandomize=True,
        database=None,
        deadline=None,
        phases=(Phase.explicit, Phase.generate),
        suppress_health_check=list(HealthCheck),
    )(given(case=strategy)(check))()


@pytest.mark.parametrize("route", ROUTES, ids=lambda route: f"{route.method} {route.path}")
@pytest.mark.parametrize("mode", [GenerationMode.POSITIVE, GenerationMode.NEGATIVE])
def test_answers_are_as_declared(
    keyservers: KeyServers,
    schema: BaseSchema,
    device: SigningKey,
    route: Route,
    mode: GenerationMode,
) -> None:
    if mode is GenerationMode.NEGATIVE and not (route.accepts or route.path_parameters):
        return
    keyservers.connection.execute("delete from keyserver.outbox")  # /health is red where it waits
    wait_until(lambda: keyservers.http.get(f"{keyservers.urls[0]}/health").status_code == 200)
    session = requests.Session()
    rejected = [negative_data_rejection] if mode is GenerationMode.NEGATIVE else []

    def check(case: Any) -> None:
        response = case.call(base_url=keyservers.urls[0], session=session, auth=Signing(device))
        case.validate_response(response, checks=[*CHECKS, *rejected])

    run(schema[route.path][route.method].as_strategy(generation_mode=mode), check)
