"""Verbs for administrators of the KeyChain: check its audit log, allow another more releases."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from infra.cli import user_io
from infra.cli.output import JsonOption, print_json, print_text
from infra.cli.user import AddressArgument, EndpointsOption, SeedOption
from infra.local.errors import LocalError

if TYPE_CHECKING:
    from gateways.client.keychain import KeyChainClient
    from gateways.keychain.audit import Head

app = typer.Typer(help="The KeyChain: its audit log, and releases beyond one person's number.")

UrlOption = Annotated[str | None, typer.Option("--url", help="A KeyChain, its public address.")]
HeadOption = Annotated[
    str, typer.Option("--since", help="A head that was kept, NUMBER:HASH; else from the beginning.")
]


@app.command()
def head(
    url: UrlOption = None, endpoints: EndpointsOption = None, as_json: JsonOption = False
) -> None:
    """Show the newest row of the audit log. Keep it: it shows later that nothing was changed."""
    with _open(url, endpoints, None, is_signed=False) as client:
        found = client.get_head()
    if as_json:
        print_json(found)
    else:
        print_text(f"{found['number']}:{found['hash']}")


@app.command()
def audit(
    since: HeadOption = "",
    url: UrlOption = None,
    endpoints: EndpointsOption = None,
    seed_file: SeedOption = None,
) -> None:
    """Print the audit log, and check that it follows from a head that was kept."""
    from gateways.keychain.audit import START, AuditBroken, Head, Row, verify_chain

    at = _read_head(since) if since else Head(0, START)
    with _open(url, endpoints, seed_file) as client:
        while rows := client.read_log(at.number):
            read = [
                Row(int(each["number"]), each["content"], bytes.fromhex(each["hash"]))
                for each in rows
            ]
            try:
                at = verify_chain(at, read)
            except AuditBroken as error:
                raise LocalError(f"the audit log was changed: {error}") from None
            for each in read:
                print_text(f"{each.number} {each.content}")
    print_text(f"whole up to {at.number}:{at.hash.hex()}")


@app.command()
def approve(
    administrator: AddressArgument,
    releases: Annotated[int, typer.Argument(min=1, help="How many keys more within the hour.")],
    url: UrlOption = None,
    endpoints: EndpointsOption = None,
    seed_file: SeedOption = None,
) -> None:
    """Allow another administrator more keys than one person gets in an hour."""
    with _open(url, endpoints, seed_file) as client:
        client.approve(administrator, releases)


@contextmanager
def _open(
    url: str | None, endpoints: Path | None, seed_file: Path | None, *, is_signed: bool = True
) -> "Iterator[KeyChainClient]":
    from gateways.client.keychain import KeyChainClient

    with user_io.errors():
        address = url or next(iter(user_io.read_endpoints(endpoints).get("keychain", ())), None)
        if not address:
            raise LocalError("which KeyChain? give --url, or --endpoints of a deployment")
        key = user_io.read_key(seed_file) if is_signed else None
        with KeyChainClient(address, key) as client:
            yield client


def _read_head(text: str) -> "Head":
    from gateways.keychain.audit import Head

    number, _, digest = text.partition(":")
    try:
        return Head(int(number), bytes.fromhex(digest))
    except ValueError:
        raise typer.BadParameter("expected NUMBER:HASH", param_hint="--since") from None
