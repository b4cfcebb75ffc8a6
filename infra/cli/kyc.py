"""Verbs of KYC: hand in a form with documents, follow the case; review cases of others.

Everything is encrypted on this machine before it leaves, and opened nowhere else.
"""

import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from infra.cli import user_io
from infra.cli.output import JsonOption, print_json, print_text
from infra.cli.user import EndpointsOption, SeedOption
from infra.local.errors import LocalError

if TYPE_CHECKING:
    from gateways.client.horizon import HorizonClient
    from gateways.client.keychain import KeyChainClient
    from gateways.client.keys import SigningKey
    from gateways.client.kyc import KycClient

app = typer.Typer(help="KYC: hand in forms and documents, review those of others.")

AccountOption = Annotated[str | None, typer.Option("--account", help="G..., if not the key's own.")]
RoleArgument = Annotated[
    str, typer.Argument(metavar="ROLE", help="The account role: its number, or its name.")
]
CaseArgument = Annotated[str, typer.Argument(metavar="CASE", help="The number of the request.")]


@dataclass(frozen=True, slots=True)
class Services:
    """Clients that sign by one key. `account`: for whom."""

    kyc: "KycClient"
    keychain: "KeyChainClient"
    horizon: "HorizonClient"
    key: "SigningKey"
    account: str


@contextmanager
def open_services(
    endpoints: Path | None, seed_file: Path | None, account: str | None = None
) -> Iterator[Services]:
    """Of a deployment's endpoints."""
    from gateways.client.horizon import HorizonClient
    from gateways.client.keychain import KeyChainClient
    from gateways.client.keys import get_address
    from gateways.client.kyc import KycClient

    with user_io.errors(), ExitStack() as stack:
        known = user_io.read_endpoints(endpoints)
        urls = [next(iter(known.get(name, ())), None) for name in ("api", "keychain", "horizon")]
        if not all(urls):
            raise LocalError("which deployment? give --endpoints of one with identity services")
        key = user_io.read_key(seed_file)
        kyc, keychain, horizon = (
            stack.enter_context(kind(url, key))
            for kind, url in zip((KycClient, KeyChainClient, HorizonClient), urls, strict=True)
        )
        yield Services(kyc, keychain, horizon, key, account or get_address(key))


@app.command("form")
def show_form(
    role: RoleArgument, endpoints: EndpointsOption = None, seed_file: SeedOption = None
) -> None:
    """Show what a role wants to know: the schema of its form, and the documents."""
    with open_services(endpoints, seed_file) as services:
        user_io.print_document(services.kyc.find_form(_find_role(services, role)))


@app.command("publish")
def publish_form(
    role: RoleArgument,
    file: Annotated[Path, typer.Argument(help="JSON: schema, class, documents, days_valid.")],
    endpoints: EndpointsOption = None,
    seed_file: SeedOption = None,
    as_json: JsonOption = False,
) -> None:
    """Publish a new version of a role's form, as an administrator."""
    with open_services(endpoints, seed_file) as services:
        content = {**user_io.read_json(file), "role_id": _find_role(services, role)}
        made = services.kyc.publish_form(content)
        version = made["attributes"]["version"]
        user_io.show({"form": made["id"], "version": version}, as_json=as_json)


@app.command("submit")
def submit(
    role: RoleArgument,
    form: Annotated[Path, typer.Argument(help="The filled-in form, JSON.")],
    document: Annotated[
        list[str] | None, typer.Option(metavar="NAME=FILE", help="A document that the form names.")
    ] = None,
    again: Annotated[
        str | None, typer.Option("--again", help="The rejected case that this one replaces.")
    ] = None,
    valid_until: Annotated[str | None, typer.Option(help="When it ends, YYYY-MM-DD.")] = None,
    account: AccountOption = None,
    endpoints: EndpointsOption = None,
    seed_file: SeedOption = None,
    as_json: JsonOption = False,
) -> None:
    """Encrypt a form with documents, hand them in, and ask for the role on the ledger."""
    from gateways.client import submission
    from gateways.client.papers import hand_in, make_request
    from schemas.strkey import decode_account_id

    papers = dict(_read_pair(each) for each in document or ())
    with (
        open_services(endpoints, seed_file, account) as services,
        tempfile.TemporaryDirectory(prefix="tokend-kyc-") as folder,
    ):
        handed = hand_in(
            services.kyc,
            services.keychain,
            services.account,
            _find_role(services, role),
            user_io.read_json(form),
            papers,
            Path(folder),
            valid_until,
        )
        own = decode_account_id(services.account)
        body = make_request(own, handed, int(again or 0))
        result = submission.submit(services.horizon, services.key, (body,), own)
        shown = {
            "commitment": handed.commitment.hex(),
            "ledger": result["ledger_sequence"],
            "transaction": result["hash"],
        }
        user_io.show(shown, as_json=as_json)


