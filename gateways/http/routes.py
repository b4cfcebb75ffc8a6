"""What a row of a gateway's route table says. There is no other place where routes are made."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any, TypeVar

from starlette.requests import Request
from starlette.responses import Response

from gateways.http.parameter_types import CURSOR, LIMIT, ParameterType, choice
from gateways.http.problems import ProblemType
from schemas.generated.common import PublicKey

Service = TypeVar("Service")


@dataclass(frozen=True, slots=True)
class Parameter:
    """One parameter of the path, the query or the headers, named as the sender writes it."""

    name: str
    type: ParameterType
    doc: str


@dataclass(slots=True)
class Call:
    """A request whose parameters are read: absent ones of the query are not in `query`.

    `service` is what the gateway's composition root made; its type is each gateway's own.
    """

    service: Any
    request: Request
    route: "Route"
    path: dict[str, Any]
    query: dict[str, Any]
    public_url: str
    signer: PublicKey | None = None  # whose signature the request bears, of private routes only


Handler = Callable[[Call], Awaitable[Response]]

# Raises Problem unless the call's signer may read what the route shows.
Guard = Callable[[Call], Awaitable[None]]

# Of private answers, and of those to whoever knows a secret address: no cache may keep them.
UNCACHED = "private, no-store"
REVALIDATED = "no-cache"


@dataclass(frozen=True, slots=True)
class Route:
    """One row. `response`: the type of the body of status 200 (None: `media_type` says it all).

    `guard`: who may ask, by a signed request; None: anybody. `accepts`: media type of the body to
    its JSON type (bytes for a binary one). `statuses`: further good statuses, with the same body.
    """

    path: str
    method: str
    handler: Handler
    doc: str
    guard: Guard | None = None
    response: Any = None
    media_type: str = "application/vnd.api+json"
    path_parameters: tuple[Parameter, ...] = ()
    parameters: tuple[Parameter, ...] = ()
    accepts: dict[str, Any] = field(default_factory=dict)
    statuses: tuple[int, ...] = (200,)
    problems: tuple[ProblemType, ...] = ()
    streams: bool = False
    tag: str = "system"
    cache_control: str = REVALIDATED

    @property
    def is_public(self) -> bool:
        return self.guard is None


ORDER = Parameter(
    "order", choice("asc", "desc"), "Oldest (or lowest) first or last; `desc` unless given."
)
PAGE = (
    Parameter("page[limit]", LIMIT, "How many at most."),
    Parameter("page[cursor]", CURSOR, "Where to go on: from a link of another page."),
    ORDER,
)
