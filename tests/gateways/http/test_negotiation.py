"""Content negotiation: which of a route's types the sender prefers (RFC 9110, 12.5.1)."""

import pytest

from gateways.http.negotiation import choose

STREAM = "text/event-stream"
DOCUMENT = "application/vnd.api+json"
OFFERS = (DOCUMENT, STREAM)


@pytest.mark.parametrize(
    ("accept", "chosen"),
    [
        ([], DOCUMENT),
        (["*/*"], DOCUMENT),
        ([STREAM], STREAM),
        (["Text/Event-Stream"], STREAM),
        (["text/event-stream;q=0"], None),
        (["text/event-stream; q=0, */*"], DOCUMENT),
        (["*/*, text/event-stream;q=0.0"], DOCUMENT),
        (["text/event-stream;q=0.5, application/vnd.api+json;q=0.4"], STREAM),
        (["text/event-stream;q=0.4, application/vnd.api+json;q=0.5"], DOCUMENT),
        (["text/*"], STREAM),
        (["text/*;q=0.2, */*;q=0.1"], STREAM),
        (["application/json", STREAM], DOCUMENT),
        ([f"{STREAM};q=0.9", "application/json;q=0.8"], STREAM),
        (["application/json"], DOCUMENT),
        (["image/png"], None),
        (["image/png", "*/*;q=0.001"], DOCUMENT),
        (["text/event-stream;charset=utf-8"], None),
        ([" , text/event-stream ,, "], STREAM),
        (["text/event-stream;q=2"], DOCUMENT),
        (["what ever"], DOCUMENT),
        (["x" * 5_000], DOCUMENT),
        ([""], DOCUMENT),
    ],
)
def test_what_is_chosen(accept: list[str], chosen: str | None) -> None:
    assert choose(accept, OFFERS) == chosen


def test_parameters_of_an_offer_are_compared() -> None:
    offer = "text/plain; version=0.0.4; charset=utf-8"
    prometheus = "application/openmetrics-text;version=1.0.0;q=0.5,text/plain;version=0.0.4;q=0.4"
    assert choose([prometheus], [offer]) == offer
    assert choose(["text/plain;version=1"], [offer]) is None
    assert choose(['text/plain;VERSION="0.0.4"'], [offer]) == offer
