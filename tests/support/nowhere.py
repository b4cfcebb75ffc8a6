"""A broker that is not there, and a store that has nothing."""

from schemas.settings import KafkaSettings, Secret
from streams.node.store import StoredRecord

NOWHERE = KafkaSettings(bootstrap_servers="127.0.0.1:1", user="core1", password=Secret("-"))


async def load_nothing(first: int, bytes_max: int) -> list[StoredRecord]:
    del first, bytes_max
    return []
