"""The verbs of wallets: sign-up, log-in, password, recovery.

Secrets come from a file or a prompt, never from the command line. Who is logged in stands in one
private file (`infra.cli.session`), which the other user verbs use in place of a seed.
"""

import platform
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from infra.cli import session as sessions
from infra.cli import user_io, wallet_io
from infra.cli.output import JsonOption
from infra.cli.session import Session
from infra.cli.wallet_io import (
    ApiOption,
    CodeOption,
    EmailOption,
    EndpointsOption,
    HorizonOption,
    KeyServerOption,
    NewSecretOption,
    SecretOption,
    SessionOption,
)
from infra.local.errors import LocalError

if TYPE_CHECKING:
    from gateways.client.keys import SigningKey
    from gateways.client.keyserver import KeyServerClient

app = typer.Typer(help="Wallets on a KeyServer.")


@app.command("signup")
def sign_up(
    email: Annotated[str | None, typer.Option("--email", help="Your address.")] = None,
    code: Annotated[str | None, typer.Option(help="The mailed code: confirms the sign-up.")] = None,
    secret_file: SecretOption = None,
    recovery_out: Annotated[
        Path | None,
        typer.Option(help="Write the recovery seed here; else it is shown."),
    ] = None,
    locale: Annotated[str, typer.Option(help="The language of messages.")] = "",
    session: SessionOption = None,
    keyserver: KeyServerOption = None,
    api: ApiOption = None,
    url: HorizonOption = None,
    endpoints: EndpointsOption = None,
    as_json: JsonOption = False,
) -> None:
    """Ask for a wallet (--email), then confirm it by the mailed code (--code)."""
    if (email is None) == (code is None):
        raise typer.BadParameter("give --email to begin, then --code to confirm")
    if email is not None:
        place = wallet_io.find(keyserver, "keyserver", endpoints)
        begun = Session(
            email,
            account="",
            recovery="",
            seed="",
            keyserver=place,
            api=wallet_io.look(api, "api", endpoints),
            horizon=wallet_io.look(url, "horizon", endpoints),
        )
        _begin_sign_up(begun, session, secret_file, recovery_out, locale, as_json=as_json)
        return
    known = sessions.load_session(session)
    from gateways.client.keys import get_address, read_seed
    from gateways.client.wallets import Signup

    key = read_seed(known.seed)
    content = wallet_io.make_content(known)
    with wallet_io.connect(known) as client:
        signup = Signup(known.signup, known.email, content, key)
        statement = client.confirm(signup, str(code))
    wallet_io.join(known, content, statement)
    sessions.save_session(session, known.change(signup=""))
    shown = {"account": known.account, "signer": get_address(key)}
    user_io.show(shown, as_json=as_json)


def _begin_sign_up(
    begun: Session,
    session: Path | None,
    secret_file: Path | None,
    recovery_out: Path | None,
    locale: str,
    *,
    as_json: bool,
) -> None:
    from gateways.client.keys import get_seed

    if recovery_out is not None and recovery_out.exists():
        raise LocalError(f"{recovery_out}: name a file that is not there")
    secret = wallet_io.read_secret(secret_file, is_new=True)
    with wallet_io.connect(begun) as client:
        signup = client.sign_up(begun.email, secret, locale)
    shown = {"account": signup.content.account, "next": "tokend signup --code (from your mail)"}
    if recovery_out is None:
        shown["recovery_seed"] = get_seed(signup.recovery)
    else:
        user_io.write_secret(recovery_out, get_seed(signup.recovery))
        shown["recovery_seed_file"] = str(recovery_out)
    known = begun.change(
        account=signup.content.account,
        recovery=signup.content.recovery,
        seed=get_seed(signup.content.key),
        signup=signup.id,
    )
    shown["session"] = str(sessions.save_session(session, known))
    user_io.show(shown, as_json=as_json)


@app.command("login")
def log_in(
    email: EmailOption,
    secret_file: SecretOption = None,
    code: CodeOption = None,
    lane: Annotated[
        str | None, typer.Option(help="A mailed code, for when others try to get in.")
    ] = None,
    mail_lane: Annotated[
        bool, typer.Option("--mail-lane", help="Ask for such a code by mail, and end.")
    ] = False,
    name: Annotated[str | None, typer.Option(help="What this device is called.")] = None,
    remember: Annotated[
        bool, typer.Option("--remember", help="30 days without the second factor here.")
    ] = False,
    session: SessionOption = None,
    keyserver: KeyServerOption = None,
    api: ApiOption = None,
    url: HorizonOption = None,
    endpoints: EndpointsOption = None,
    as_json: JsonOption = False,
) -> None:
    """Unlock your wallet on this device, which becomes one of its devices."""
    from gateways.client.keys import generate_key, get_seed, read_seed
    from gateways.client.wallets import Credentials

    begun = _begin_log_in(sessions.find_session(session), email, keyserver, api, url, endpoints)
    device = read_seed(begun.device) if begun.device else generate_key()
    with wallet_io.connect(begun) as client:
        if mail_lane:
            client.ask_lane(email)
            user_io.show({"next": "tokend login --lane (from your mail)"}, as_json=as_json)
            return
        given = Credentials(email, wallet_io.read_secret(secret_file), code, lane, device)
        wallet = client.unlock(given, register=name or platform.node() or "cli", remember=remember)
        wallet, hint = wallet_io.renew(client, given, wallet)
    wallet_io.join(begun, wallet.content, wallet.statement)
    known = begun.change(
        account=wallet.content.account,
        recovery=wallet.content.recovery,
        seed=get_seed(wallet.content.key),
        device=get_seed(device),
        version=wallet.version,
    )
    path = sessions.save_session(session, known)
    shown = {"account": known.account, "device": wallet.device or "", "session": str(path)}
    user_io.show({**shown, **hint}, as_json=as_json)


