"""Whether the ingest topic is set as it should be, asked once at the start. Shell.

Topics that `tokend up` makes are; others may belong to an operator who knows nothing of this.
"""

import threading
from collections.abc import Mapping

from confluent_kafka import KafkaError, KafkaException
from confluent_kafka.admin import AdminClient, ConfigResource, ResourceType

from schemas.settings import KafkaSettings
from schemas.topics import TOPIC_SETTINGS
from streams.broker import ask_until_answered, make_client_settings

WHY: Mapping[str, str] = {
    "message.timestamp.type": "producers' clocks decide how long a record is kept",
    "compression.type": "a producer decides how much memory a record takes here",
}


def find_faults(kafka: KafkaSettings, topic: str, is_stopping: threading.Event) -> list[str]:
    """One line for each setting that is not as it should be. Blocks until a broker has answered, or
    the node stops. Raises KafkaException."""
    admin = AdminClient(make_client_settings(kafka, "topic check"))

    def ask(wait_s: float) -> list[str]:
        resource = ConfigResource(ResourceType.TOPIC, topic)
        (asked,) = admin.describe_configs([resource], request_timeout=wait_s).values()
        try:
            found = asked.result()
        except KafkaException as error:
            if error.args[0].code() == KafkaError.TOPIC_AUTHORIZATION_FAILED:
                return [f"the settings of topic {topic} cannot be checked: grant DESCRIBE_CONFIGS"]
            raise
        return [
            f"topic {topic} has {name}={found[name].value}, so {why}: set it to"
            f" {TOPIC_SETTINGS[name]}"
            for name, why in WHY.items()
            if found[name].value != TOPIC_SETTINGS[name]
        ]

    return ask_until_answered(ask, is_stopping) or []
