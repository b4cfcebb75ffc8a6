"""The operator's votes, by the private port: durable before the herder knows of them. Shell."""

from typing import Any

import msgspec

from schemas.codec import Malformed, decode
from schemas.generated.consensus import Upgrade
from schemas.readable import Scales, show_value
from streams.herder.herder import Herder
from streams.herder.votes import Vote
from streams.ledger.upgrades import compute_upgrade_hash, explain_fault
from streams.node.inbox import Inbox
from streams.node.store_thread import StoreThread

VOTES_MAX = 100
UPGRADE_HEX_MAX = 2 * 8_192


class VoteRequest(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """`upgrade`: Upgrade bytes in hex. Times are close times in milliseconds since 1970."""

    upgrade: str
    until_ms: int
    from_ms: int = 0
    from_sequence: int = 0


class Refused(ValueError):
    """Why a vote is not taken, in words for the operator."""


class BallotBox:
    """Reads and changes what the node votes for."""

    def __init__(self, herder: Herder, inbox: Inbox, store: StoreThread) -> None:
        self._herder = herder
        self._inbox = inbox
        self._store = store

    def show(self) -> list[dict[str, Any]]:
        """Every vote, with why it could not be carried now (`fault`), if so."""
        state = self._herder.ledger.state
        shown = []
        for vote in self._herder.votes.held:
            change = decode(Upgrade, vote.upgrade).change
            shown.append(
                {
                    "hash": compute_upgrade_hash(vote.upgrade).hex(),
                    "change": show_value(change, Scales()),
                    "kind": type(change).__name__,
                    "from_ms": str(vote.from_ms),
                    "from_sequence": str(vote.from_sequence),
                    "until_ms": str(vote.until_ms),
                    "fault": explain_fault(change, state),
                }
            )
        return shown

    async def add(self, wanted: VoteRequest) -> str:
        """Votes for an upgrade from now on; returns its hash in hex. Raises `Refused`."""
        try:
            upgrade = bytes.fromhex(wanted.upgrade[:UPGRADE_HEX_MAX])
            change = decode(Upgrade, upgrade).change
        except (ValueError, Malformed) as error:
            raise Refused(f"the upgrade cannot be read: {error}") from None
        fault = explain_fault(change, self._herder.ledger.state)
        if fault is not None:
            raise Refused(fault)
        if wanted.until_ms <= self._herder.ledger.header.close_time_ms:
            raise Refused("until_ms has passed")
        if len(self._herder.votes.held) >= VOTES_MAX:
            raise Refused(f"there are {VOTES_MAX} votes: withdraw some first")
        vote = Vote(upgrade, wanted.from_ms, wanted.from_sequence, wanted.until_ms)
        await self._store.run(self._store.store.put_vote, vote)
        await self._tell()
        return compute_upgrade_hash(upgrade).hex()

    async def withdraw(self, hash_hex: str) -> bool:
        """False if there is no such vote."""
        for vote in self._herder.votes.held:
            if compute_upgrade_hash(vote.upgrade).hex() == hash_hex:
                await self._store.run(self._store.store.delete_vote, vote.upgrade)
                await self._tell()
                return True
        return False

    async def _tell(self) -> None:
        """Reads them again within the herder's step order: a commit may have dropped some."""
        votes = await self._store.run(self._store.store.load_votes)
        await self._inbox.put_and_wait(lambda now_ms: self._herder.vote(votes, now_ms))
