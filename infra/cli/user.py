"""The user verbs of the CLI: keys, transactions, payments, accounts, history, proofs.

`app` is mounted into the command `tokend`. A seed comes from a file, the environment or a prompt,
never from the command line, where every process could read it.
"""

import secrets
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import msgspec
import typer

from infra.cli import user_io
from infra.cli.output import JsonOption, print_json, print_text

if TYPE_CHECKING:
    from gateways.client.horizon import HorizonClient
    from gateways.client.proofs import ProvedBalance

app = typer.Typer(help="Verbs for users of a network.")
keys = typer.Typer(help="Keys: seeds and addresses.")
tx = typer.Typer(help="Transactions, step by step; - stands for standard input.")
app.add_typer(keys, name="keys")
app.add_typer(tx, name="tx")

UrlOption = Annotated[
    str | None, typer.Option("--url", envvar="TOKEND_HORIZON_URL", help="A Horizon gateway.")
]
EndpointsOption = Annotated[
    Path | None,
    typer.Option("--endpoints", help="A deployment's endpoints.json, not --url."),
]
SeedOption = Annotated[
    Path | None,
    typer.Option(
        "--seed-file", help="The file of the seed; else TOKEND_SEED, else you are asked for it."
    ),
]
EnvelopeArgument = Annotated[str, typer.Argument(help="An envelope in base64, or -.")]
MemoOption = Annotated[str, typer.Option(help="Free text in the transaction.")]
BalanceArgument = Annotated[str, typer.Argument(help="B...")]
AddressArgument = Annotated[str, typer.Argument(help="G...")]


@keys.command("new")
def new_key(
    out: Annotated[Path | None, typer.Option(help="Write the seed here (mode 0600).")] = None,
    as_json: JsonOption = False,
) -> None:
    """Make a key. Without --out its seed is printed: keep it secret."""
    from gateways.client.keys import generate_key, get_address, get_seed

    key = generate_key()
    shown = {"address": get_address(key)}
    if out is None:
        shown["seed"] = get_seed(key)
    else:
        user_io.write_secret(out, get_seed(key))
        shown["seed_file"] = str(out)
    user_io.show(shown, as_json=as_json)


@keys.command("show")
def show_key(seed_file: SeedOption = None, as_json: JsonOption = False) -> None:
    """The address of a seed. The seed itself is not shown."""
    from gateways.client.keys import get_address

    user_io.show({"address": get_address(user_io.read_key(seed_file))}, as_json=as_json)


@tx.command("build")
def build(
    file: Annotated[
        Path | None, typer.Argument(help="A transaction in readable JSON; else a payment is built.")
    ] = None,
    source: Annotated[str, typer.Option("--from", help="The paying account, G...")] = "",
    to: Annotated[str, typer.Option("--to", help="An account G... or a balance B...")] = "",
    amount: Annotated[str, typer.Option(help="Like 12.34")] = "",
    asset: Annotated[str, typer.Option(help="The asset's code.")] = "",
    reference: Annotated[str, typer.Option(help="Unique for the payer; random if absent.")] = "",
    subject: Annotated[str, typer.Option(help="What it is for.")] = "",
    memo: MemoOption = "",
    url: UrlOption = None,
    endpoints: EndpointsOption = None,
    as_json: JsonOption = False,
) -> None:
    """Build a transaction without signing it: any from a file, or a payment from options."""
    payment = (source, to, amount, asset)
    if file is None and not all(payment):
        raise typer.BadParameter("give a FILE, or --from, --to, --amount and --asset")
    if file is not None and any((*payment, reference, subject, memo)):
        raise typer.BadParameter("a FILE says it all: give no other description of a transaction")
    with user_io.connect(url, endpoints) as client:
        if file is None:
            envelope = _build_payment(client, *payment, reference, subject, memo)
        else:
            envelope = _build_from_file(client, file)
    user_io.show_envelope(envelope, as_json=as_json)


def _build_from_file(client: "HorizonClient", file: Path) -> bytes:
    from gateways.client.documents import read_transaction
    from gateways.client.transactions import sign_transaction
    from schemas.generated.common import Hash

    document = user_io.read_json(file)
    info = client.get_info()
    network_id = Hash(bytes.fromhex(info["network_id"]))
    now_ms = int(info["latest_ledger_close_time_ms"])
    return sign_transaction(read_transaction(document, network_id, now_ms, client))


@tx.command("sign")
def sign(
    envelope: EnvelopeArgument, seed_file: SeedOption = None, as_json: JsonOption = False
) -> None:
    """Add a signature. The transaction says for which network it is."""
    from gateways.client.transactions import add_signatures, decode_transaction

    raw = user_io.read_envelope(envelope)
    with user_io.errors():
        network_id = decode_transaction(raw).network_id
        signed = add_signatures(raw, network_id, user_io.read_key(seed_file))
    user_io.show_envelope(signed, as_json=as_json)