def _begin_log_in(
    old: Session | None,
    email: str,
    keyserver: str | None,
    api: str | None,
    url: str | None,
    endpoints: Path | None,
) -> Session:
    """Servers, and the device's key, are those of the last time unless others are given."""
    known = old if old is not None and old.email == email else Session(email, "", "", "", "")
    return Session(
        email,
        account="",
        recovery="",
        seed="",
        keyserver=wallet_io.find(keyserver or known.keyserver, "keyserver", endpoints),
        api=wallet_io.look(api or known.api, "api", endpoints),
        horizon=wallet_io.look(url or known.horizon, "horizon", endpoints),
        device=known.device,
    )


@app.command("logout")
def log_out(session: SessionOption = None, as_json: JsonOption = False) -> None:
    """Revoke this device and forget its keys."""
    from gateways.client.errors import ProblemError

    known = sessions.load_session(session)
    if known.device:
        with wallet_io.connect(known) as client:
            try:
                _revoke_this(client, wallet_io.get_device(known))
            except ProblemError as error:
                if error.kind != "device-unknown":
                    raise
    sessions.forget_session(session)
    user_io.show({"logged_out": known.email}, as_json=as_json)


def _revoke_this(client: "KeyServerClient", device: "SigningKey") -> None:
    for row in client.get_devices(device):
        if row["attributes"]["is_this"]:
            client.revoke_device(device, row["id"])


@app.command("passwd")
def change_password(
    secret_file: SecretOption = None,
    new_secret_file: NewSecretOption = None,
    code: CodeOption = None,
    session: SessionOption = None,
    as_json: JsonOption = False,
) -> None:
    """Set a new secret: the ledger takes a new key in place of the old one."""
    from gateways.client.horizon import HorizonClient
    from gateways.client.keys import get_seed
    from gateways.client.rotations import make_rotation

    known = sessions.load_session(session)
    given = wallet_io.get_credentials(known, secret_file, code)
    new_secret = wallet_io.read_secret(new_secret_file, is_new=True)
    with (
        wallet_io.connect(known) as client,
        HorizonClient(wallet_io.need(known.horizon, "--url")) as horizon,
    ):
        rotate = make_rotation(*wallet_io.get_network(horizon))
        change = client.change_password(
            given, wallet_io.make_content(known), known.version, new_secret, rotate
        )
        # Whatever dies now: both keys are kept, until the ledger has said which it is.
        following = known.change(seed=get_seed(change.content.key), version=known.version + 1)
        sessions.save_session(wallet_io.get_next(session), following)
        horizon.submit_until_final(change.transaction)
    sessions.save_session(session, following)
    sessions.forget_session(wallet_io.get_next(session))
    shown = {"account": known.account, "transaction": change.transaction_hash}
    user_io.show(shown, as_json=as_json)


@app.command("recover")
def recover(
    email: EmailOption,
    account: Annotated[str, typer.Option("--account", help="Your account, G...")],
    recovery_file: Annotated[
        Path, typer.Option("--recovery-file", help="The file of the recovery seed.")
    ],
    new_secret_file: NewSecretOption = None,
    signer: Annotated[
        str | None, typer.Option(help="The key to replace, if the account has several.")
    ] = None,
    keyserver: KeyServerOption = None,
    url: HorizonOption = None,
    endpoints: EndpointsOption = None,
    as_json: JsonOption = False,
) -> None:
    """Set a new secret by the recovery seed; then log in. Everybody concerned is told."""
    from gateways.client.horizon import HorizonClient
    from gateways.client.joining import get_signers
    from gateways.client.keys import get_address
    from gateways.client.rotations import make_rotation
    from schemas.generated.common import PublicKey
    from schemas.strkey import decode_account_id

    seed = user_io.read_key(recovery_file)
    begun = Session(
        email, account, get_address(seed), "", wallet_io.find(keyserver, "keyserver", endpoints)
    )
    horizon_url = wallet_io.find(url, "horizon", endpoints)
    with wallet_io.connect(begun) as client, HorizonClient(horizon_url, seed) as horizon:
        others = [each for each in get_signers(horizon, account) if each != get_address(seed)]
        if signer is None and len(others) != 1:
            raise LocalError(f"which key is replaced? --signer {' or '.join(others)}")
        old = PublicKey(decode_account_id(signer or others[0]))
        rotate = make_rotation(*wallet_io.get_network(horizon), old)
        new_secret = wallet_io.read_secret(new_secret_file, is_new=True)
        change = client.recover(email, new_secret, account, seed, rotate)
        horizon.submit_until_final(change.transaction)
    shown = {"account": account, "transaction": change.transaction_hash, "next": "tokend login"}
    user_io.show(shown, as_json=as_json)
