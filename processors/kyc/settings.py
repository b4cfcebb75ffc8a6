"""Settings of the projection of cases."""

from processors.ledger_feed.settings import FeedSettings
from schemas.settings import DatabaseSettings
from schemas.topics import KYC_EVENTS


class ProjectionSettings(FeedSettings, frozen=True, kw_only=True):
    """`database`: of the cases, which one process writes. `events_topic`: what API and the checker
    tell."""

    database: DatabaseSettings
    events_topic: str = KYC_EVENTS
