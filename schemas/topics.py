"""Every topic: who writes it, who reads it, what it carries, how long it stays. One literal table.

A name with `<node>` stands for one topic per core node. Every limit on a message's size, from the
producers' to the broker's, is `MESSAGE_BYTES_MAX`. The access lists of the brokers follow from the
table (`get_grants`): what it does not grant is denied.
"""

from collections.abc import Iterator, Mapping
from enum import StrEnum
from typing import NamedTuple

MESSAGE_BYTES_MAX = 16 * 1024 * 1024
INGEST_BATCH_BYTES_MAX = 2 * 1024 * 1024  # of many envelopes: one has at most a tenth of that
FOR_EVER_MS = -1
HOUR_MS = 3_600_000
DAY_MS = 24 * HOUR_MS
NODE = "<node>"


class Role(StrEnum):
    """Whoever talks to Kafka is one of these. Every service is a user of its own name; the
    operator's clients are one user (`USERS`) unless he makes more.
    """

    CORE = "core node"
    OWN_CORE = "core node whose name the topic bears"
    HORIZON_PROCESSOR = "Horizon processor"
    HORIZON_GATEWAY = "Horizon gateway"
    NOTIFICATOR = "Notificator"
    API = "API"
    KEYSERVER = "KeyServer"
    PSIM = "PSIM: services for chains and banks"
    KYC = "KYC: cases and their checker"
    OPERATOR = "operator's verbs"
    USERS = "users: clients, members, auditors"


class Topic(NamedTuple):
    """One row. `key` and `value` name what the record's key and value are; `checkers` look at the
    topic's settings when they start. `segment_ms`: after which a file of the log ends, because only
    whole files are ever deleted; None leaves it to Kafka (a week)."""

    name: str
    writers: tuple[Role, ...]
    readers: tuple[Role, ...]
    key: str
    value: str
    partitions: int
    retention_ms: int
    has_personal_data: bool
    batch_bytes_max: int = MESSAGE_BYTES_MAX
    checkers: tuple[Role, ...] = ()
    segment_ms: int | None = None


TOPIC_SETTINGS: Mapping[str, str] = {
    # The broker's clock: a producer's could have records deleted at once, or kept for ever.
    "message.timestamp.type": "LogAppendTime",
    # The broker unpacks what producers compressed, and refuses a batch that is too large then: what
    # a reader must hold never depends on a producer.
    "compression.type": "uncompressed",
}
"""Kafka's own settings of every topic, beside its retention and size."""


def _make_intake(service: str, writer: Role) -> Topic:
    """The topic by which a service asks for messages."""
    return Topic(
        name=f"{service}.notifications",
        writers=(writer,),
        readers=(Role.NOTIFICATOR,),
        key="token, text",
        value="events.NotificationRequest, framed",
        partitions=2,
        retention_ms=7 * DAY_MS,
        has_personal_data=True,
        batch_bytes_max=1024 * 1024,
        segment_ms=DAY_MS,
    )