@tx.command("submit")
def submit(
    envelope: EnvelopeArgument,
    url: UrlOption = None,
    endpoints: EndpointsOption = None,
    as_json: JsonOption = False,
) -> None:
    """Submit an envelope and wait for its result. The same one again has the same result."""
    raw = user_io.read_envelope(envelope)
    with user_io.connect(url, endpoints) as client:
        user_io.show_result(client.submit_until_final(raw), as_json=as_json)


@tx.command("show")
def show(
    what: Annotated[str, typer.Argument(help="A transaction's hash, an envelope, or -.")],
    url: UrlOption = None,
    endpoints: EndpointsOption = None,
    as_json: JsonOption = False,
) -> None:
    """Show a transaction: of the network by its hash, or what an envelope holds, offline."""
    if len(what) == 64 and all(each in "0123456789abcdef" for each in what):
        with user_io.connect(url, endpoints) as client:
            user_io.show_result(client.get_transaction(what), as_json=as_json)
        return
    from gateways.client.transactions import (
        compute_envelope_transaction_hash,
        decode_envelope,
        decode_transaction,
    )
    from schemas.readable import Scales, show_value

    raw = user_io.read_envelope(what)
    with user_io.errors():
        shown = {
            "hash": compute_envelope_transaction_hash(raw).hex(),
            "transaction": show_value(decode_transaction(raw), Scales()),
            "signatures": [show_value(each, Scales()) for each in decode_envelope(raw).signatures],
        }
    user_io.print_document(shown)


@tx.command("preview")
def preview(
    envelope: EnvelopeArgument,
    url: UrlOption = None,
    endpoints: EndpointsOption = None,
    as_json: JsonOption = False,
) -> None:
    """Say what a transaction does, in plain words, before you sign it.

    It is read here; the gateway is asked only for decimals of assets.
    """
    from gateways.client.documents import preview_transaction
    from gateways.client.transactions import decode_transaction

    raw = user_io.read_envelope(envelope)
    with user_io.connect(url, endpoints) as client:
        lines = list(preview_transaction(decode_transaction(raw), client))
    if as_json:
        print_json(lines)
        return
    for line in lines:
        print_text(line)


@app.command("pay")
def pay(
    to: Annotated[str, typer.Argument(help="An account G... or a balance B...")],
    amount: Annotated[str, typer.Argument(help="Like 12.34")],
    asset: Annotated[str, typer.Argument(help="The asset's code.")],
    seed_file: SeedOption = None,
    reference: Annotated[str, typer.Option(help="Unique for the payer; random if absent.")] = "",
    subject: Annotated[str, typer.Option(help="What it is for.")] = "",
    memo: MemoOption = "",
    url: UrlOption = None,
    endpoints: EndpointsOption = None,
    as_json: JsonOption = False,
) -> None:
    """Pay from the account of your seed, and wait for the result.

    With a reference of your own, the payment happens once however often you try.
    """
    from gateways.client.keys import get_address
    from gateways.client.transactions import add_signatures, decode_transaction

    key = user_io.read_key(seed_file)
    with user_io.connect(url, endpoints, lambda: key) as client:
        source = get_address(key)
        unsigned = _build_payment(client, source, to, amount, asset, reference, subject, memo)
        envelope = add_signatures(unsigned, decode_transaction(unsigned).network_id, key)
        user_io.show_result(client.submit_until_final(envelope), as_json=as_json)


@app.command("account")
def account(
    address: AddressArgument,
    seed_file: SeedOption = None,
    url: UrlOption = None,
    endpoints: EndpointsOption = None,
    as_json: JsonOption = False,
) -> None:
    """An account, its balances and its signers, for a signer of it or of the master account."""
    with user_io.connect_signed(url, endpoints, seed_file) as client:
        document = client.get_account(address)
    if as_json:
        print_json(document)
        return
    attributes = document["data"]["attributes"]
    print_text(f"account {address} (role {attributes['role_id']})")
    for each in document.get("included", []):
        one = each["attributes"]
        if each["type"] == "balances":
            print_text(f"  {one['available']:>24} {one['asset']:<16} {each['id']}")
        else:
            print_text(f"  signer, weight {one['weight']:>4}      {each['id'].split('-')[1]}")


@app.command("history")
def history(
    address: AddressArgument,
    limit: Annotated[int, typer.Option(min=1, max=200, help="How many at most.")] = 25,
    seed_file: SeedOption = None,
    url: UrlOption = None,
    endpoints: EndpointsOption = None,
    as_json: JsonOption = False,
) -> None:
    """What happened to an account, newest first, for a signer of it or of the master account."""
    with user_io.connect_signed(url, endpoints, seed_file) as client:
        parameters = {"filter[account]": address, "page[limit]": str(limit)}
        page = client.get("/v3/history", parameters)["data"]
    if as_json:
        print_json(page)
        return
    for each in page:
        operation = each["attributes"]["operation"]
        effects = ", ".join(
            f"{effect['kind']} {effect['amount']} {effect['asset']}"
            for effect in each["attributes"]["effects"]
        )
        line = f"{operation['applied_at']}  {operation['type']:<24} {operation['code']:<10}"
        print_text(f"{line} {effects}".rstrip())


