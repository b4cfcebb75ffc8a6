"""Verbs of the Notificator, by its private port: `tokend notify` and `tokend subscriptions`."""

import json
import secrets
import time
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from infra.cli.deployments import DataOption, get_root
from infra.cli.output import JsonOption, print_json, print_text
from infra.local.errors import Fault, LocalError

if TYPE_CHECKING:
    from infra.local.place import Place

notify = typer.Typer(help="Messages: send, look, send again.")
subscriptions = typer.Typer(help="Durable webhooks for integrators.")

IdArgument = Annotated[str, typer.Argument(help="A subscription, sub_...")]
DataJson = Annotated[str, typer.Option("--values", help="A JSON object for the template.")]
ANSWER_S = 20.0


def ask(place: "Place", method: str, path: str, content: Any = None) -> Any:
    """By whichever instance answers. Raises LocalError."""
    import httpx2

    from infra.local.network import NOTIFICATORS
    from infra.local.notifications import get_token_file

    headers = {"Authorization": f"Bearer {get_token_file(place).read_text().strip()}"}
    for name in NOTIFICATORS:
        url = place.get_url(f"{name}.http") + path
        try:
            answer = httpx2.request(
                method, url, headers=headers, json=content, timeout=ANSWER_S, trust_env=False
            )
        except httpx2.TransportError:
            continue
        if answer.status_code == 200:
            return answer.json()
        raise LocalError(answer.json()["error"])
    raise LocalError("no notificator answers: see `tokend status`", fault=Fault.OTHER)


def _open(data: Path | None) -> "Place":
    from infra.local import shutdown

    return shutdown.open_deployment(get_root(data))


def _read_values(text: str) -> dict[str, Any]:
    try:
        values = json.loads(text)
    except ValueError:
        values = None
    if not isinstance(values, dict):
        raise typer.BadParameter("give a JSON object", param_hint="--values")
    return values


def _print(answer: Any, *, as_json: bool) -> None:
    """A table of lines for people."""
    if as_json:
        print_json(answer)
        return
    for row in answer if isinstance(answer, list) else [answer]:
        print_text("  ".join(f"{key}={_shorten(value)}" for key, value in row.items()))


def _shorten(value: Any) -> str:
    return json.dumps(value) if isinstance(value, dict | list) else str(value)


@notify.command()
def send(
    type_: Annotated[str, typer.Argument(metavar="TYPE", help="A type of message.")],
    account: Annotated[str, typer.Argument(help="Whom it is for, G...")],
    values: DataJson = "{}",
    token: Annotated[str | None, typer.Option(help="Its name: the same twice is one.")] = None,
    locale: Annotated[str, typer.Option(help="A language; else the recipient's.")] = "",
    data: DataOption = None,
    as_json: JsonOption = False,
) -> None:
    """Ask for one message on the operator's topic, as services do on theirs."""
    from contextlib import closing

    from infra.local.rows import OPERATOR
    from schemas.strkey import StrkeyError, decode_account_id

    place = _open(data)
    name = token or secrets.token_hex(16)
    try:
        account_id = decode_account_id(account)
    except StrkeyError:
        raise typer.BadParameter("an account is a G... key", param_hint="ACCOUNT") from None
    request = _make_request(type_, name, account_id, _read_values(values), locale)
    with closing(_Producer(place.get_kafka_login(OPERATOR))) as producer:
        producer.produce(name, request)
    _print({"type": type_, "token": name}, as_json=as_json)


def _make_request(
    type_: str, token: str, account_id: Any, values: dict[str, Any], locale: str
) -> bytes:
    from schemas.codec import frame
    from schemas.generated.events import AccountRecipient, NotificationRequest

    content = json.dumps(values).encode()
    recipient, now_ms = AccountRecipient(account_id), time.time_ns() // 1_000_000
    return frame(NotificationRequest(type_, token, recipient, locale, content, None, now_ms))


class _Producer:
    """To the operator's topic; a record is durable when `produce` returns. Raises LocalError."""

    def __init__(self, kafka: Any) -> None:
        from confluent_kafka import Producer

        self._producer = Producer({**kafka.get_client_settings(), "log_level": 0})

    def produce(self, key: str, record: bytes) -> None:
        from schemas.topics import OPERATOR_NOTIFICATIONS

        problems: list[str] = []

        def note(error: Any, _: Any) -> None:
            if error is not None:
                problems.append(str(error))

        self._producer.produce(OPERATOR_NOTIFICATIONS, record, key.encode(), on_delivery=note)
        left = self._producer.flush(ANSWER_S)
        if left or problems:
            raise LocalError(f"Kafka did not take it: {problems[0] if problems else 'no answer'}")

    def close(self) -> None:
        self._producer.purge()


@notify.command()
def show(
    type_: Annotated[str, typer.Argument(metavar="TYPE", help="A type of message.")],
    token: Annotated[str, typer.Argument(help="Its token.")],
    data: DataOption = None,
    as_json: JsonOption = False,
) -> None:
    """Show where a message stands, and every call that was made for it."""
    answer = ask(_open(data), "GET", f"/v1/messages/{type_}/{token}")
    _print(answer, as_json=as_json)


