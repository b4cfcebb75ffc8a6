"""Our adapters say to providers what the official libraries say, and read what they answer."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import replace
from typing import Any, TypeVar

import httpx2
import mailgun.client
import pytest
import twilio.rest
from twilio.http.http_client import TwilioHttpClient

from processors.notificator.channels.base import (
    Fate,
    Letter,
    Outcome,
    Provider,
    Verdict,
    is_valid_address,
)
from processors.notificator.channels.mailgun import Mailgun
from processors.notificator.channels.smtp import Smtp
from processors.notificator.channels.twilio import Twilio
from processors.notificator.config import MailgunSettings, SmtpSettings, TwilioSettings
from processors.notificator.message_types import Channel
from schemas.settings import Secret
from tests.support.sandbox import DOMAIN, SID, Mood, Sandbox

T = TypeVar("T")
SENDER = "Tokend <noreply@example.org>"
LETTER = Letter(
    key="0123456789abcdef",
    type="message",
    to="anna@example.org",
    subject="Ünder way",
    text="Text\n",
    html="<p>Text</p>",
    sms="Short",
    asked_at=1_700_000_000,
    unsubscribe="<mailto:noreply@example.org?subject=unsubscribe>",
)
TEXT = Letter("k", "sms_code", "+491700000000", "S", "T", "H", "482913 is it", 1_700_000_000)


def use(
    make: Callable[[httpx2.AsyncClient], Provider], act: Callable[[Provider], Awaitable[T]]
) -> T:
    async def run() -> T:
        async with httpx2.AsyncClient(trust_env=False) as client:
            return await act(make(client))

    return asyncio.run(run())


def send(make: Callable[[httpx2.AsyncClient], Provider], letter: Letter) -> Outcome:
    return use(make, lambda provider: provider.send(letter))


def search(make: Callable[[httpx2.AsyncClient], Provider], letter: Letter) -> Outcome | None:
    return use(make, lambda provider: provider.search(letter))


def make_mailgun(sandbox: Sandbox) -> Callable[[httpx2.AsyncClient], Provider]:
    settings = MailgunSettings(domain=DOMAIN, api_key=Secret("key"), url=sandbox.url)
    return lambda client: Mailgun(settings, SENDER, client, 3)


def make_twilio(sandbox: Sandbox) -> Callable[[httpx2.AsyncClient], Provider]:
    settings = TwilioSettings(
        account_sid=SID, auth_token=Secret("token"), sender="+491700000001", url=sandbox.url
    )
    return lambda client: Twilio(settings, client, 3)


def test_mailgun_is_told_what_its_library_tells(sandbox: Sandbox) -> None:
    outcome = use(make_mailgun(sandbox), lambda provider: provider.send(LETTER))
    assert (outcome.verdict, outcome.provider_id) == (
        Verdict.ACCEPTED,
        f"<0123456789abcdef@{DOMAIN}>",
    )
    ours = sandbox.letters[-1]
    official = mailgun.client.Client(auth=("api", "key"), api_url=sandbox.url)
    data = {
        "from": SENDER,
        "to": LETTER.to,
        "subject": LETTER.subject,
        "text": LETTER.text,
        "html": LETTER.html,
        "o:tag": LETTER.type,
        "o:tracking": "no",
        "h:Message-Id": f"<{LETTER.key}@{DOMAIN}>",
        "h:List-Unsubscribe": LETTER.unsubscribe,
        "v:key": LETTER.key,
    }
    official.messages.create(data=data, domain=DOMAIN)
    theirs = sandbox.letters[-1]
    assert theirs is not ours
    assert ours.fields == theirs.fields
    for name in ("authorization", "content-type"):
        assert ours.headers[name].partition(";")[0] == theirs.headers[name].partition(";")[0]


def test_twilio_is_told_what_its_library_tells(sandbox: Sandbox) -> None:
    outcome = use(make_twilio(sandbox), lambda provider: provider.send(TEXT))
    assert outcome.verdict is Verdict.ACCEPTED
    ours = sandbox.letters[-1]

    class Redirected(TwilioHttpClient):  # type: ignore[misc]  # it has no types
        def request(self, method: str, url: str, *args: Any, **more: Any) -> Any:
            local = url.replace("https://api.twilio.com", sandbox.url)
            return super().request(method, local, *args, **more)

    official = twilio.rest.Client(SID, "token", http_client=Redirected())
    official.messages.create(to=TEXT.to, from_="+491700000001", body=TEXT.sms)
    theirs = sandbox.letters[-1]
    assert theirs is not ours
    assert ours.fields == theirs.fields
    for name in ("authorization", "content-type"):
        assert ours.headers[name] == theirs.headers[name]


@pytest.mark.parametrize(
    ("mood", "verdict"),
    [
        (Mood.GOOD, Verdict.ACCEPTED),
        (Mood.LIMITED, Verdict.UNAVAILABLE),
        (Mood.AWAY, Verdict.UNAVAILABLE),
        (Mood.BROKEN, Verdict.UNKNOWN),
        (Mood.REFUSING, Verdict.REFUSED),
        (Mood.TAKEN_DROPPED, Verdict.UNKNOWN),
        (Mood.TAKEN_WRONG, Verdict.UNKNOWN),
        (Mood.SLOW, Verdict.UNKNOWN),
    ],
)
def test_what_an_answer_means(sandbox: Sandbox, mood: Mood, verdict: Verdict) -> None:
    sandbox.slow_s = 4.0
    for make, letter in ((make_mailgun, LETTER), (make_twilio, TEXT)):
        name = make.__name__.removeprefix("make_")
        sandbox.moods[name] = [mood]
        outcome = send(make(sandbox), letter)
        assert outcome.verdict is verdict, name
        if mood is Mood.LIMITED:
            assert outcome.retry_after_s == 1
        is_bad_number = mood is Mood.REFUSING and name == "twilio"
        assert outcome.is_address_bad is is_bad_number


def test_a_provider_that_is_not_there_has_taken_nothing() -> None:
    away = Sandbox(url="http://127.0.0.1:1")
    for make, letter in ((make_mailgun, LETTER), (make_twilio, TEXT)):
        outcome = send(make(away), letter)
        assert outcome.verdict is Verdict.UNAVAILABLE
    smtp = SmtpSettings(host="127.0.0.1", port=1, security="none")
    outcome = use(lambda _: Smtp(smtp, SENDER, 3), lambda provider: provider.send(LETTER))
    assert outcome.verdict is Verdict.UNAVAILABLE


def test_books_are_searched(sandbox: Sandbox) -> None:
    new = replace(LETTER, key="searched"), replace(TEXT, sms="searched")
    for make, letter in zip((make_mailgun, make_twilio), new, strict=True):
        before = search(make(sandbox), letter)
        assert before is not None
        assert before.verdict is Verdict.REFUSED
        send(make(sandbox), letter)
        after = search(make(sandbox), letter)
        assert after is not None
        assert after.verdict is Verdict.ACCEPTED


@pytest.mark.parametrize(
    ("status", "fate"),
    [
        ("queued", Fate.UNDER_WAY),
        ("delivered", Fate.DELIVERED),
        ("failed", Fate.FAILED),
        ("complained", Fate.COMPLAINED),
    ],
)
def test_fates_are_asked(sandbox: Sandbox, status: str, fate: Fate) -> None:
    use(make_mailgun(sandbox), lambda provider: provider.send(LETTER))
    sandbox.letters[-1].status = status
    found = use(make_mailgun(sandbox), lambda provider: provider.get_fate(LETTER.key, None))
    assert found is fate


ADDRESSES = (
    *("a@example.org\r\nBcc: x@example.org", "a@example.org, b@example.org", "a@b", "@x.org"),
    *("a b@example.org", "<a@example.org>", "a@example.org>", 'A "x" <a@example.org>', ""),
    *("a@exam\u0430ple.org", "a@example.org\n", "a" * 250 + "@example.org", "a@[127.0.0.1]"),
)


@pytest.mark.parametrize("address", ADDRESSES)
def test_an_address_is_one_address(address: str) -> None:
    assert not is_valid_address(Channel.EMAIL, address)


@pytest.mark.parametrize("number", ["1", "+0123456789", "+49 170", "+49170000000000000", "+491\n"])
def test_a_number_is_one_number(number: str) -> None:
    assert not is_valid_address(Channel.SMS, number)


def test_no_header_can_be_injected_by_smtp() -> None:
    smtp = Smtp(SmtpSettings(host="x", port=1), SENDER, 3)
    message = smtp.make_message(LETTER)
    assert message["Message-ID"] == "<0123456789abcdef@example.org>"
    assert message["Subject"] == "Ünder way"
    assert [part.get_content_type() for part in message.iter_parts()] == ["text/plain", "text/html"]
    evil = "a@example.org\r\nBcc: evil@example.org"
    for letter in (
        replace(LETTER, subject=evil),
        replace(LETTER, to=evil),
        replace(LETTER, unsubscribe=evil),
    ):
        with pytest.raises(ValueError, match=r"(?i)linefeed|CR|invalid|newline"):
            smtp.make_message(letter)
