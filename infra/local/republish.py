"""A node's topic of ledgers made anew: the node itself fills it, from database and archives."""

import time
from typing import Any

from infra.local import kafka, kafka_admin
from infra.local.errors import Fault, LocalError
from infra.local.health import get_status
from infra.local.place import Place
from infra.local.rows import Report
from infra.local.supervisor import Control
from infra.local.table import TABLE
from schemas.topics import get_ledgers_topic

TELL_S = 2.0


def republish_topic(place: Place, node: str, seconds: float, report: Report) -> dict[str, Any]:
    """Returns when all is on the topic. Raises LocalError, also if it takes longer."""
    table, name = TABLE.get_for(place), get_ledgers_topic(node)
    row = next((each for each in table.services if each.name == node), None)
    topics = [each for each in table.topics if each.name == name]
    if row is None or not topics:
        raise LocalError(f"there is no core node {node}", fault=Fault.OTHER)
    control, administrator = Control(place), kafka.get_administrator(place)
    control.stop(node)
    try:
        kafka_admin.delete_topic(administrator, name)
        kafka_admin.create_topics(administrator, topics)
        report(f"{name} is empty")
    finally:
        control.start(node)
    deadline, told, target = time.monotonic() + seconds, 0.0, 0
    while time.monotonic() < deadline:
        status = get_status(place.get_address(f"{node}.http"), "/status", row.get_token(place))
        if status:
            target = target or status["sequence"]
            if status["published"] >= target:
                return {"topic": name, "published": status["published"]}
            if time.monotonic() - told > TELL_S:
                told = time.monotonic()
                report(f"{name}: ledger {status['published']} of {target}")
        time.sleep(0.2)
    raise LocalError(f"{name} was not complete after {seconds:.0f} s: see {node}'s log")
