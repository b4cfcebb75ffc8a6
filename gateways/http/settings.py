"""Settings that all gateways have."""

from typing import Annotated

import msgspec

from schemas.settings import Settings

Rate = Annotated[str, msgspec.Meta(pattern=r"^[1-9][0-9]{0,8}/[1-9][0-9]{0,4} seconds$")]
Seconds = Annotated[float, msgspec.Meta(gt=0)]


class LimitSettings(Settings, frozen=True):
    """What one client may ask of all processes of a gateway together, and how long it may take.

    A client is an IPv4 address or an IPv6 network (/64). `reads`, `submissions`: how often, as
    "1000/10 seconds". `receive_seconds`: for a request to come whole. `answer_seconds`: for its
    answer to begin, and for a reader who takes nothing of it to be cut off.
    """

    reads: Rate = "1000/10 seconds"
    submissions: Rate = "500/10 seconds"
    receive_seconds: Seconds = 30
    answer_seconds: Seconds = 60


class CorsSettings(Settings, frozen=True):
    """Pages of which `origins` ("https://app.example", or "*") may use the gateway in browsers."""

    origins: tuple[str, ...]
