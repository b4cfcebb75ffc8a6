"""Problem details (RFC 9457): every way in which a gateway says no, in one table.

It knows no gateway's own words: what is special about a case comes as detail and members.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

MEDIA_TYPE = "application/problem+json"


@dataclass(frozen=True, slots=True)
class ProblemType:
    """A kind of problem. `remedy` tells the reader what to do about it."""

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
TRANSACTION_REJECTED = ProblemType(
    "transaction-rejected",
    400,
    "The transaction was refused and is in no ledger",
    "See `code`. Where `provisional` is true, the same envelope may be sent again.",
)
OPERATION_INVALID = ProblemType(
    "operation-invalid",
    400,
    "An operation can never succeed as it stands",
    "See the codes in `operations`, correct them and sign a new transaction.",
)
TRANSACTION_FAILED = ProblemType(
    "transaction-failed",
    400,
    "The transaction is in a ledger, and changed nothing",
    "See the codes in `operations`. A corrected attempt is a new transaction.",
)
SIGNATURE_REQUIRED = ProblemType(
    "signature-required",
    401,
    "This route answers signed requests only",
    "Sign the request (RFC 9421) as Accept-Signature says; /docs describes the profile.",
)
SIGNATURE_INVALID = ProblemType(
    "signature-invalid",
    401,
    "The request's signature does not hold",
    "See the detail: sign what is sent, for this gateway's public address, in its profile.",
)
SIGNATURE_EXPIRED = ProblemType(
    "signature-expired",
    401,
    "The request was signed too long ago, or in the future",
    "Set your clock by `server_time_ms` (/v3/info has it too) and sign again.",
)
SIGNATURE_REPLAYED = ProblemType(
    "signature-replayed",
    401,
    "The request was answered before",
    "Sign every request anew, with a new random nonce.",
)
FORBIDDEN = ProblemType(
    "forbidden",
    403,
    "The key that signed may not read this",
    "Filter by an account or balance of yours, or sign by a signer of the master account.",
)
NOT_FOUND = ProblemType(
    "not-found",
    404,
    "There is no such thing",
    "Check the id, and the key that signed: what is another's is not shown. What was submitted a "
    "moment ago may not be in a ledger yet.",
)
METHOD_NOT_ALLOWED = ProblemType(
    "method-not-allowed",
    405,
    "The route does not know this method",
    "See the Allow header.",
)
NOT_ACCEPTABLE = ProblemType(
    "not-acceptable",
    406,
    "The route does not stream",
    "Ask without `Accept: text/event-stream`.",
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
    "The body is of a type the route does not read",
    "Send one of the types that the detail names, without a content encoding.",
)
RATE_LIMITED = ProblemType(
    "rate-limited",
    429,
    "This client asks too often",
    "Wait for Retry-After seconds. The RateLimit headers tell what is left.",
)
TOO_MANY_STREAMS = ProblemType(
    "too-many-streams",
    429,
    "This gateway serves as many streams as it may",
    "Try again after Retry-After seconds, or ask another gateway.",
)
HEADERS_TOO_LARGE = ProblemType(
    "headers-too-large", 431, "The headers are too large", "Send less; the detail names the limit."
)
INTERNAL = ProblemType(
    "internal",
    500,
    "The gateway failed",
    "Try again. If it stays, tell the operator the instance: it names the log's lines.",
)
CORE_UNAVAILABLE = ProblemType(
    "core-unavailable",
    503,
    "The core node does not answer",
    "Try again after Retry-After seconds, or ask another gateway.",
)
BROKER_UNAVAILABLE = ProblemType(
    "broker-unavailable",
    503,
    "The transaction could not be stored durably, so it is not accepted",
    "Send the same envelope again after Retry-After seconds: it counts only once.",
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
    "Signed requests cannot be checked now",
    "Sign and send it again after Retry-After seconds, or ask another gateway.",
)
VIEW_UNAVAILABLE = ProblemType(
    "view-unavailable",
    503,
    "The views cannot be read now",
    "Try again after Retry-After seconds, or ask another gateway.",
)

PROBLEM_TYPES: tuple[ProblemType, ...] = (
    BAD_REQUEST,
    BAD_CURSOR,
    TRANSACTION_REJECTED,
    OPERATION_INVALID,
    TRANSACTION_FAILED,
    SIGNATURE_REQUIRED,
    SIGNATURE_INVALID,
    SIGNATURE_EXPIRED,
    SIGNATURE_REPLAYED,
    FORBIDDEN,
    NOT_FOUND,
    METHOD_NOT_ALLOWED,
    NOT_ACCEPTABLE,
    CONTENT_TOO_LARGE,
    URI_TOO_LONG,
    UNSUPPORTED_MEDIA_TYPE,
    RATE_LIMITED,
    TOO_MANY_STREAMS,
    HEADERS_TOO_LARGE,
    INTERNAL,
    CORE_UNAVAILABLE,
    BROKER_UNAVAILABLE,
    TOO_SLOW,
    STORE_UNAVAILABLE,
    VIEW_UNAVAILABLE,
)


class Problem(Exception):
    """Raised by a handler, answered at the edge. `members` are extension members of the object."""

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
    """The members of RFC 9457, `remedy`, and those of the case. `type` leads to its explanation."""
    return {
        "type": f"{public_url}/docs#problem-{problem.kind.slug}",
        "title": problem.kind.title,
        "status": problem.kind.status,
        "detail": problem.detail,
        "instance": f"urn:request:{request_id}",
        "remedy": problem.kind.remedy,
        **problem.members,
    }
