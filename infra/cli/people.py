"""Verbs for people at API: `tokend link`, `blobs`, `invite` and `export-me`.

All of them sign by the key of a seed; the account is the one that the key names unless --account
says another.
"""

import json
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from infra.cli import user_io
from infra.cli.output import JsonOption, print_json, print_text
from infra.cli.user import EndpointsOption, SeedOption
from infra.local.errors import LocalError

if TYPE_CHECKING:
    from gateways.client.api import ApiClient

link = typer.Typer(help="E-mail and phone: who finds your account by them.")
blobs = typer.Typer(help="Data of projects at API.")
invite = typer.Typer(help="People who are to become signers of an account.")

ApiOption = Annotated[
    str | None, typer.Option("--url", help="An API gateway; else that of --endpoints.")
]
AccountOption = Annotated[str | None, typer.Option("--account", help="G..., if not the key's own.")]
OutOption = Annotated[
    Path | None, typer.Option("--out", help="Write it here; else to standard output.")
]
BlobArgument = Annotated[str, typer.Argument(help="The id of a blob.")]


@contextmanager
def open_api(
    url: str | None, endpoints: Path | None, seed_file: Path | None, account: str | None
) -> Iterator[tuple["ApiClient", str]]:
    """A client that signs, and the account that is meant."""
    from gateways.client.api import ApiClient
    from gateways.client.keys import get_address

    with user_io.errors():
        address = url or next(iter(user_io.read_endpoints(endpoints).get("api", ())), None)
        if not address:
            raise LocalError("which API? give --url, or --endpoints of a deployment")
        key = user_io.read_key(seed_file)
        with ApiClient(address, key) as client:
            yield client, account or get_address(key)


def _show_all(resources: list[dict[str, Any]], *, as_json: bool) -> None:
    shown = [{"id": each["id"], **each["attributes"]} for each in resources]
    if as_json:
        print_json(shown)
        return
    for row in shown:
        print_text("  ".join(f"{name}={value}" for name, value in row.items()))


@link.command("list")
def list_links(
    seed_file: SeedOption = None,
    account: AccountOption = None,
    url: ApiOption = None,
    endpoints: EndpointsOption = None,
    as_json: JsonOption = False,
) -> None:
    """List the addresses of an account's people."""
    with open_api(url, endpoints, seed_file, account) as (client, own):
        _show_all(client.list_links(own), as_json=as_json)


@link.command("allow")
def allow_finding(
    number: Annotated[str, typer.Argument(help="The number of a link.")],
    forbid: Annotated[bool, typer.Option("--forbid", help="Take it back.")] = False,
    seed_file: SeedOption = None,
    account: AccountOption = None,
    url: ApiOption = None,
    endpoints: EndpointsOption = None,
    as_json: JsonOption = False,
) -> None:
    """Let others who know an address find the account by it."""
    with open_api(url, endpoints, seed_file, account) as (client, own):
        user_io.show(client.allow_finding(own, number, not forbid), as_json=as_json)


@link.command("find")
def find_account(
    address: Annotated[str, typer.Argument(help="An e-mail, or a phone number +49...")],
    seed_file: SeedOption = None,
    account: AccountOption = None,
    url: ApiOption = None,
    endpoints: EndpointsOption = None,
    as_json: JsonOption = False,
) -> None:
    """Find the account of somebody who lets others find it."""
    with open_api(url, endpoints, seed_file, account) as (client, own):
        user_io.show({"account": client.find_account(own, address)}, as_json=as_json)


@link.command("phone")
def add_phone(
    number: Annotated[str, typer.Argument(help="Your number, +49...")],
    code: Annotated[str | None, typer.Option(help="The code that it got.")] = None,
    seed_file: SeedOption = None,
    account: AccountOption = None,
    url: ApiOption = None,
    endpoints: EndpointsOption = None,
) -> None:
    """Link a phone number: without --code it gets one, with it the number is linked."""
    with open_api(url, endpoints, seed_file, account) as (client, own):
        if code is None:
            client.ask_for_phone_code(own, number)
        else:
            client.confirm_phone(own, number, code)


@link.command("remove")
def remove_link(
    number: Annotated[str, typer.Argument(help="The number of a link.")],
    seed_file: SeedOption = None,
    account: AccountOption = None,
    url: ApiOption = None,
    endpoints: EndpointsOption = None,
) -> None:
    """Forget an address of yours."""
    with open_api(url, endpoints, seed_file, account) as (client, own):
        client.remove_link(own, number)


