"""What the user verbs read and show: seeds, envelopes, gateways, results; errors as one line."""

import base64
import binascii
import getpass
import json
import os
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from gateways.client.errors import ClientError
from infra.cli.output import print_json, print_text
from infra.local.errors import LocalError

if TYPE_CHECKING:
    from gateways.client.horizon import HorizonClient
    from gateways.client.keys import SigningKey


@contextmanager
def connect_signed(
    url: str | None, endpoints: Path | None, seed_file: Path | None
) -> Iterator["HorizonClient"]:
    """A client that may read what is private to the owner of the seed."""
    with connect(url, endpoints, lambda: read_key(seed_file)) as client:
        yield client


@contextmanager
def connect(
    url: str | None,
    endpoints: Path | None,
    get_key: "Callable[[], SigningKey | None]" = lambda: None,
) -> Iterator["HorizonClient"]:
    """`get_key` is asked only once there is a gateway to sign for."""
    from gateways.client.horizon import HorizonClient

    with errors():
        address = url or next(iter(read_endpoints(endpoints).get("horizon", ())), None)
        if not address:
            raise LocalError(
                "which gateway? give --url, TOKEND_HORIZON_URL, or --endpoints of a deployment"
            )
        with HorizonClient(address, get_key()) as client:
            yield client


@contextmanager
def errors() -> Iterator[None]:
    """What users do wrong or cannot help, in one line."""
    from schemas.strkey import StrkeyError

    try:
        yield
    except (ClientError, StrkeyError) as error:
        raise LocalError(str(error)) from None
    except ValueError as error:
        raise LocalError(f"cannot be read: {error}") from None


def read_endpoints(endpoints: Path | None) -> dict[str, Any]:
    if endpoints is None:
        return {}
    content = json.loads(read_file(endpoints))
    return content if isinstance(content, dict) else {}


def read_genesis(genesis: Path | None, endpoints: Path | None, url: str | None = None) -> bytes:
    """`url`: of a gateway that may be asked for it, where its hash is pinned."""
    path = genesis or read_endpoints(endpoints).get("genesis_file")
    if path is not None:
        return read_file(Path(path))
    if url is None:
        raise LocalError(
            "which network do you trust?"
            " give --genesis or --endpoints, or --genesis-hash with --url"
        )
    with connect(url, None) as client:
        return json.dumps(client.get("/v3/genesis")["data"]["attributes"]["genesis"]).encode()


def read_file(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise LocalError(f"{path}: {error.strerror}") from None


def read_json(path: Path) -> Any:
    try:
        return json.loads(read_file(path))
    except ValueError as error:
        raise LocalError(f"{path}: not JSON: {error}") from None


def read_key(seed_file: Path | None) -> "SigningKey":
    """From the file, the environment, the session of who is logged in, or a prompt."""
    from gateways.client.keys import read_seed
    from infra.cli.session import find_session
    from schemas.strkey import StrkeyError

    try:
        if seed_file is not None:
            return read_seed(read_file(seed_file).decode("ascii"))
        if os.environ.get("TOKEND_SEED"):
            return read_seed(os.environ["TOKEND_SEED"])
        given = os.environ.get("TOKEND_SESSION")
        session = find_session(Path(given) if given else None)
        return read_seed(session.seed if session is not None else ask_secret("Seed (S...): "))
    except (StrkeyError, UnicodeDecodeError) as error:
        reason = error if isinstance(error, StrkeyError) else "it is no text"
        raise LocalError(f"the seed cannot be used: {reason}") from None


def ask_secret(prompt: str) -> str:
    """At the terminal, wherever standard input comes from."""
    try:
        os.close(os.open("/dev/tty", os.O_RDWR | os.O_NOCTTY))
    except OSError:
        what = "seed: give --seed-file or TOKEND_SEED"
        if not prompt.startswith("Seed"):
            what = "secret: give its file"
        raise LocalError(f"there is no terminal to ask for the {what}") from None
    return getpass.getpass(prompt)


def write_secret(path: Path, text: str) -> None:
    try:
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except OSError as error:
        raise LocalError(f"{path}: {error.strerror}: name a file that is not there") from None
    with os.fdopen(descriptor, "w") as file:
        file.write(text + "\n")


def read_envelope(text: str) -> bytes:
    try:
        return base64.b64decode((sys.stdin.read() if text == "-" else text).strip(), validate=True)
    except (binascii.Error, ValueError):
        raise LocalError("the envelope is no base64: copy all of it") from None


def show_envelope(envelope: bytes, *, as_json: bool) -> None:
    from gateways.client.transactions import compute_envelope_transaction_hash

    text = base64.b64encode(envelope).decode()
    if as_json:
        print_json({"envelope": text, "hash": compute_envelope_transaction_hash(envelope).hex()})
    else:
        print_text(text)


def show_result(attributes: dict[str, Any], *, as_json: bool) -> None:
    if as_json:
        print_json(attributes)
        return
    place = attributes["ledger_sequence"]
    where = f" in ledger {place}" if place else ""
    print_text(f"{attributes['hash']} {attributes['status']}{where}")


def show(values: dict[str, Any], *, as_json: bool) -> None:
    if as_json:
        print_json(values)
        return
    for name, value in values.items():
        print_text(f"{name:<18} {value}")


def show_rows(rows: list[dict[str, Any]], *, as_json: bool) -> None:
    """A line each."""
    if as_json:
        print_json(rows)
        return
    for row in rows:
        print_text("  ".join(f"{name} {value}" for name, value in row.items()))


def ask_instance(endpoints: Path | None, instance: str, path: str) -> dict[str, Any]:
    """What an instance of PSIM answers on its private port."""
    from infra.local.health import get_status

    psim = read_endpoints(endpoints).get("psim")
    if not isinstance(psim, dict) or instance not in psim["urls"]:
        raise LocalError("which instance? give --endpoints of a deployment that runs PSIM")
    token = read_file(Path(psim["token_file"])).decode().strip()
    at = psim["urls"][instance].removeprefix("http://")
    answer = get_status(at, path, token)
    if answer is None:
        raise LocalError(f"{instance} does not answer on {at}: see `tokend status`")
    return answer


def print_document(value: Any) -> None:
    import msgspec

    print_text(msgspec.json.format(msgspec.json.encode(value)).decode())
