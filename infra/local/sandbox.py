"""The sandbox as a server of a deployment, and where services find the outside world in it."""

import asyncio
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from infra.local import ports
from infra.local.chains import CHAINS
from infra.local.errors import LocalError
from infra.local.place import Place
from infra.local.rows import Container, Report, Server, Service, Table
from infra.sandbox import accounts

SANDBOX, PORT, COMMAND = "sandbox", 8300, "infra.sandbox.server"
INSIDE, DATA, TOKEN_FILE = "/run/secrets", "/var/lib/sandbox", "token"
GATEWAY_KEY_FILE = "gateway"
FILES = (TOKEN_FILE, GATEWAY_KEY_FILE)
"""Who tells it what to do, and who is its customer."""
PAIR, SYMBOL = "BTC:TUSD", "BTC/USD"
SLOT_S = 5
BANK, GATEWAY, BANK_ASSET, BANK_POLL_S = "bank:sandbox", "bank:gateway", "TEUR", 2.0
GIRO, GIRO_ASSET = "bank:giro", "TCHF"
"""Another account, which pays out by payment files."""
PROVIDERS = {
    "poloniex": "BTC_USDT",
    "coinmarketcap": SYMBOL,
    "kraken": "XBTUSD",
    "coinbase": "BTC-USD",
    "bitstamp": "btcusd",
}


class SandboxServer(Server):
    """Its row. It starts with the chains."""

    title = "The sandbox: providers of prices and a payment gateway"
    container = Container(
        compose={
            "image": "${TOKEND_IMAGE:-local/tokend}",
            "user": "${SERVICE_USER}:0",
            "entrypoint": [
                *("/opt/tokend/.venv/bin/python", "-m", COMMAND),
                f"0.0.0.0:{PORT}",
                *(DATA, f"{INSIDE}/{TOKEN_FILE}", f"{INSIDE}/{GATEWAY_KEY_FILE}"),
            ],
        },
        secrets=INSIDE,
        data=DATA,
    )

    def __init__(self, name: str) -> None:
        super().__init__(name, CHAINS)

    @property
    def ports(self) -> Mapping[str, int]:
        return {self.name: PORT}

    async def prepare(self, place: Place, report: Report) -> tuple[str, ...]:
        (data,) = self.get_folders(place)
        data.mkdir(mode=0o700, exist_ok=True)
        listen = f"{place.listen_host}:{place.get_port(self.name)}"
        secrets = [place.get_secret_file(f"{self.name}.{each}") for each in FILES]
        command = (sys.executable, "-m", COMMAND, listen, str(data), *map(str, secrets))
        return ("setpriv", "--pdeathsig=TERM", *command)

    async def is_ready(self, place: Place) -> bool:
        return await asyncio.to_thread(ports.is_open, place.get_address(self.name))

    def provide(
        self, place: Place, table: Table, services: Sequence[Service], report: Report
    ) -> None:
        """Nothing: whoever plays with it says how the world is."""

    def get_folders(self, place: Place) -> tuple[Path, ...]:
        return (place.folder.root / self.name,)

    def describe(self, place: Place) -> Mapping[str, Any] | None:
        token_file = str(place.get_secret_file(f"{self.name}.{TOKEN_FILE}"))
        return {"url": place.get_url(self.name), "token_file": token_file}

    def get_container_files(self, place: Place) -> Mapping[str, bytes]:
        return {each: place.get_secret(f"{self.name}.{each}").encode() for each in FILES}


def get_rates_settings(place: Place) -> Mapping[str, Any]:
    """What an instance of PSIM asks: five providers, three of which must agree."""
    return {
        "pairs": [PAIR],
        "providers": [
            {
                "name": name,
                "kind": name,
                "url": f"{place.get_private_url(SANDBOX)}/rates/{name}",
                "pairs": {PAIR: {"symbol": symbol}},
                "period_s": SLOT_S,
            }
            for name, symbol in PROVIDERS.items()
        ],
        "providers_to_agree": 3,
        "slot_s": SLOT_S,
        "fresh_s": 20.0,
        "refresh_s": 60.0,
    }


def get_banks_settings(place: Place) -> list[Mapping[str, Any]]:
    """Two accounts at a bank that writes statements, one of which pays out, and a payment
    gateway."""
    url = place.get_private_url(SANDBOX)
    key_file = str(place.get_secret_file(f"{SANDBOX}.{GATEWAY_KEY_FILE}"))
    return [
        {
            "id": BANK,
            "account": accounts.ACCOUNT,
            "currency": accounts.CURRENCY,
            "url": f"{url}/{accounts.BANK}/statements",
            "poll_s": BANK_POLL_S,
        },
        {
            "id": GIRO,
            "account": accounts.GIRO_ACCOUNT,
            "currency": accounts.GIRO_CURRENCY,
            "url": f"{url}/{accounts.GIRO}/statements",
            "poll_s": BANK_POLL_S,
            "payouts": {
                "holder": "The operator of a test deployment",
                "url": f"{url}/{accounts.GIRO}/payouts",
                "key_file": key_file,
            },
        },
        {
            "id": GATEWAY,
            "kind": "gateway",
            "currency": accounts.CURRENCY,
            "url": f"{url}/gateway",
            "key_file": key_file,
            "poll_s": BANK_POLL_S,
        },
    ]


def control(place: Place, path: str, order: Mapping[str, Any]) -> Any:
    """Tells the sandbox what to do; its answer. Raises LocalError."""
    import httpx2  # every verb and service imports this module, few need a client

    token = place.get_secret(f"{SANDBOX}.{TOKEN_FILE}")
    headers = {"authorization": f"Bearer {token}"}
    try:
        answer = httpx2.post(
            f"{place.get_url(SANDBOX)}{path}",
            json=dict(order),
            headers=headers,
            timeout=10,
            trust_env=False,
        )
    except httpx2.HTTPError as error:
        raise LocalError(f"the sandbox does not answer: {type(error).__name__}") from None
    if answer.status_code != httpx2.codes.OK:
        raise LocalError(f"the sandbox refuses: {answer.text[:200]}")
    return answer.json()
