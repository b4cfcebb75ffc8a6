"""What a row of a gateway's route table says. Routes are made nowhere else."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any, Literal

from starlette.requests import Request
from starlette.responses import Response

from gateways.http.parameter_types import CURSOR, LIMIT, ParameterType, choice
from gateways.http.problems import ProblemType
from gateways.http.rate_limits import By
from schemas.generated.common import PublicKey

Method = Literal["GET", "POST", "PUT", "PATCH", "DELETE"]
READS = "reads"  # the rate class of rows that name no other
BODY_BYTES_MAX = 512 * 1024


@dataclass(frozen=True, slots=True)
class Parameter:
    """One parameter of the path or the query, named as the sender writes it. `is_required`: of a
    query; those of a path always are. `is_carried`: cursors carry it, as they do filters.
    """

    name: str
    type: ParameterType
    doc: str
    is_required: bool = False
    is_carried: bool = False


@dataclass(slots=True)
class Call:
    """A request whose parameters are parsed. `query` holds only those that were given.

    `service` is what the gateway's composition root made; its type is the gateway's own. `signer`
    is the key that signed the request, on private routes only. `is_stream`: the sender prefers
    server-sent events, and the route has them. `idempotency_key`: what a handler can make a unique
    row of in its own commit, if the same request must not take effect twice even after a crash.
    """

    service: Any
    request: Request
    route: "Route"
    path: dict[str, Any]
    query: dict[str, Any]
    public_url: str
    signer: PublicKey | None = None
    is_stream: bool = False
    idempotency_key: str | None = None

    def limit_subject(self, subject: str) -> None:
        """Counts this request for `subject`, such as an account that somebody tries to enter.

        The limit is `per_subject` of the route's rate class. Raises Problem beyond it.
        """
        self.service.rate_limits.require(self.route.rate_class, By.SUBJECT, subject)


Handler = Callable[[Call], Awaitable[Response]]

# Raises Problem unless the call's signer may do what the route does.
Guard = Callable[[Call], Awaitable[None]]

# Values of Cache-Control. No cache may keep private answers, nor those at a secret address.
UNCACHED = "private, no-store"
REVALIDATED = "no-cache"


@dataclass(frozen=True, slots=True)
class Route:
    """One row: one method of one path.

    `response` is the type of the body of a good answer; None if `media_type` says it all.
    `guard` decides who may send the request, which must be signed; None: anybody, unsigned.
    `rate_class` names a row of the gateway's table of rate classes; None: not counted.
    `accepts` maps the body's media types to its JSON type, or to bytes for a binary body.
    `statuses` lists the good statuses, all with the same body. `takes_idempotency_key`: a signed
    request may have an Idempotency-Key, and is then carried out once (`gateways.http.idempotency`).
    """

    path: str
    method: Method
    handler: Handler
    doc: str
    guard: Guard | None = None
    rate_class: str | None = READS
    response: Any = None
    media_type: str = "application/vnd.api+json"
    path_parameters: tuple[Parameter, ...] = ()
    parameters: tuple[Parameter, ...] = ()
    accepts: dict[str, Any] = field(default_factory=dict)
    body_bytes_max: int = BODY_BYTES_MAX
    statuses: tuple[int, ...] = (200,)
    problems: tuple[ProblemType, ...] = ()
    streams: bool = False
    tag: str = "system"
    cache_control: str = REVALIDATED
    takes_idempotency_key: bool = False

    @property
    def is_public(self) -> bool:
        return self.guard is None


ORDER = Parameter(
    "order", choice("asc", "desc"), "Oldest (or lowest) first or last; `desc` unless given."
)
PAGE = (
    Parameter("page[limit]", LIMIT, "The most rows of a page."),
    Parameter("page[cursor]", CURSOR, "Where to go on: from a link of another page."),
    ORDER,
)
