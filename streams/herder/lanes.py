"""The lanes of the overlay: which of the messages that wait for a peer leaves first. Pure."""

from enum import IntEnum


class Lane(IntEnum):
    """The lowest number leaves first. Order is kept within a lane, not between two of them."""

    SCP = 0
    REPLIES = 1  # transaction sets, certificates, ledgers: a peer waits for them
    TRANSACTIONS = 2
    ADVERTS = 3
