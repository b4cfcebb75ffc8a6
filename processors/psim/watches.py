"""What services have in common that watch something each for itself, as a chain. Shell."""

import asyncio
from collections.abc import Coroutine, Iterable, Mapping, Sequence
from typing import Any, Generic, Protocol, TypeVar

from processors.psim.intents import Intent
from processors.psim.view import LedgerView
from schemas.generated.common import Hash
from schemas.generated.events import Evidence


class Watch(Protocol):
    """One chain, or one account at a bank."""

    def get_intents(self, view: LedgerView) -> Mapping[Hash, Intent]: ...

    async def run(self) -> None: ...

    def get_status(self) -> Mapping[str, Any]: ...


AnyWatch = TypeVar("AnyWatch", bound=Watch)


class WatchService(Generic[AnyWatch]):
    """See `processors.psim.intents.Service`, but for the name."""

    def __init__(self, watches: Sequence[AnyWatch]) -> None:
        self.watches = tuple(watches)

    def get_intents(self, view: LedgerView) -> Mapping[Hash, Intent]:
        intents: dict[Hash, Intent] = {}
        for watch in self.watches:
            intents.update(watch.get_intents(view))
        return intents

    def consider(self, told: Evidence) -> None:
        """What is watched is derived by everybody: nobody proposes any of it."""

    async def run(self) -> None:
        await run_together(watch.run() for watch in self.watches)

    def get_status(self) -> Mapping[str, Any]:
        chains = [watch.get_status() for watch in self.watches]
        problems = [problem for each in chains for problem in each["problems"]]
        return {"problems": problems, "chains": chains}


async def run_together(parts: Iterable[Coroutine[Any, Any, None]]) -> None:
    """Until cancelled, also where there is no part."""
    async with asyncio.TaskGroup() as group:
        for part in parts:
            group.create_task(part)
        group.create_task(asyncio.Event().wait())