@app.command("status")
def show_status(
    account: AccountOption = None,
    endpoints: EndpointsOption = None,
    seed_file: SeedOption = None,
    as_json: JsonOption = False,
) -> None:
    """Show what became of what an account has handed in, with the reasons of a rejection."""
    with open_services(endpoints, seed_file, account) as services:
        _show_cases(services.kyc.list_cases(services.account), as_json=as_json)


@app.command("list")
def list_cases(
    state: Annotated[str, typer.Option(help="SUBMITTED, REJECTED, APPROVED, ...; empty: all.")] = (
        "SUBMITTED"
    ),
    endpoints: EndpointsOption = None,
    seed_file: SeedOption = None,
    as_json: JsonOption = False,
) -> None:
    """List the cases of all accounts, as an administrator."""
    with open_services(endpoints, seed_file) as services:
        filters = {"filter[state]": state} if state else {}
        _show_cases(services.kyc.list_cases(None, filters), as_json=as_json)


@app.command("show")
def show_case(
    case: CaseArgument,
    endpoints: EndpointsOption = None,
    seed_file: SeedOption = None,
    as_json: JsonOption = False,
) -> None:
    """Show a case, and what its codes mean."""
    from gateways.identity.reasons import MEANINGS, Reason

    with open_services(endpoints, seed_file) as services:
        attributes = services.kyc.get_case(case)
    if as_json:
        print_json(attributes)
        return
    user_io.show(attributes, as_json=False)
    for code in (*attributes["reasons"], *(attributes["checks"] or ())):
        name = code.partition(":")[0]
        print_text(f"{code}: {MEANINGS[Reason(name)] if name in Reason.__members__ else ''}")


@app.command("open")
def open_case(
    case: CaseArgument,
    out: Annotated[Path, typer.Option(help="A new folder for the pictures.")],
    sanctions: Annotated[
        Path | None, typer.Option(help="A list of names: show whom the person's is like.")
    ] = None,
    endpoints: EndpointsOption = None,
    seed_file: SeedOption = None,
) -> None:
    """Open a case here: print the form, and draw the documents as pictures into a folder."""
    from gateways.client import reviews
    from gateways.client.previews import make_previews

    with open_services(endpoints, seed_file) as services:
        request = reviews.read_request(services.horizon, case)
        shown = reviews.read_submission(services.kyc, request)
        fields = reviews.open_form(services.keychain, shown)
        documents = reviews.open_documents(services.kyc, services.keychain, shown)
        out.mkdir(mode=0o700)
        print_json(fields)
        if sanctions is not None:
            _show_hits(sanctions, fields)
        for slot, content in documents.items():
            for number, picture in enumerate(make_previews(content), 1):
                file = out / f"{slot}-{number}.png"
                file.touch(mode=0o600)
                file.write_bytes(picture)
                print_text(str(file))


@app.command("approve")
def approve(
    case: CaseArgument,
    is_unchecked: Annotated[
        bool, typer.Option("--unchecked", help="Also where the checker has not looked yet.")
    ] = False,
    endpoints: EndpointsOption = None,
    seed_file: SeedOption = None,
    as_json: JsonOption = False,
) -> None:
    """Approve a case, once everything is what its request commits to."""
    from gateways.client import reviews, submission

    with open_services(endpoints, seed_file) as services:
        request = reviews.read_request(services.horizon, case)
        shown = reviews.read_submission(services.kyc, request)
        reviews.compare_all(services.kyc, shown)
        tasks = request.pending_tasks if is_unchecked else None
        made = reviews.make_approval(request, tasks)
        result = submission.submit(services.horizon, services.key, (made,), request.reviewer)
        user_io.show_result(result, as_json=as_json)


