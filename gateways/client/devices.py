"""A device's proof towards a KeyServer: its key says that it asks, now, for one secret alone."""

import base64
import struct
import time
from typing import Any

from gateways.client.keys import SigningKey, get_address
from gateways.http.signatures import get_authority

DOMAIN = b"tokend-device"


def prove_device(device: SigningKey, url: str, auth: SigningKey) -> dict[str, Any]:
    """The member `device` of a request that `auth` signs, to the gateway at `url`."""
    at_ms = time.time_ns() // 1_000_000
    message = DOMAIN + get_authority(url).encode() + b"\0" + bytes(auth.verify_key)
    signature = device.sign(message + struct.pack(">Q", at_ms)).signature
    return {
        "key": get_address(device),
        "at_ms": at_ms,
        "signature": base64.b64encode(signature).decode(),
    }
