"""Settings of the Horizon processor."""

from processors.ledger_feed.settings import FeedSettings
from schemas.settings import DatabaseSettings


class HorizonSettings(FeedSettings, frozen=True, kw_only=True):
    """`rejections_topics`: of the nodes whose rejections are shown."""

    database: DatabaseSettings
    rejections_topics: tuple[str, ...] = ()
