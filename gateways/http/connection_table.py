"""Which connections a process holds, and which must give way when there are too many.

One client may hold `per_client_max`; proxies that are configured may hold any number. Idle
connections give way first, the oldest before the others, then those whose request has not arrived
whole. What is being answered is never cut off. RESERVE more are accepted, so that health probes are
answered when everything else is refused.
"""

import ipaddress
from collections import Counter
from collections.abc import Sequence
from typing import Protocol

RESERVE = 64


class Connection(Protocol):
    """What the table must know of a connection."""

    is_over: bool  # set by the table: there are too many, only probes are answered

    @property
    def is_receiving(self) -> bool: ...

    def shed(self) -> None: ...


class ConnectionTable:
    """All connections of a process, in the order in which they came."""

    def __init__(
        self, most: int = 2_000, per_client_max: int = 256, proxies: Sequence[str] = ()
    ) -> None:
        self._most = most
        self._per_client_max = per_client_max
        self._is_any_proxy = "*" in proxies
        self._proxies = [network for each in proxies if (network := _parse_network(each))]
        self._clients: dict[Connection, str] = {}
        self._counts: Counter[str] = Counter()
        self._idle: dict[Connection, None] = {}  # in the order in which they became so

    def __len__(self) -> int:
        return len(self._clients)

    def open(self, connection: Connection, address: str, client: str) -> int | None:
        """Takes a new connection in; the status to refuse it with if there is no room."""
        if self._counts[client] >= self._per_client_max and not self._is_proxy(address):
            if not self._shed(client):
                return 429
        elif len(self._clients) >= self._most and not self._shed(None):
            if len(self._clients) >= self._most + RESERVE:
                return 503
            connection.is_over = True
        self._clients[connection] = client
        self._counts[client] += 1
        self._idle[connection] = None
        return None

    def close(self, connection: Connection) -> None:
        """Also for connections that were refused."""
        client = self._clients.pop(connection, None)
        self._idle.pop(connection, None)
        if client is not None:
            self._counts[client] -= 1
            if not self._counts[client]:
                del self._counts[client]

    def mark_busy(self, connection: Connection) -> None:
        """A request is being answered."""
        self._idle.pop(connection, None)

    def mark_idle(self, connection: Connection) -> None:
        """The next request is awaited."""
        if connection in self._clients:
            self._idle[connection] = None

    def _shed(self, client: str | None) -> bool:
        """Whether a connection (of `client`, or any) gave way."""
        waiting = (each for each in self._clients if each.is_receiving)
        for group in (self._idle, waiting):
            for connection in group:
                if client is None or self._clients[connection] == client:
                    self.close(connection)
                    connection.shed()
                    return True
        return False

    def _is_proxy(self, address: str) -> bool:
        if self._is_any_proxy or not self._proxies:
            return self._is_any_proxy
        try:
            parsed = ipaddress.ip_address(address.partition("%")[0])
        except ValueError:
            return False
        return any(parsed in network for network in self._proxies)


def _parse_network(text: str) -> ipaddress.IPv4Network | ipaddress.IPv6Network | None:
    try:
        return ipaddress.ip_network(text, strict=False)
    except ValueError:
        return None
