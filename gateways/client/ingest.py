"""Submitting through Kafka: how a user logs in, and the producer to do it with."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from gateways.ingest import FRAME, IngestError, IngestProducer
from schemas.settings import KafkaSettings, Secret

__all__ = ["FRAME", "IngestError", "IngestProducer", "read_login"]


def read_login(endpoints: Mapping[str, Any]) -> KafkaSettings:
    """The Kafka login of users, from the content of a deployment's endpoints.json."""
    kafka = endpoints["kafka"]
    password = Path(kafka["password_file"]).read_text(encoding="utf-8").strip()
    return KafkaSettings(
        bootstrap_servers=kafka["bootstrap_servers"],
        user=kafka["user"],
        password=Secret(password),
    )