@blobs.command("types")
def list_types(
    url: ApiOption = None,
    endpoints: EndpointsOption = None,
    seed_file: SeedOption = None,
    as_json: JsonOption = False,
) -> None:
    """List the types of blobs."""
    with open_api(url, endpoints, seed_file, None) as (client, _):
        _show_all(client.list_blob_types(), as_json=as_json)


@blobs.command("list")
def list_blobs(
    seed_file: SeedOption = None,
    account: AccountOption = None,
    url: ApiOption = None,
    endpoints: EndpointsOption = None,
    as_json: JsonOption = False,
) -> None:
    """List the blobs of an account."""
    with open_api(url, endpoints, seed_file, account) as (client, own):
        _show_all(client.list_blobs(own), as_json=as_json)


@blobs.command("put")
def put_blob(
    type_: Annotated[str, typer.Argument(metavar="TYPE", help="The name of a type.")],
    file: Annotated[Path, typer.Argument(help="The content.")],
    media_type: Annotated[
        str | None, typer.Option("--content-type", help="Of a file; without it it is JSON.")
    ] = None,
    seed_file: SeedOption = None,
    account: AccountOption = None,
    url: ApiOption = None,
    endpoints: EndpointsOption = None,
    as_json: JsonOption = False,
) -> None:
    """Store JSON, or a file of any size."""
    with open_api(url, endpoints, seed_file, account) as (client, own):
        content = user_io.read_file(file)
        if media_type is None:
            made = client.put_blob(own, type_, content)
        else:
            made = client.upload_blob(own, type_, media_type, content)
        user_io.show({"id": made["id"], **made["attributes"]}, as_json=as_json)


@blobs.command("get")
def get_blob(
    blob: BlobArgument,
    out: Annotated[
        Path | None, typer.Option(help="Write it here; else to standard output.")
    ] = None,
    seed_file: SeedOption = None,
    account: AccountOption = None,
    url: ApiOption = None,
    endpoints: EndpointsOption = None,
) -> None:
    """Fetch a blob's content."""
    with open_api(url, endpoints, seed_file, account) as (client, own):
        content = client.get_blob(own, blob)
    if out is None:
        sys.stdout.buffer.write(content)
    else:
        out.write_bytes(content)


@blobs.command("remove")
def remove_blob(
    blob: BlobArgument,
    seed_file: SeedOption = None,
    account: AccountOption = None,
    url: ApiOption = None,
    endpoints: EndpointsOption = None,
) -> None:
    """Delete a blob."""
    with open_api(url, endpoints, seed_file, account) as (client, own):
        client.remove_blob(own, blob)


@invite.command("send")
def send_invitation(
    email: Annotated[str, typer.Argument(help="Whom.")],
    role: Annotated[str, typer.Option(help="The number of the signer role.")],
    seed_file: SeedOption = None,
    account: AccountOption = None,
    url: ApiOption = None,
    endpoints: EndpointsOption = None,
    as_json: JsonOption = False,
) -> None:
    """Invite somebody to become a signer of the account."""
    with open_api(url, endpoints, seed_file, account) as (client, own):
        made = client.invite(own, email, role)
        user_io.show({"id": made["id"], **made["attributes"]}, as_json=as_json)


@invite.command("list")
def list_invitations(
    seed_file: SeedOption = None,
    account: AccountOption = None,
    url: ApiOption = None,
    endpoints: EndpointsOption = None,
    as_json: JsonOption = False,
) -> None:
    """List invitations and the keys of who has accepted, which a transaction may add."""
    with open_api(url, endpoints, seed_file, account) as (client, own):
        _show_all(client.list_invitations(own), as_json=as_json)


def export_me(
    out: Annotated[
        Path | None, typer.Option(help="Write it here; else to standard output.")
    ] = None,
    seed_file: SeedOption = None,
    account: AccountOption = None,
    url: ApiOption = None,
    endpoints: EndpointsOption = None,
) -> None:
    """Export everything that API knows of you, with the list of who saw it, as JSON."""
    with open_api(url, endpoints, seed_file, account) as (client, own):
        text = json.dumps(client.export(own), indent=1, ensure_ascii=False) + "\n"
    if out is None:
        print_text(text.rstrip())
    else:
        out.write_text(text, encoding="utf-8")