TOPICS = (
    Topic(
        name="transactions",
        writers=(Role.HORIZON_GATEWAY, Role.PSIM, Role.USERS),
        readers=(Role.CORE,),
        key="source account, 32 bytes",
        value="transactions.TransactionEnvelope, framed or not",
        partitions=4,
        retention_ms=DAY_MS,
        has_personal_data=False,
        batch_bytes_max=INGEST_BATCH_BYTES_MAX,
        checkers=(Role.CORE,),
    ),
    Topic(
        name="<node>.ledgers",
        writers=(Role.OWN_CORE,),
        # A node reads its own to know where to go on.
        readers=(
            *(Role.OWN_CORE, Role.HORIZON_PROCESSOR, Role.NOTIFICATOR, Role.PSIM, Role.KYC),
            Role.USERS,
        ),
        key="sequence, u64",
        value="ledger.LedgerRecord, framed",
        partitions=1,
        retention_ms=FOR_EVER_MS,
        has_personal_data=False,
    ),
    Topic(
        name="<node>.rejections",
        writers=(Role.OWN_CORE,),
        readers=(Role.HORIZON_PROCESSOR, Role.USERS),
        key="envelope hash, 32 bytes",
        value="events.Rejection, framed",
        partitions=1,
        retention_ms=HOUR_MS,
        has_personal_data=False,
    ),
    # One topic for each service that asks for messages: a record does not say who wrote it, so one
    # service could speak for another. What is personal in a request is sealed.
    _make_intake("operator", Role.OPERATOR),
    _make_intake("api", Role.API),
    _make_intake("keyserver", Role.KEYSERVER),
    Topic(
        name="notifications.receipts",
        writers=(Role.NOTIFICATOR,),
        readers=(Role.OPERATOR,),
        key="type:token, text",
        value="events.NotificationReceipt, framed",
        partitions=2,
        retention_ms=7 * DAY_MS,
        has_personal_data=False,
        batch_bytes_max=1024 * 1024,
        segment_ms=DAY_MS,
    ),
    # What instances derive and sign in a window. They are of no use after it; a restart begins
    # anew.
    Topic(
        name="psim.evidence",
        writers=(Role.PSIM,),
        readers=(Role.PSIM,),
        key="evidence key, 32 bytes",
        value="events.Evidence, framed",
        partitions=1,
        retention_ms=HOUR_MS,
        has_personal_data=False,
        batch_bytes_max=1024 * 1024,
        segment_ms=HOUR_MS,
    ),
    Topic(
        name="psim.signatures",
        writers=(Role.PSIM,),
        readers=(Role.PSIM,),
        key="evidence key, 32 bytes",
        value="events.EvidenceSignature, framed",
        partitions=1,
        retention_ms=HOUR_MS,
        has_personal_data=False,
        batch_bytes_max=1024 * 1024,
        segment_ms=HOUR_MS,
    ),
    # What each instance found the network to owe and to hold; Horizon shows what enough of them
    # agree on. Every hour at least, so a month of it is little.
    Topic(
        name="psim.reserves",
        writers=(Role.PSIM,),
        readers=(Role.PSIM, Role.HORIZON_PROCESSOR, Role.USERS),
        key="asset, text",
        value="events.SignedReserveReport, framed",
        partitions=1,
        retention_ms=30 * DAY_MS,
        has_personal_data=False,
        segment_ms=DAY_MS,
    ),
    Topic(
        name="psim.liabilities",
        writers=(Role.PSIM,),
        readers=(Role.HORIZON_PROCESSOR,),
        key="asset, text",
        value="events.ReserveLiabilities, framed",
        partitions=1,
        retention_ms=DAY_MS,
        has_personal_data=False,
        segment_ms=HOUR_MS,
    ),
    # What each instance takes for a price, and which providers it believed: kept for who asks how a
    # price came about.
    Topic(
        name="rates.quotes",
        writers=(Role.PSIM,),
        readers=(Role.PSIM, Role.OPERATOR),
        key="BASE:QUOTE, text",
        value="events.SignedRateQuote, framed",
        partitions=1,
        retention_ms=7 * DAY_MS,
        has_personal_data=False,
        batch_bytes_max=1024 * 1024,
        segment_ms=DAY_MS,
    ),
    # That a payment gateway has called. Who misses one asks a little later.
    Topic(
        name="gateway.callbacks",
        writers=(Role.API,),
        readers=(Role.PSIM,),
        key="bank:NAME, text",
        value="events.GatewayCallback, framed",
        partitions=1,
        retention_ms=HOUR_MS,
        has_personal_data=False,
        batch_bytes_max=1024 * 1024,
        segment_ms=HOUR_MS,
    ),
    Topic(
        name="psim.notifications",
        writers=(Role.PSIM,),
        readers=(Role.NOTIFICATOR,),
        key="token, text",
        value="events.NotificationRequest, framed",
        partitions=2,
        retention_ms=7 * DAY_MS,
        has_personal_data=False,
        batch_bytes_max=1024 * 1024,
        segment_ms=DAY_MS,
    ),
    # Kept for ever: cases are rebuilt from it. It has ids and codes only.
    Topic(
        name="kyc.events",
        writers=(Role.API, Role.KYC),
        readers=(Role.KYC,),
        key="account, 32 bytes",
        value="events.KycEvent, framed",
        partitions=1,
        retention_ms=FOR_EVER_MS,
        has_personal_data=False,
        batch_bytes_max=1024 * 1024,
    ),
)

