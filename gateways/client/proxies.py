"""Proxies and certificates of the environment: a client takes them only to go outside."""

import ipaddress
import os
from collections.abc import Iterator
from contextlib import contextmanager
from urllib.parse import urlsplit

import httpx2

from gateways.client.errors import ClientError

VARIABLES = ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "SSL_CERT_FILE", "SSL_CERT_DIR")


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


@contextmanager
def environment_errors() -> Iterator[None]:
    """While a client is made: a setting of the environment that cannot be used is a ClientError."""
    try:
        yield
    except (ImportError, OSError, ValueError, httpx2.InvalidURL) as error:
        names = [name for name in os.environ if name.upper() in VARIABLES]
        if not names:
            raise
        raise ClientError(
            f"{', '.join(sorted(names))} in the environment: {error}: correct it or unset it"
        ) from None
