"""What a request asks for, as its kind's record."""

from typing import TypeVar

from schemas.generated.entries import ReviewableRequest

Body = TypeVar("Body")


def get_body(request: ReviewableRequest, kind: type[Body]) -> Body:
    """The body of a request that is known to be of this kind."""
    if not isinstance(request.body, kind):
        raise TypeError(f"the request {request.request_id} is of another kind")
    return request.body
