"""Whether a client may take proxies and certificates from the environment: only to go outside."""

import ipaddress
from urllib.parse import urlsplit


def is_outside(url: str) -> bool:
    """Whether `url` is not on this machine."""
    host = (urlsplit(url).hostname or "").rstrip(".")
    if host == "localhost" or host.endswith(".localhost"):
        return False
    try:
        address = ipaddress.ip_address(host)
    except ValueError:
        return True
    mapped = getattr(address, "ipv4_mapped", None)
    return not (mapped or address).is_loopback
