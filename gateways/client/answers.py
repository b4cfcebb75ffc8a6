"""What the clients of all gateways read from an answer, or make of none."""

from typing import Any

import httpx2

from gateways.client.errors import HorizonUnavailable

Json = dict[str, Any]


def make_unavailable(url: str, error: httpx2.HTTPError, who: str) -> HorizonUnavailable:
    """`who` does not answer at `url`."""
    return HorizonUnavailable(f"{url} does not answer ({type(error).__name__}): is {who} running?")


def read_document(response: httpx2.Response, kind: str) -> Json:
    """The JSON object of an answer, whose body is read. `kind`: of gateway, as people call it.
    Raises HorizonUnavailable for anything else, which a proxy may have said."""
    try:
        document = response.json()
    except ValueError:
        document = None
    if not isinstance(document, dict):
        raise HorizonUnavailable(f"{response.url} answers no JSON: is it {kind}?")
    return document


def get_attributes(document: Json) -> Json:
    """Of a document with one resource."""
    attributes: Json = document["data"]["attributes"]
    return attributes
