"""The verbs for cosigners of external transfers: `tokend transfer show | export | sign | import`,
and `attest` for people who know what came of one.

`sign` works offline, on a file that `export` made; `import` brings its signatures to the network.
"""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from infra.cli import user_io
from infra.cli.output import JsonOption, print_json, print_text
from infra.cli.user import EndpointsOption, SeedOption, UrlOption
from infra.local.errors import LocalError

if TYPE_CHECKING:
    from processors.psim.chains.signers import SeedSigner

SEED_BYTES = 32
app = typer.Typer(help="External transfers: read them, sign them offline, bring signatures back.")

NumberArgument = Annotated[int, typer.Argument(min=1, help="The transfer's number.")]
FileArgument = Annotated[Path, typer.Argument(help="An exported transfer.")]
OutOption = Annotated[Path, typer.Option("--out", help="Write the file here.")]


@app.command("show")
def show(
    number: NumberArgument,
    seed_file: SeedOption = None,
    url: UrlOption = None,
    endpoints: EndpointsOption = None,
    as_json: JsonOption = False,
) -> None:
    """How far a transfer is, and what it does, in plain words. Your roles must allow the read."""
    from gateways.client.transfers import describe_transfer, export_transfer

    with user_io.connect_signed(url, endpoints, seed_file) as client:
        shown = client.get(f"/v3/transfers/{number}")["data"]["attributes"]
        if as_json:
            print_json(shown)
            return
        print_text(f"state {shown['state']}")
        for each in shown["signatures"]:
            print_text(f"signed by {each['account_id']}, version {each['version']}")
        if shown["payloads"]:
            for line in describe_transfer(export_transfer(client, number)):
                print_text(line)


@app.command("export")
def export(
    number: NumberArgument,
    out: OutOption,
    seed_file: SeedOption = None,
    url: UrlOption = None,
    endpoints: EndpointsOption = None,
) -> None:
    """Write a transfer's newest version to a file, to be signed on an offline machine."""
    from gateways.client.transfers import export_transfer, write_transfer_file

    with user_io.connect_signed(url, endpoints, seed_file) as client:
        file = export_transfer(client, number)
    _write(out, write_transfer_file(file))
    print_text(f"{out}: payload {file.payload_hash}")


@app.command("sign")
def sign(
    file: FileArgument,
    out: OutOption,
    seed_file: SeedOption = None,
    wallet_seed: Annotated[
        Path | None,
        typer.Option(help="A file with the 64 hexadecimal digits of your keys to the wallets."),
    ] = None,
    is_agreed: Annotated[bool, typer.Option("--yes", help="Sign without asking.")] = False,
) -> None:
    """Show what the file's transfer does and sign it, offline. Compare the payload's hash with
    what somebody else sees before you agree."""
    from gateways.client.transfers import (
        describe_transfer,
        read_transfer_file,
        sign_transfer,
        write_transfer_file,
    )

    with user_io.errors():
        given = read_transfer_file(user_io.read_file(file))
        for line in describe_transfer(given):
            print_text(line)
        if not is_agreed and not typer.confirm("Sign this?"):
            raise LocalError("nothing was signed")
        signed = sign_transfer(given, _read_signer(seed_file, wallet_seed))
    _write(out, write_transfer_file(signed))
    print_text(f"{out}: {len(signed.signatures)} signatures")


@app.command("import")
def import_signatures(
    file: FileArgument,
    seed_file: SeedOption = None,
    url: UrlOption = None,
    endpoints: EndpointsOption = None,
    as_json: JsonOption = False,
) -> None:
    """Add the file's signature to the network. The seed is of a signer of the cosigner's account,
    which need not be the key that signed."""
    from gateways.client.transactions import build_transaction, sign_transaction
    from gateways.client.transfers import make_signature_operations, read_transfer_file
    from schemas.generated.common import Hash

    key = user_io.read_key(seed_file)
    with user_io.connect(url, endpoints, lambda: key) as client:
        given = read_transfer_file(user_io.read_file(file))
        operations = make_signature_operations(given)
        if not operations:
            raise LocalError("the file has no signature: sign it first")
        for account_id, body in operations:
            transaction = build_transaction(
                Hash(bytes.fromhex(given.network_id)),
                account_id,
                (body,),
                client.get_network_time_ms(),
            )
            result = client.submit_until_final(sign_transaction(transaction, key))
            user_io.show_result(result, as_json=as_json)


@app.command("attest")
def attest(
    number: NumberArgument,
    outcome: Annotated[
        str, typer.Argument(help="paid; ineffective: nothing moved, and nothing will.")
    ],
    evidence: Annotated[Path, typer.Option(help="What you go by, as the bank's letter.")],
    account: Annotated[
        str, typer.Option(help="The attestors' account, G...; else the endpoints' own.")
    ] = "",
    url: UrlOption = None,
    endpoints: EndpointsOption = None,
    as_json: JsonOption = False,
) -> None:
    """Say what came of a payout of which the bank says nothing. It counts once enough of the
    account's people have signed it (`tokend tx sign`, `tokend tx submit`)."""
    from gateways.client.transfers import make_attestation

    said = user_io.read_file(evidence)
    if not account:
        known = user_io.read_endpoints(endpoints).get("psim", {}).get("attestors")
        if known is None:
            raise LocalError("name the attestors' account by --account")
        account = str(known["account"])
    with user_io.connect(url, endpoints) as client:
        envelope = make_attestation(client, account, number, outcome, said)
    user_io.show_envelope(envelope, as_json=as_json)


def _read_signer(seed_file: Path | None, wallet_seed: Path | None) -> "SeedSigner":
    """Keys to wallets on chains have a seed of their own; a bank's files take an ordinary one."""
    from processors.psim.chains.signers import SeedSigner

    if wallet_seed is None:
        return SeedSigner(bytes(user_io.read_key(seed_file)))
    try:
        seed = bytes.fromhex(user_io.read_file(wallet_seed).decode().strip())
    except ValueError:
        seed = b""
    if len(seed) != SEED_BYTES:
        raise LocalError(f"{wallet_seed}: a seed of wallets has 64 hexadecimal digits")
    return SeedSigner(seed)


def _write(path: Path, content: bytes) -> None:
    try:
        with path.open("xb") as file:
            file.write(content)
    except OSError as error:
        raise LocalError(f"{path}: {error.strerror}: name a file that is not there") from None
