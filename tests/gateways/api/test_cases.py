"""Without the tables of the projection there are no cases, and API says so."""

import psycopg
import pytest

from gateways.client.keys import get_address
from tests.gateways.api.support import Apis
from tests.gateways.api.test_registrations import find_kind
from tests.support.network import get_key

OWN = f"/v1/accounts/{get_address(get_key('master'))}/cases"


@pytest.mark.parametrize("path", ["/v1/cases", "/v1/cases/1", OWN])
def test_a_projection_without_tables_is_told(apis: Apis, cases_url: str, path: str) -> None:
    with psycopg.connect(cases_url, autocommit=True) as projection:
        projection.execute("alter schema kyc rename to away")
        try:
            answer = apis.send("GET", path, "master")
        finally:
            projection.execute("alter schema away rename to kyc")
    assert (answer.status_code, find_kind(answer)) == (503, "cases-unavailable")
    assert answer.headers["retry-after"]
    assert apis.send("GET", path, "master").status_code in {200, 404}
