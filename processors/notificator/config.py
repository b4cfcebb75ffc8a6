"""Settings of the Notificator."""

from typing import Annotated, Literal

import msgspec

from processors.ledger_feed.settings import FeedSettings
from schemas.settings import DatabaseSettings, Secret, Settings

Seconds = Annotated[float, msgspec.Meta(gt=0)]
Count = Annotated[int, msgspec.Meta(ge=1)]


class HttpSettings(Settings, frozen=True):
    """The private port: HOST:PORT, and the bearer token that all but /health wants."""

    listen: str
    token: Secret


class MailgunSettings(Settings, frozen=True):
    """`url`: of the region, https://api.eu.mailgun.net for the European one."""

    domain: str
    api_key: Secret
    url: str = "https://api.mailgun.net"


class SmtpSettings(Settings, frozen=True):
    """`security`: how the connection is encrypted; `none` only for a server on this machine."""

    host: str
    port: int
    security: Literal["none", "starttls", "tls"] = "starttls"
    user: str | None = None
    password: Secret | None = None


class TwilioSettings(Settings, frozen=True):
    """`sender`: a phone number, or a messaging service (MG...)."""

    account_sid: str
    auth_token: Secret
    sender: str
    url: str = "https://api.twilio.com"


class EmailSettings(Settings, frozen=True):
    """`sender`: whom messages are from. `unsubscribe_url`: of API, PUBLIC_URL/v1/unsubscribe; a
    key is added.

    `providers`: in the order in which they are asked; each needs its own table.
    """

    sender: str
    providers: tuple[Literal["mailgun", "smtp"], ...]
    unsubscribe_url: str | None = None


class SmsSettings(Settings, frozen=True):
    """`countries`: beginnings of the numbers that may be written to (+49); none: no SMS at all.
    `per_day`: of all instances together.
    """

    countries: tuple[str, ...] = ()
    per_day: Count = 1_000


class WebhookSettings(Settings, frozen=True):
    """`allowed`: networks (10.1.0.0/16) or single ports (127.0.0.1:9000) that webhooks may reach
    besides the public Internet; only there without TLS. After `disable_s` of failures a
    subscription is disabled.
    """

    allowed: tuple[str, ...] = ()
    disable_s: Seconds = 3 * 86_400
    timeout_s: Seconds = 15


class EngineSettings(Settings, frozen=True):
    """`at_once`: calls to providers at the same time. `timeout_s`: of one call. `lease_s`: after
    which another instance takes over a message whose worker is silent. `pause_s`: between looks at
    an empty queue. `search_s`: how long after the end of a call of unknown outcome a provider is
    searched: it may still be working on it, and write its book later.
    `keep_s`: how long ended messages stay in the book.
    """

    at_once: Count = 32
    timeout_s: Seconds = 20
    lease_s: Seconds = 60
    pause_s: Seconds = 0.5
    search_s: Seconds = 30
    back_off_s: Seconds = 5
    back_off_max_s: Seconds = 1_800
    keep_s: Seconds = 90 * 86_400


class ApiSettings(Settings, frozen=True):
    """API's private ports, which know people's addresses: asked in turn until one answers."""

    urls: tuple[str, ...]
    token: Secret


class AlarmSettings(Settings, frozen=True):
    """`nodes`, `services`: health pages of core nodes and of others, by name, asked every
    `every_s`. `folders`: whose disks are watched. `after_s`: for how long something must be wrong
    before it is told.
    """

    nodes: dict[str, str] = msgspec.field(default_factory=dict)
    services: dict[str, str] = msgspec.field(default_factory=dict)
    folders: tuple[str, ...] = ()
    every_s: Seconds = 7.5
    after_s: Seconds = 15
    free_bytes_min: int = 1024 * 1024 * 1024


class OperatorSettings(Settings, frozen=True):
    """Who is told of alarms."""

    email: str | None = None
    phone: str | None = None
    locale: str = "en"


class NotificatorSettings(FeedSettings, frozen=True, kw_only=True):
    """`key`: encrypts what the database keeps secret; all instances have the same.

    Addresses come from `contacts_file`, JSON, {"G...": {"email": ..., "phone": ..., "locale":
    ...}}, which is read again when it changes, and then from `api`. `intake_topics`:
    SERVICE.notifications each. `receipts_topic`: None tells nobody.
    """

    http: HttpSettings
    database: DatabaseSettings
    key: Secret
    contacts_file: str
    api: ApiSettings | None = None
    intake_topics: tuple[str, ...] = ()
    receipts_topic: str | None = "notifications.receipts"
    email: EmailSettings | None = None
    sms: SmsSettings = SmsSettings()
    mailgun: MailgunSettings | None = None
    smtp: SmtpSettings | None = None
    twilio: TwilioSettings | None = None
    webhooks: WebhookSettings = WebhookSettings()
    engine: EngineSettings = EngineSettings()
    alarms: AlarmSettings = AlarmSettings()
    operators: OperatorSettings = OperatorSettings()