@app.command("statement")
def statement(
    balance: BalanceArgument,
    from_ledger: Annotated[int | None, typer.Option("--from", help="The first ledger.")] = None,
    to_ledger: Annotated[int | None, typer.Option("--to", help="The last ledger.")] = None,
    as_csv: Annotated[bool, typer.Option("--csv", help="Print CSV with all columns.")] = False,
    seed_file: SeedOption = None,
    url: UrlOption = None,
    endpoints: EndpointsOption = None,
    as_json: JsonOption = False,
) -> None:
    """Every movement of a balance, for a signer of its owner. --json prints one line each."""
    import csv
    import sys

    writer = csv.writer(sys.stdout)
    with user_io.connect_signed(url, endpoints, seed_file) as client:
        for line in client.get_statement(balance, from_ledger, to_ledger):
            if as_json:
                print_text(msgspec.json.encode(line).decode())
            elif as_csv:
                if line["kind"] == "opening":
                    writer.writerow(line)
                writer.writerow(line.values())
            else:
                print_text(
                    f"{line['closed_at']}  {line['kind']:<20} {line['amount']:>20}"
                    f" {line['available']:>20} {line['locked']:>20}  ledger {line['ledger']}"
                )


@app.command("verify-proof")
def verify(
    balance: BalanceArgument,
    genesis: Annotated[
        Path | None,
        typer.Option(help="The genesis file that you trust; else endpoints.json's."),
    ] = None,
    pinned: Annotated[
        str | None,
        typer.Option(
            "--genesis-hash", help="Its ledger's hash in hex; then the gateway's copy will do."
        ),
    ] = None,
    proof: Annotated[
        Path | None, typer.Option("--proof", help="A saved proof; else Horizon is asked.")
    ] = None,
    seed_file: SeedOption = None,
    url: UrlOption = None,
    endpoints: EndpointsOption = None,
    as_json: JsonOption = False,
) -> None:
    """Prove a balance from the genesis on, trusting no gateway.

    Horizon gives the proof to a signer of the balance's owner, or of the master account.
    """
    from gateways.client.proofs import (
        get_genesis_anchor,
        get_proof_attributes,
        verify_balance_proof,
    )
    from schemas.strkey import decode_balance_id

    with user_io.errors():
        balance_id = decode_balance_id(balance)
        pinned_hash = None if pinned is None else bytes.fromhex(pinned)
        given = user_io.read_genesis(genesis, endpoints, url if pinned_hash else None)
        anchor = get_genesis_anchor(given, pinned_hash)
        if proof is not None:
            attributes = get_proof_attributes(user_io.read_json(proof))
        else:
            with user_io.connect_signed(url, endpoints, seed_file) as client:
                attributes = client.get_proof(balance)
        proved = verify_balance_proof(attributes, anchor, balance_id)
    user_io.show(_describe_proved(balance, proved), as_json=as_json)


def _describe_proved(balance: str, proved: "ProvedBalance") -> dict[str, Any]:
    from schemas.values import format_time

    entry, header = proved.balance, proved.header
    amounts = (
        {}
        if entry is None
        else {"asset": entry.asset, "available": proved.available, "locked": proved.locked}
    )
    return {
        "balance": balance,
        "exists": entry is not None,
        **amounts,
        "ledger": str(header.sequence),
        "closed_at": format_time(header.close_time_ms),
        "header_hash": header.header_hash.hex(),
        "state_root": header.state_root.hex(),
        "validators_signed": header.signed_by,
    }


def _build_payment(
    client: "HorizonClient",
    source: str,
    to: str,
    amount: str,
    asset: str,
    reference: str,
    subject: str,
    memo: str,
) -> bytes:
    from gateways.client.transactions import (
        build_transaction,
        make_payment,
        make_reference,
        sign_transaction,
        to_units,
    )
    from schemas.generated.common import Hash
    from schemas.strkey import decode_account_id, encode_balance_id
    from streams.ledger.hashes import compute_balance_id

    source_id = decode_account_id(source)
    info = client.get_info()
    network_id = Hash(bytes.fromhex(info["network_id"]))
    units = to_units(amount, client.get_asset(asset)["trailing_digits"])
    balance = encode_balance_id(compute_balance_id(network_id, source_id, asset, 0))
    now_ms = int(info["latest_ledger_close_time_ms"])
    used = make_reference(reference or secrets.token_hex(16), now_ms)
    body = make_payment(balance, to, units, used, subject)
    return sign_transaction(build_transaction(network_id, source_id, [body], now_ms, memo=memo))