@app.command("reject")
def reject(
    case: CaseArgument,
    reason: Annotated[list[str], typer.Option(help="A code, as NOT_LEGIBLE; may be repeated.")],
    is_for_good: Annotated[bool, typer.Option("--for-good", help="It cannot be mended.")] = False,
    endpoints: EndpointsOption = None,
    seed_file: SeedOption = None,
    as_json: JsonOption = False,
) -> None:
    """Give a case back to the person, with codes that say why."""
    from gateways.client import reviews, submission

    with open_services(endpoints, seed_file) as services:
        request = reviews.read_request(services.horizon, case)
        made = reviews.make_rejection(request, reason, is_for_good=is_for_good)
        result = submission.submit(services.horizon, services.key, (made,), request.reviewer)
        user_io.show_result(result, as_json=as_json)


@app.command("erase")
def erase(
    account: AccountOption = None,
    endpoints: EndpointsOption = None,
    seed_file: SeedOption = None,
    as_json: JsonOption = False,
) -> None:
    """Have everything erased that is known of an account's people; again shows how far it is."""
    with open_services(endpoints, seed_file, account) as services:
        user_io.show(services.kyc.ask_for_erasure(services.account), as_json=as_json)


@app.command("hold")
def hold(
    account: Annotated[str, typer.Argument(help="G...")],
    reason: Annotated[str, typer.Argument(help="A code, as RETENTION_OF_FIVE_YEARS.")],
    until: Annotated[str, typer.Argument(help="The day from which on it is over, YYYY-MM-DD.")],
    endpoints: EndpointsOption = None,
    seed_file: SeedOption = None,
    as_json: JsonOption = False,
) -> None:
    """Keep an account's data until a day, because the law says so: an erasure waits for it."""
    with open_services(endpoints, seed_file) as services:
        user_io.show(services.kyc.hold(account, reason, until), as_json=as_json)


@app.command("release")
def release(
    account: Annotated[str, typer.Argument(help="G...")],
    endpoints: EndpointsOption = None,
    seed_file: SeedOption = None,
) -> None:
    """End a hold: what waits is erased now."""
    with open_services(endpoints, seed_file) as services:
        services.kyc.release_hold(account)


def _find_role(services: Services, role: str) -> str:
    if role.isdecimal():
        return role
    document = services.horizon.get(f"/v3/key-values/account_role:{role}")
    return str(document["data"]["attributes"]["value"])


def _read_pair(text: str) -> tuple[str, Path]:
    name, equals, file = text.partition("=")
    if not equals:
        raise typer.BadParameter("expected NAME=FILE", param_hint="--document")
    if not Path(file).is_file():
        raise LocalError(f"{file}: there is no such file")
    return name, Path(file)


def _show_cases(cases: list[dict[str, Any]], *, as_json: bool) -> None:
    if as_json:
        print_json([{"id": each["id"], **each["attributes"]} for each in cases])
        return
    for each in cases:
        shown = each["attributes"]
        notes = [*shown["reasons"], *(shown["checks"] or ())]
        notes += ["waits for a scanner"] if shown["awaits_scan"] else []
        notes += ["held"] if shown["is_held"] else []
        print_text(f"{each['id']:>8}  {shown['state']:<10} {shown['kind']:<13} {' '.join(notes)}")


def _show_hits(file: Path, fields: dict[str, Any]) -> None:
    from gateways.checker.sanctions import SanctionsList

    names = SanctionsList(user_io.read_file(file).splitlines())
    words = " ".join(str(fields.get(each, "")) for each in ("first_name", "last_name"))
    for hit in names.find(words):
        print_text(f"like {hit.entry}: {hit.score}")
