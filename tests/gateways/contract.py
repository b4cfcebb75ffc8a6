"""Answers are what OpenAPI declares: schemathesis makes requests from a gateway's own document.

Requests that fit it and requests that do not, the same ones in every run. A server error, an
undeclared status, type or body is a failure.
"""

from typing import Any

import requests
import schemathesis
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from nacl.signing import SigningKey
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

from gateways.client.request_signing import RequestSigner
from gateways.http.routes import Route
from tests.support.network import get_key

CHECKS: list[Any] = [
    not_a_server_error,
    status_code_conformance,
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
]
REJECTED: list[Any] = [*CHECKS, negative_data_rejection]
"""Of requests that do not fit."""


class Signing(AuthBase):
    """A key's signature, by default the master's, for the HTTP library that schemathesis uses."""

    def __init__(self, key: SigningKey | None = None) -> None:
        self._signer = RequestSigner(key or get_key("master"))

    def __call__(self, request: requests.PreparedRequest) -> requests.PreparedRequest:
        body = request.body or b""
        content = body.encode() if isinstance(body, str) else body
        assert isinstance(content, bytes)
        method, url = request.method or "", str(request.url)
        request.headers.update(self._signer.sign_request(method, url, content))
        return request


def load_contract(url: str, *more: str) -> BaseSchema:
    """`more`: statuses by which the gateway also refuses what does not fit."""
    loaded = schemathesis.openapi.from_url(f"{url}/openapi.json")
    loaded.config.generation.with_security_parameters = False  # signatures are ours to make
    rejection = loaded.config.checks.negative_data_rejection
    rejection.expected_statuses = [*rejection.expected_statuses, "413", "414", *more]
    return loaded


def run_examples(
    contract: BaseSchema, route: Route, mode: GenerationMode, count: int, check: Any
) -> None:
    """`check` takes a case and what draws (`st.DataObject`)."""
    cases = contract[route.path][route.method].as_strategy(generation_mode=mode)
    settings(
        max_examples=count,
        derandomize=True,
        database=None,
        deadline=None,
        phases=(Phase.explicit, Phase.generate),
        suppress_health_check=list(HealthCheck),
    )(given(case=cases, data=st.data())(check))()


def get_name(route: Route) -> str:
    return f"{route.method} {route.path}"
