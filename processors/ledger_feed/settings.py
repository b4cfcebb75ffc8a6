"""Settings that every processor has that follows a ledgers topic."""

from schemas.settings import BucketSettings, KafkaSettings, Settings


class FeedSettings(Settings, frozen=True, kw_only=True):
    """`name`: of this instance, unique in the cluster, for each instance reads everything.

    `genesis_file`: the network's. `ledgers_topic`: of the node that is followed. `peer_topics`: of
    others, to fill gaps from; `archives`: of any nodes, for what no topic has any more.
    """

    name: str
    kafka: KafkaSettings
    genesis_file: str
    ledgers_topic: str
    peer_topics: tuple[str, ...] = ()
    archives: tuple[BucketSettings, ...] = ()
