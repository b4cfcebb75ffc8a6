"""The demo's part about messages: a payment reaches a signed webhook, and the mail page while the
first provider of e-mail is down. The demo plays both: the receiver and the provider that fails.
"""

import contextlib
import imaplib
import json
import re
import threading
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import httpx2
from standardwebhooks.webhooks import Webhook, WebhookVerificationError

from infra.local.folders import write_private
from infra.local.mail_catcher import MAILBOX

EVENT = "payment_received"
HOOK = "/hook"
CODE = re.compile(r"^Subject: Your code: (\d+)", re.MULTILINE)


@dataclass
class Outside:
    """What stands outside of the network: it took `webhooks`, and refused `refused` e-mails."""

    webhooks: list[tuple[bytes, dict[str, str]]] = field(default_factory=list)
    refused: int = 0


@contextlib.contextmanager
def play_outside(address: str) -> Iterator[Outside]:
    """Webhooks are taken at `HOOK`; every other request finds a provider that is down (503)."""
    outside = Outside()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            content = self.rfile.read(int(self.headers.get("content-length", "0")))
            is_hook = self.path == HOOK
            if is_hook:
                outside.webhooks.append((content, dict(self.headers)))
            else:
                outside.refused += 1
            self.send_response(204 if is_hook else 503)
            self.end_headers()

        do_GET = do_POST  # noqa: N815

        def log_message(self, *_: Any) -> None:
            return

    host, _, port = address.rpartition(":")
    server = ThreadingHTTPServer((host, int(port)), Handler)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield outside
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


class Messages:
    """The Notificator and the mail catcher of a deployment, by its endpoints.json."""

    def __init__(self, endpoints: Mapping[str, Any]) -> None:
        self._notificators = endpoints["notificators"]
        self._mail = endpoints["mail"]
        self.demo: str = self._notificators["demo"]
        self.page: str = self._mail["page"]

    def tell_address(self, account: str, email: str) -> None:
        """From now on the account's messages go there."""
        file = Path(self._notificators["contacts_file"])
        contacts = json.loads(file.read_text())
        contacts[account] = {"email": email}
        write_private(file, json.dumps(contacts).encode())

    def choose(self, account: str) -> None:
        """The account wants to hear of payments that it receives."""
        self._ask("PUT", f"/v1/accounts/{account}/choices", {"types": [EVENT]})

    def subscribe(self, account: str) -> str:
        """Webhooks of the account's payments; the secret that signs them."""
        content = {
            "url": f"http://{self.demo}{HOOK}",
            "filters": {"accounts": [account], "types": [EVENT]},
        }
        secret: str = self._ask("POST", "/v1/subscriptions", content)["secret"]
        return secret

    def _ask(self, method: str, path: str, content: Any) -> Any:
        token = Path(self._notificators["token_file"]).read_text().strip()
        headers = {"Authorization": f"Bearer {token}"}
        url = self._notificators["urls"][0] + path
        answer = httpx2.request(method, url, headers=headers, json=content, trust_env=False)
        answer.raise_for_status()
        return answer.json()

    def has_mail(self, subject: str) -> bool:
        """Whether a message of that subject is on the mail page."""
        return bool(self._search("SUBJECT", f'"{subject}"'))

    def find_code(self, email: str) -> str | None:
        """The newest code that was mailed to an address."""
        found = self._search("TO", f'"{email}"', "SUBJECT", '"Your code"')
        codes = [match[1] for text in found if (match := CODE.search(text))]
        return codes[-1] if codes else None

    def _search(self, *criteria: str) -> list[str]:
        """The heads of messages, oldest first."""
        host, _, port = self._mail["imap"].rpartition(":")
        password = Path(self._mail["password_file"]).read_text().strip()
        with imaplib.IMAP4(host, int(port), timeout=10) as mailbox:
            mailbox.login(MAILBOX, password)
            mailbox.select("INBOX", readonly=True)
            _, found = mailbox.search(None, *criteria)
            parts = [mailbox.fetch(number, "(RFC822)")[1][0] for number in found[0].split()]
        return [part[1].decode(errors="replace") for part in parts if isinstance(part, tuple)]


def is_told(outside: Outside, secret: str, amount: str) -> bool:
    """Whether a webhook that is signed by `secret` told of a payment of `amount`."""
    for content, headers in list(outside.webhooks):
        with contextlib.suppress(WebhookVerificationError):
            batch = Webhook(secret).verify(content, headers)
            if any(event["data"]["amount"] == amount for event in batch["events"]):
                return True
    return False


def tell_story(
    messages: Messages,
    account: str,
    pay: Callable[[], None],
    wait: Callable[[Callable[[], bool], str], None],
    amount: str,
    asset: str,
) -> str:
    """The whole part; one line of what happened. `pay` pays `amount` to `account`."""
    with play_outside(messages.demo) as outside:
        messages.tell_address(account, "bob@example.org")
        messages.choose(account)
        secret = messages.subscribe(account)
        pay()
        wait(lambda: is_told(outside, secret, amount), "a signed webhook tells of the payment")
        subject = f"You received {amount} {asset}"
        wait(lambda: messages.has_mail(subject), "the mail page shows the message")
        wait(lambda: outside.refused > 0, "the first provider of e-mail was asked")
    return f"webhook verified; '{subject}' came by the second provider: {messages.page}"
