"""Settings of the Horizon processor."""

from processors.ledger_feed.settings import FeedSettings
from schemas.settings import DatabaseSettings


class HorizonSettings(FeedSettings, frozen=True, kw_only=True):
    """`rejections_topics`: of the nodes whose rejections are shown. `reserves_topics`: of reports
    on reserves and of the balances in them."""

    database: DatabaseSettings
    rejections_topics: tuple[str, ...] = ()
    reserves_topics: tuple[str, ...] = ()
