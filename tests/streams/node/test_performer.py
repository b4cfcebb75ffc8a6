"""What the node's loop does, and when others see it."""

import asyncio
from typing import Any, cast

from streams.herder.offsets import Offsets
from streams.herder.outputs import Commit
from streams.node.inbox import Inbox
from streams.node.metrics import Metrics
from streams.node.performer import Performer
from tests.streams.herder.test_proofs import World


class SlowStore:
    """Commits when it is allowed to."""

    def __init__(self) -> None:
        self.store = self
        self.may_commit = asyncio.Event()
        self.is_committing = asyncio.Event()

    def commit(self) -> None: ...

    async def run(self, *_: Any) -> None:
        self.is_committing.set()
        await self.may_commit.wait()


def test_a_proof_that_is_asked_for_while_a_ledger_is_committed_is_true() -> None:
    """Before, it showed the entries of the ledger that was being committed under an older root."""
    world = World()
    key = world.get_key("bob")
    before = world.network.get_amount("bob", "EUR")
    world.pay(1)

    async def run() -> None:
        inbox, store = Inbox(), SlowStore()
        missing = cast(Any, None)
        performer = Performer(
            missing,
            inbox,
            store=cast(Any, store),
            offsets=Offsets(),
            proofs=world.proofs,
            publisher=missing,
            overlay=missing,
            rejections=missing,
            metrics=Metrics(),
            archiver=missing,
            archive_reader=missing,
        )
        loop = asyncio.create_task(performer.run())
        inbox.put(lambda _: [Commit(world.close(2), None, None)])
        await store.is_committing.wait()
        assert world.get_amount(world.proofs.prove([key])) == before + 1
        store.may_commit.set()
        loop.cancel()

    asyncio.run(run())
