"""Asks core nodes by their private ports. Every verb imports this module and few have something to
ask, so the client is imported where it is used."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from infra.local.errors import LocalError

if TYPE_CHECKING:
    import httpx2

ANSWER_S = 20.0


def open_node(url: str, token: str) -> "httpx2.Client":
    """A client of the private port at `url`, to be closed."""
    import httpx2

    return httpx2.Client(
        base_url=url,
        headers={"Authorization": f"Bearer {token}"},
        timeout=ANSWER_S,
        trust_env=False,
    )


def ask(
    node: str, client: "httpx2.Client", method: str, path: str, content: Any = None
) -> dict[str, Any]:
    """What the node answers. Raises LocalError with its own words."""
    with _transport_errors(node):
        answer = client.request(method, path, json=content)
    if answer.status_code not in (200, 201):
        raise LocalError(f"{node}: {answer.text}")
    is_json = answer.headers["content-type"].startswith("application/json")
    found: dict[str, Any] = answer.json() if is_json else {}
    return found


@contextmanager
def _transport_errors(node: str) -> Iterator[None]:
    import httpx2

    try:
        yield
    except httpx2.TransportError as error:
        raise LocalError(
            f"{node} does not answer ({type(error).__name__}): see `tokend status`"
        ) from None
