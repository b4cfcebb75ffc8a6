"""The vector of a signed read."""

from typing import Any

from gateways.http.signatures import Message, sign_message
from tests.support.network import get_key


def make_signed_request() -> dict[str, Any]:
    """Of a signed read (RFC 9421), as gateways want it; its nonce is used up."""
    message = Message("GET", "gateway.example", "/v3/history", "order=asc&page%5Blimit%5D=2")
    nonce, created = "AAECAwQFBgcICQoLDA0ODxAR", 1_800_000_000
    headers = sign_message(message, get_key("alice"), created, nonce)
    base = (
        ("@method", message.method),
        ("@authority", message.authority),
        ("@path", message.path),
        ("@query", f"?{message.query}"),
        ("content-digest", headers["Content-Digest"]),
        ("@signature-params", headers["Signature-Input"].removeprefix("sig=")),
    )
    return {
        "method": message.method,
        "url": f"https://{message.authority}{message.path}?{message.query}",
        "signed_by": "alice",
        "created": created,
        "nonce": nonce,
        "signature_base": "\n".join(f'"{name}": {value}' for name, value in base),
        "headers": headers,
    }
