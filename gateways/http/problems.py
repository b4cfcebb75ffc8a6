"""Problem details (RFC 9457): the problem types that every gateway has, in one table.

A gateway adds its own types in a module of its own; its routes name them.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

MEDIA_TYPE = "application/problem+json"


@dataclass(frozen=True, slots=True)
class ProblemType:
    """One type of problem. `remedy` tells the reader what to do."""

    slug: str
    status: int
    title: str
    remedy: str


BAD_REQUEST = ProblemType(
    "bad-request",
    400,
    "The request cannot be read",
    "Correct what the detail names; /docs lists the parameters of every route.",
)
BAD_CURSOR = ProblemType(
    "bad-cursor",
    400,
    "The cursor does not belong to this request",
    "Follow the links of a page as they are, or start without page[cursor].",
)
SIGNATURE_REQUIRED = ProblemType(
    "signature-required",
    401,
    "This route requires a signed request",
    "Sign the request (RFC 9421) as Accept-Signature says; /docs describes the profile.",
)
SIGNATURE_INVALID = ProblemType(
    "signature-invalid",
    401,
    "The request's signature is not valid",
    "See the detail. Sign exactly what is sent, for this gateway's public address, in its profile.",
)
SIGNATURE_EXPIRED = ProblemType(
    "signature-expired",
    401,
    "The request was signed too long ago, or in the future",
    "Set your clock by `server_time_ms` and sign again.",
)
SIGNATURE_REPLAYED = ProblemType(
    "signature-replayed",
    401,
    "The request was used before",
    "Sign every request again, with a new random nonce.",
)
FORBIDDEN = ProblemType(
    "forbidden",
    403,
    "The key that signed has no right to this",
    "See the detail. Ask for data of your own, or sign with a key that has the right.",
)
NOT_FOUND = ProblemType(
    "not-found",
    404,
    "There is no such resource",
    "Check the id and the key that signed: other people's data is not shown. What was sent a "
    "moment ago may not be there yet.",
)
METHOD_NOT_ALLOWED = ProblemType(
    "method-not-allowed",
    405,
    "The route does not support this method",
    "See the Allow header.",
)
NOT_ACCEPTABLE = ProblemType(
    "not-acceptable",
    406,
    "The route has no answer of an acceptable type",
    "Accept one of the media types that the detail names.",
)
REQUEST_IN_FLIGHT = ProblemType(
    "request-in-flight",
    409,
    "A request with this Idempotency-Key is being answered",
    "Wait, then send the same request again, with the same key and a new signature.",
)
IDEMPOTENCY_KEY_REUSED = ProblemType(
    "idempotency-key-reused",
    422,
    "This Idempotency-Key belongs to another request",
    "Use a new key for a new request; repeat a request with exactly its body.",
)
CONTENT_TOO_LARGE = ProblemType(
    "content-too-large", 413, "The body is too large", "Send less; the detail names the limit."
)
URI_TOO_LONG = ProblemType(
    "uri-too-long", 414, "The address is too long", "Send less; the detail names the limit."
)
UNSUPPORTED_MEDIA_TYPE = ProblemType(
    "unsupported-media-type",
    415,
    "The route does not accept this media type",
    "Send one of the types that the detail names, without a content encoding.",
)
RATE_LIMITED = ProblemType(
    "rate-limited",
    429,
    "There were too many requests",
    "Wait for Retry-After seconds. The RateLimit header says what is left.",
)
TOO_MANY_TRIES = ProblemType(
    "too-many-tries",
    429,
    "There were too many tries",
    "Wait for Retry-After seconds before the next one.",
)
TOO_MANY_STREAMS = ProblemType(
    "too-many-streams",
    429,
    "There are too many open streams",
    "Try again after Retry-After seconds, or use another gateway.",
)
HEADERS_TOO_LARGE = ProblemType(
    "headers-too-large", 431, "The headers are too large", "Send less; the detail names the limit."
)
INTERNAL = ProblemType(
    "internal",
    500,
    "The gateway failed",
    "Try again. If it happens again, tell the operator the instance: logs have it.",
)
TOO_SLOW = ProblemType(
    "too-slow",
    503,
    "The answer took too long",
    "Try again after Retry-After seconds, or ask for less.",
)
STORE_UNAVAILABLE = ProblemType(
    "store-unavailable",
    503,
    "The gateway's database is unavailable",
    "Sign and send the request again after Retry-After seconds, or use another gateway.",
)

PROBLEM_TYPES: tuple[ProblemType, ...] = (
    BAD_REQUEST,
    BAD_CURSOR,
    SIGNATURE_REQUIRED,
    SIGNATURE_INVALID,
    SIGNATURE_EXPIRED,
    SIGNATURE_REPLAYED,
    FORBIDDEN,
    NOT_FOUND,
    METHOD_NOT_ALLOWED,
    NOT_ACCEPTABLE,
    REQUEST_IN_FLIGHT,
    CONTENT_TOO_LARGE,
    URI_TOO_LONG,
    UNSUPPORTED_MEDIA_TYPE,
    IDEMPOTENCY_KEY_REUSED,
    RATE_LIMITED,
    TOO_MANY_TRIES,
    TOO_MANY_STREAMS,
    HEADERS_TOO_LARGE,
    INTERNAL,
    TOO_SLOW,
    STORE_UNAVAILABLE,
)


class Problem(Exception):
    """Raised anywhere in a request, and answered. `members` are extension members."""

    def __init__(
        self,
        kind: ProblemType,
        detail: str,
        members: Mapping[str, Any] | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> None:
        super().__init__(detail)
        self.kind = kind
        self.detail = detail
        self.members = dict(members or {})
        self.headers = dict(headers or {})
        if kind.status in (429, 503):
            self.headers.setdefault("Retry-After", "1")


def render_problem(problem: Problem, public_url: str, request_id: str) -> dict[str, Any]:
    """The members of RFC 9457, `remedy`, and the extensions. `type` is a link to /docs."""
    return {
        "type": f"{public_url}/docs#problem-{problem.kind.slug}",
        "title": problem.kind.title,
        "status": problem.kind.status,
        "detail": problem.detail,
        "instance": f"urn:request:{request_id}",
        "remedy": problem.kind.remedy,
        **problem.members,
    }
