"""What an API gateway is made of. Handlers reach everything through it."""

import time
from collections.abc import Sequence
from pathlib import Path

from gateways.api.settings import ApiGatewaySettings
from gateways.http.metrics import Metrics
from gateways.http.routes import Route
from gateways.http.service import GatewayService
from schemas.generated.common import Hash
from streams.ledger.genesis import decode_genesis
from streams.ledger.hashes import compute_network_id


class Api(GatewayService):
    """Made once per process. Nothing is contacted before `start`."""

    title = "API"
    description = (
        "Who holds which account, by e-mail or phone; data of projects; settings of people. Ids "
        "and numbers of the ledger are strings, times are UTC."
    )
    signers = "by a signer of the account in the path, or one whose roles make it an administrator"

    def __init__(self, settings: ApiGatewaySettings, routes: Sequence[Route]) -> None:
        super().__init__(settings, routes, settings.limits.get_rate_classes(), Metrics())
        self.settings = settings
        genesis = decode_genesis(Path(settings.genesis_file).read_bytes())
        self.network_id = Hash(compute_network_id(genesis.network_passphrase))
        self.operator_account = genesis.master.account

    def now_ms(self) -> int:
        return time.time_ns() // 1_000_000
