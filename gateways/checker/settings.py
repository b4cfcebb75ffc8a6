"""Settings of the process that projects cases and checks them."""

from typing import Annotated

import msgspec

from processors.kyc.settings import ProjectionSettings
from schemas.settings import Secret, Settings
from schemas.tasks import Task

Bytes = Annotated[int, msgspec.Meta(ge=64 * 1024 * 1024)]
Seconds = Annotated[float, msgspec.Meta(gt=0)]


class GatewayAddress(Settings, frozen=True):
    """A gateway. `public_url`: for which requests are signed, if `url` is another way."""

    url: str
    public_url: str | None = None


class HttpSettings(Settings, frozen=True):
    """The private port: HOST:PORT, and the bearer token that all but /health wants."""

    listen: str
    token: Secret


class CheckSettings(Settings, frozen=True, kw_only=True):
    """As whom, and by what, it checks. `seed`: of a signer of the master account. `clamd`: the
    scanner, HOST:PORT or the path of its socket; without one what needs a scan waits. `sanctions`:
    a file of names (`gateways.checker.sanctions`). `documents_url`: where the S3 server of API's
    addresses is reached, if by another way. `memory`, `cpu_s`, `wall_s`: of a child.
    `task`: the bit that it clears, `manual_task`: the one that it adds for people.
    """

    seed: Secret
    api: tuple[GatewayAddress, ...]
    keychains: tuple[GatewayAddress, ...]
    horizons: tuple[GatewayAddress, ...]
    clamd: str | None = None
    sanctions: str | None = None
    documents_url: str | None = None
    memory: Bytes = 768 * 1024 * 1024
    cpu_s: Seconds = 30.0
    wall_s: Seconds = 60.0
    task: int = int(Task.AUTO_VERIFICATION)
    manual_task: int = int(Task.HUMAN_REVIEW)


class KycSettings(ProjectionSettings, frozen=True, kw_only=True):
    """The projection's, the private port's, and the checker's; without `check` it only projects."""

    http: HttpSettings
    check: CheckSettings | None = None
