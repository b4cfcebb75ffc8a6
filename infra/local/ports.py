"""Free TCP ports on 127.0.0.1, chosen once and kept until another program takes them."""

import random
import socket
from collections.abc import Iterable

from infra.local.errors import Fault, LocalError

# Below the range from which Linux gives ports to outgoing connections (32768 and up): a port
# remembered for a stopped server would otherwise be taken by chance while it is down.
CHOICE = range(18000, 32000)


def is_free(port: int) -> bool:
    """Whether a server could listen on `port` now."""
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
        # As servers do: connections that are still closing do not make a port taken.
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
            probe.listen(1)
        except OSError:
            return False
    return True


def is_open(address: str, timeout_s: float = 1.0) -> bool:
    """Whether something listens at HOST:PORT."""
    host, _, port = address.rpartition(":")
    try:
        socket.create_connection((host, int(port)), timeout_s).close()
    except OSError:
        return False
    return True


def choose_port(taken: Iterable[int]) -> int:
    """A port that is free now and not among `taken`."""
    excluded = frozenset(taken)
    for port in random.sample(CHOICE, k=1000):
        if port not in excluded and is_free(port):
            return port
    raise LocalError(
        f"no free TCP port between {CHOICE.start} and {CHOICE.stop}: stop some servers",
        fault=Fault.NO_FREE_PORT,
    )
