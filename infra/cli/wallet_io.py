"""What the verbs of wallets read: secrets, who is logged in, and where the servers are."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from infra.cli import session as sessions
from infra.cli import user_io
from infra.cli.session import Session
from infra.local.errors import LocalError

if TYPE_CHECKING:
    from gateways.client.horizon import HorizonClient
    from gateways.client.keys import SigningKey
    from gateways.client.keyserver import KeyServerClient
    from gateways.client.wallet_keys import Content
    from gateways.client.wallets import Credentials, OpenWallet, Statement
    from schemas.generated.common import Hash

EmailOption = Annotated[str, typer.Option("--email", help="Your address, as at sign-up.")]
SecretOption = Annotated[
    Path | None, typer.Option("--secret-file", help="The file of your secret; else a prompt.")
]
CodeOption = Annotated[
    str | None, typer.Option("--second-factor", help="A code of your authenticator, or recovery.")
]
SessionOption = Annotated[
    Path | None,
    typer.Option("--session", envvar="TOKEND_SESSION", help="The file of who is logged in."),
]
EndpointsOption = Annotated[
    Path | None, typer.Option("--endpoints", help="A deployment's endpoints.json, not URLs.")
]
KeyServerOption = Annotated[
    str | None, typer.Option("--keyserver", envvar="TOKEND_KEYSERVER_URL", help="A KeyServer.")
]
ApiOption = Annotated[str | None, typer.Option("--api", envvar="TOKEND_API_URL", help="An API.")]
HorizonOption = Annotated[
    str | None, typer.Option("--url", envvar="TOKEND_HORIZON_URL", help="A Horizon gateway.")
]


NewSecretOption = Annotated[
    Path | None, typer.Option("--new-secret-file", help="The file of the new one; else a prompt.")
]
DeviceArgument = Annotated[str, typer.Argument(metavar="ID", help="As `tokend devices list`.")]
SECRET_CHARACTERS_MIN = 10


@contextmanager
def connect(known: Session) -> "Iterator[KeyServerClient]":
    from gateways.client.keyserver import KeyServerClient

    with user_io.errors(), KeyServerClient(known.keyserver) as client:
        yield client


def renew(
    client: "KeyServerClient", given: "Credentials", wallet: "OpenWallet"
) -> "tuple[OpenWallet, dict[str, str]]":
    """The wallet by the server's newest derivation of keys, and a hint where that is refused."""
    from gateways.client.errors import ProblemError

    if not client.is_derivation_old(given.email, wallet):
        return wallet, {}
    given = replace(given, second_factor=None, lane=None)  # they are used up
    try:
        client.renew_derivation(given, wallet)
    except ProblemError as error:
        if error.kind == "version-changed":  # it waits for the ledger; the next log-in does it
            return wallet, {}
        if error.kind != "second-factor-required":
            raise
        return wallet, {"next": "tokend login --remember: older parameters derive your keys"}
    return replace(wallet, version=wallet.version + 1), {}


def join(known: Session, content: "Content", statement: "Statement") -> None:
    """Makes the account, if the API is known; again it does nothing."""
    from gateways.client.horizon import HorizonClient
    from gateways.client.joining import add_recovery, register

    if not known.api or not known.horizon:
        return
    with user_io.errors():
        register(known.api, known.email, statement)
        with HorizonClient(known.horizon, content.key) as horizon:
            add_recovery(horizon, content)


def get_network(horizon: "HorizonClient") -> "tuple[Hash, int]":
    from schemas.generated.common import Hash

    info = horizon.get_info()
    return Hash(bytes.fromhex(info["network_id"])), int(info["latest_ledger_close_time_ms"])


def make_content(known: Session) -> "Content":
    from gateways.client.keys import read_seed
    from gateways.client.wallet_keys import Content

    return Content(known.account, read_seed(known.seed), known.recovery)


def get_device(known: Session) -> "SigningKey":
    from gateways.client.keys import read_seed

    if not known.device:
        raise LocalError("this is no device of the wallet yet: tokend login")
    return read_seed(known.device)


def get_credentials(known: Session, secret_file: Path | None, code: str | None) -> "Credentials":
    from gateways.client.wallets import Credentials

    device = get_device(known) if known.device else None
    return Credentials(known.email, read_secret(secret_file), code, None, device)


def get_next(session: Path | None) -> Path:
    """Where a session waits that begins when the ledger has said so."""
    return sessions.get_path(session).with_suffix(".next.json")


def find(given: str | None, name: str, endpoints: Path | None) -> str:
    return need(look(given, name, endpoints), f"--{'url' if name == 'horizon' else name}")


def look(given: str | None, name: str, endpoints: Path | None) -> str:
    """The address, or nothing."""
    return given or next(iter(user_io.read_endpoints(endpoints).get(name, ())), "")


def need(address: str, option: str) -> str:
    if not address:
        raise LocalError(f"which server? give {option}, or --endpoints of a deployment")
    return address


def read_secret(file: Path | None, *, is_new: bool = False) -> str:
    """Raises LocalError for a new one that is short."""
    if file is not None:
        secret = user_io.read_file(file).decode(errors="replace").removesuffix("\n")
    else:
        secret = user_io.ask_secret("New secret: " if is_new else "Secret: ")
    if is_new and len(secret) < SECRET_CHARACTERS_MIN:
        raise LocalError(f"a secret has at least {SECRET_CHARACTERS_MIN} characters")
    return secret
