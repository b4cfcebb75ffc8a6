"""Settings that all gateways have. Each gateway's own settings type derives from them."""

from typing import Annotated

import msgspec

from schemas.settings import DatabaseSettings, Settings

Rate = Annotated[str, msgspec.Meta(pattern=r"^[1-9][0-9]{0,8}/[1-9][0-9]{0,4} seconds$")]
Seconds = Annotated[float, msgspec.Meta(gt=0)]
Count = Annotated[int, msgspec.Meta(ge=1)]


class LimitSettings(Settings, frozen=True):
    """How long a request may take. A gateway adds its rate classes, as "1000/10 seconds".

    `receive_seconds`: for a request to arrive whole. `answer_seconds`: for its answer to begin, and
    until a reader that takes nothing of it is cut off. `connections`, `connections_per_client`: how
    many a process holds, in all and of one client (configured proxies are exempt).
    """

    receive_seconds: Seconds = 30
    answer_seconds: Seconds = 60
    connections: Count = 2_000
    connections_per_client: Count = 256


class CorsSettings(Settings, frozen=True):
    """Pages of which `origins` ("https://app.example", or "*") may use the gateway in browsers."""

    origins: tuple[str, ...]


class GatewaySettings(Settings, frozen=True, kw_only=True):
    """`public_url`: where users reach this gateway; links begin with it, and signatures are for it.

    `store`: the gateway's own database, shared by all processes that serve one `public_url`.
    `proxies`: addresses of proxies whose X-Forwarded-For is believed. `cors`: off unless given.
    """

    port: int
    public_url: str
    store: DatabaseSettings
    host: str = "127.0.0.1"
    limits: LimitSettings = LimitSettings()
    cors: CorsSettings | None = None
    proxies: tuple[str, ...] = ()