@notify.command()
def dead(
    limit: Annotated[int, typer.Option(min=1, max=500, help="The most to show.")] = 50,
    data: DataOption = None,
    as_json: JsonOption = False,
) -> None:
    """List messages that will not be sent, newest first, and records that nobody could read."""
    answer = ask(_open(data), "GET", f"/v1/dead?limit={limit}")
    if as_json:
        print_json(answer)
        return
    for row in answer["messages"]:
        print_text(f"{row['id']}  {row['type']}  {row['token']}  {row['state']}  {row['reason']}")
    for row in answer["unreadable"]:
        print_text(f"unreadable  {row['source']}  {row['digest'][:16]}  {row['reason']}")


@notify.command()
def redrive(
    id_: Annotated[int | None, typer.Argument(metavar="ID", help="One, by its number.")] = None,
    type_: Annotated[str | None, typer.Option("--type", help="All of a type.")] = None,
    reason: Annotated[str | None, typer.Option(help="All that are dead for a reason.")] = None,
    all_: Annotated[bool, typer.Option("--all", help="All of them.")] = False,
    data: DataOption = None,
    as_json: JsonOption = False,
) -> None:
    """Send dead messages after all."""
    content = {"id": id_, "type": type_, "reason": reason, "all": all_}
    _print(ask(_open(data), "POST", "/v1/redrive", content), as_json=as_json)


@notify.command()
def preview(
    type_: Annotated[str, typer.Argument(metavar="TYPE", help="A type of message.")],
    locale: Annotated[str, typer.Option(help="en or de.")] = "en",
    values: DataJson = "{}",
    html: Annotated[bool, typer.Option("--html", help="The page instead of the text.")] = False,
    data: DataOption = None,
    as_json: JsonOption = False,
) -> None:
    """Show a message as it would be sent, with the template's example for what is not given."""
    content = {"type": type_, "locale": locale, "data": _read_values(values)}
    answer = ask(_open(data), "POST", "/v1/preview", content)
    if as_json:
        print_json(answer)
    else:
        print_text(answer["html"] if html else f"{answer['subject']}\n\n{answer['text']}")


@notify.command()
def providers(data: DataOption = None, as_json: JsonOption = False) -> None:
    """List providers, and whether their circuits are closed."""
    _print(ask(_open(data), "GET", "/v1/providers"), as_json=as_json)


@notify.command()
def choose(
    account: Annotated[str, typer.Argument(help="An account, G...")],
    types: Annotated[list[str] | None, typer.Argument(help="Types of events; none: none.")] = None,
    data: DataOption = None,
    as_json: JsonOption = False,
) -> None:
    """Say of which events of the ledger an account is told."""
    content = {"types": types or []}
    answer = ask(_open(data), "PUT", f"/v1/accounts/{account}/choices", content)
    _print(answer, as_json=as_json)


@subscriptions.command("add")
def add_subscription(
    url: Annotated[str, typer.Argument(help="Where webhooks are posted, https://...")],
    account: Annotated[list[str] | None, typer.Option(help="Only of these accounts.")] = None,
    type_: Annotated[list[str] | None, typer.Option("--type", help="Only these types.")] = None,
    asset: Annotated[list[str] | None, typer.Option(help="Only of these assets.")] = None,
    start_ledger: Annotated[int | None, typer.Option(min=1, help="Else the next one.")] = None,
    data: DataOption = None,
    as_json: JsonOption = False,
) -> None:
    """Subscribe; prints the secret that signs the webhooks, which is never shown again."""
    filters = {"accounts": account or [], "types": type_ or [], "assets": asset or []}
    content = {"url": url, "filters": filters, "start_ledger": start_ledger}
    _print(ask(_open(data), "POST", "/v1/subscriptions", content), as_json=as_json)


@subscriptions.command("list")
def list_subscriptions(data: DataOption = None, as_json: JsonOption = False) -> None:
    """List all subscriptions and where they stand."""
    _print(ask(_open(data), "GET", "/v1/subscriptions"), as_json=as_json)


@subscriptions.command("show")
def show_subscription(
    id_: IdArgument, data: DataOption = None, as_json: JsonOption = False
) -> None:
    """Show one: its cursor is the last ledger that was delivered."""
    _print(ask(_open(data), "GET", f"/v1/subscriptions/{id_}"), as_json=as_json)


@subscriptions.command("redeliver")
def redeliver(
    id_: IdArgument,
    from_ledger: Annotated[int | None, typer.Option(min=1, help="Else where it was.")] = None,
    data: DataOption = None,
    as_json: JsonOption = False,
) -> None:
    """Deliver again from a ledger on; also one that was disabled."""
    content = {"from_ledger": from_ledger}
    path = f"/v1/subscriptions/{id_}/redeliver"
    _print(ask(_open(data), "POST", path, content), as_json=as_json)


@subscriptions.command("remove")
def remove_subscription(
    id_: IdArgument, data: DataOption = None, as_json: JsonOption = False
) -> None:
    """End a subscription."""
    _print(ask(_open(data), "DELETE", f"/v1/subscriptions/{id_}"), as_json=as_json)
