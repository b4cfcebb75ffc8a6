"""E-mail by SMTP. There is no key and no search, but a letter keeps its Message-ID in every try."""

import ssl
from email.headerregistry import Address
from email.message import EmailMessage
from email.utils import formatdate, parseaddr

import aiosmtplib

from processors.notificator.channels.base import Fate, Letter, Outcome, Verdict
from processors.notificator.channels.mailgun import get_message_id
from processors.notificator.config import SmtpSettings
from processors.notificator.message_types import Channel


class Smtp:
    """`sender`: whom letters are from, "Name <address>"."""

    name = "smtp"
    channel = Channel.EMAIL
    takes_key = False
    knows_fate = False

    def __init__(self, settings: SmtpSettings, sender: str, timeout_s: float) -> None:
        self._settings = settings
        self._sender = parseaddr(sender)
        self._timeout_s = timeout_s

    def make_message(self, letter: Letter) -> EmailMessage:
        """Headers are set by a library that refuses line breaks in them."""
        name, address = self._sender
        message = EmailMessage()
        message["From"] = Address(name, addr_spec=address)
        message["To"] = Address(addr_spec=letter.to)
        message["Subject"] = letter.subject
        message["Date"] = formatdate(letter.asked_at)
        message["Message-ID"] = get_message_id(letter.key, address.rpartition("@")[2])
        message["Auto-Submitted"] = "auto-generated"
        for header, value in letter.unsubscribe_headers.items():
            message[header] = value
        message.set_content(letter.text)
        message.add_alternative(letter.html, subtype="html")
        return message

    async def send(self, letter: Letter) -> Outcome:
        message = self.make_message(letter)
        try:
            client = self._make_client()
            await client.connect()
        except (aiosmtplib.SMTPException, OSError, ssl.SSLError) as error:
            return Outcome(Verdict.UNAVAILABLE, _get_code(error))
        try:
            return await self._hand_over(client, message)
        finally:
            client.close()

    async def _hand_over(self, client: aiosmtplib.SMTP, message: EmailMessage) -> Outcome:
        """What the server refuses before the text has been sent was surely not taken."""
        try:
            await client.send_message(message)
        except aiosmtplib.SMTPRecipientsRefused as error:
            code = min(each.code for each in error.recipients)
            if code >= 500:
                return Outcome(Verdict.REFUSED, f"SMTP_{code}", is_address_bad=True)
            return Outcome(Verdict.UNAVAILABLE, f"SMTP_{code}")
        except aiosmtplib.SMTPResponseException as error:
            verdict = Verdict.REFUSED if error.code >= 500 else Verdict.UNAVAILABLE
            return Outcome(verdict, f"SMTP_{error.code}")
        except (aiosmtplib.SMTPException, OSError) as error:
            return Outcome(Verdict.UNKNOWN, _get_code(error))
        return Outcome(Verdict.ACCEPTED)

    def _make_client(self) -> aiosmtplib.SMTP:
        settings = self._settings
        return aiosmtplib.SMTP(
            hostname=settings.host,
            port=settings.port,
            username=settings.user,
            password=None if settings.password is None else settings.password.reveal(),
            use_tls=settings.security == "tls",
            start_tls=settings.security == "starttls",
            timeout=self._timeout_s,
        )

    async def search(self, letter: Letter) -> Outcome | None:
        return None

    async def get_fate(self, key: str, provider_id: str | None) -> Fate:
        return Fate.UNDER_WAY


def _get_code(error: Exception) -> str:
    return f"SMTP_{type(error).__name__.removeprefix('SMTP').upper()}"[:64]
