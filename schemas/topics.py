"""Every topic: who writes it, who reads it, what it carries, how long it stays. One literal table.

A name with `<node>` stands for one topic per core node. Every limit on a message's size, from the
producers' to the broker's, is `MESSAGE_BYTES_MAX`.
"""

from typing import NamedTuple

MESSAGE_BYTES_MAX = 16 * 1024 * 1024
FOR_EVER_MS = -1
HOUR_MS = 3_600_000
DAY_MS = 24 * HOUR_MS


class Topic(NamedTuple):
    """One row. `key` and `value` name what the record's key and value are."""

    name: str
    writers: str
    readers: str
    key: str
    value: str
    partitions: int
    retention_ms: int
    has_personal_data: bool


TOPICS = (
    Topic(
        name="transactions",
        writers="users and gateways",
        readers="core nodes, each with its own offsets",
        key="source account, 32 bytes",
        value="transactions.TransactionEnvelope, framed",
        partitions=4,
        retention_ms=DAY_MS,
        has_personal_data=False,
    ),
    Topic(
        name="<node>.ledgers",
        writers="the node alone",
        readers="Faust processors, members, auditors",
        key="sequence, u64",
        value="ledger.LedgerRecord, framed",
        partitions=1,
        retention_ms=FOR_EVER_MS,
        has_personal_data=False,
    ),
    Topic(
        name="<node>.admissions",
        writers="the node alone",
        readers="Horizon processors, users",
        key="envelope hash, 32 bytes",
        value="events.Admission, framed",
        partitions=1,
        retention_ms=HOUR_MS,
        has_personal_data=False,
    ),
)

INGEST_TOPIC = "transactions"


def get_ledgers_topic(node: str) -> str:
    return f"{node}.ledgers"


def get_admissions_topic(node: str) -> str:
    return f"{node}.admissions"


def get_topics(nodes: tuple[str, ...]) -> tuple[Topic, ...]:
    """The table with one row per node where it says `<node>`."""
    rows: list[Topic] = []
    for topic in TOPICS:
        if "<node>" in topic.name:
            rows.extend(topic._replace(name=topic.name.replace("<node>", n)) for n in nodes)
        else:
            rows.append(topic)
    return tuple(rows)
