"""Reads a request's body as its route declares it."""

from typing import Any

import msgspec

from gateways.http.problems import BAD_REQUEST, UNSUPPORTED_MEDIA_TYPE, Problem
from gateways.http.routes import Call


async def read_body(call: Call) -> Any:
    """An object of the type that the route declares for the body's media type. Raises Problem."""
    headers = call.request.headers
    if headers.get("content-encoding", "identity").strip().lower() != "identity":
        raise Problem(UNSUPPORTED_MEDIA_TYPE, "send the body without content encoding")
    media_type = headers.get("content-type", "").partition(";")[0].strip().lower()
    if media_type not in call.route.accepts:
        known = ", ".join(call.route.accepts)
        raise Problem(UNSUPPORTED_MEDIA_TYPE, f"this route accepts {known}")
    content = await call.request.body()
    body_type = call.route.accepts[media_type]
    if body_type is bytes:
        return content
    try:
        return msgspec.json.decode(content, type=body_type)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise Problem(BAD_REQUEST, f"the body: {error}") from None