SHARED_GROUPS: Mapping[Role, str] = {Role.NOTIFICATOR: "notificator."}
"""Groups that all instances of a service share begin with this, besides each one's own."""

INGEST_TOPIC = "transactions"
OPERATOR_NOTIFICATIONS = "operator.notifications"
API_NOTIFICATIONS = "api.notifications"
KEYSERVER_NOTIFICATIONS = "keyserver.notifications"
RECEIPTS_TOPIC = "notifications.receipts"
EVIDENCE_TOPIC, SIGNATURES_TOPIC = "psim.evidence", "psim.signatures"
PSIM_NOTIFICATIONS = "psim.notifications"
RESERVES_TOPIC, LIABILITIES_TOPIC = "psim.reserves", "psim.liabilities"
QUOTES_TOPIC = "rates.quotes"
CALLBACKS_TOPIC = "gateway.callbacks"
KYC_EVENTS = "kyc.events"


class Resource(StrEnum):
    """What can be granted. A group is granted by the beginning of its name."""

    TOPIC = "topic"
    GROUPS = "groups"


class Operation(StrEnum):
    """The first two include looking at the topic or group itself (Kafka's DESCRIBE)."""

    READ = "read"
    WRITE = "write"
    DESCRIBE_CONFIGS = "describe_configs"


class Grant(NamedTuple):
    """One thing that one user may do."""

    user: str
    resource: Resource
    name: str
    operation: Operation


def get_ledgers_topic(node: str) -> str:
    return f"{node}.ledgers"


def get_rejections_topic(node: str) -> str:
    return f"{node}.rejections"


def get_intake_topics() -> tuple[str, ...]:
    """Those by which services ask for messages."""
    return tuple(row.name for row in TOPICS if row.name.endswith(".notifications"))


def get_topics(nodes: tuple[str, ...]) -> tuple[Topic, ...]:
    """The table with one row per node where it says `<node>`."""
    return tuple(row for row, _ in _expand(nodes))


def get_grants(users: Mapping[str, Role]) -> tuple[Grant, ...]:
    """All that `users`, by name, may do. Core nodes are users called as they are in topics.

    Whoever reads anything may be in the groups that begin with `USER.`, and in no other but those
    that a service's instances share.
    """
    nodes = tuple(sorted(name for name, role in users.items() if role is Role.CORE))
    grants = []
    for user, role in sorted(users.items()):
        reads = False
        for topic, node in _expand(nodes):
            roles = {role, Role.OWN_CORE} if user == node else {role}
            if roles.intersection(topic.writers):
                grants.append(Grant(user, Resource.TOPIC, topic.name, Operation.WRITE))
            if roles.intersection(topic.readers):
                grants.append(Grant(user, Resource.TOPIC, topic.name, Operation.READ))
                reads = True
            if roles.intersection(topic.checkers):
                grants.append(Grant(user, Resource.TOPIC, topic.name, Operation.DESCRIBE_CONFIGS))
        if reads:
            grants.append(Grant(user, Resource.GROUPS, f"{user}.", Operation.READ))
        if role in SHARED_GROUPS:
            grants.append(Grant(user, Resource.GROUPS, SHARED_GROUPS[role], Operation.READ))
    return tuple(grants)


def _expand(nodes: tuple[str, ...]) -> Iterator[tuple[Topic, str | None]]:
    """Every topic there is, with the node whose name it bears."""
    for topic in TOPICS:
        if NODE in topic.name:
            for node in nodes:
                yield topic._replace(name=topic.name.replace(NODE, node)), node
        else:
            yield topic, None
