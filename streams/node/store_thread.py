"""The store for asyncio: all its calls on one thread, one after the other. Shell."""

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import ParamSpec, TypeVar

from streams.node.store import Store, StoredRecord

P = ParamSpec("P")
T = TypeVar("T")


class StoreThread:
    """Owns the store: what is to be asked of it goes through `run`."""

    def __init__(self, store: Store) -> None:
        self.store = store
        self._thread = ThreadPoolExecutor(1, "store")

    async def run(self, call: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        """`call` is a method of the store; raises what it raises."""
        loop = asyncio.get_running_loop()
        return await loop.run_in_executor(self._thread, lambda: call(*args, **kwargs))

    async def load_records(self, first: int, bytes_max: int) -> list[StoredRecord]:
        return await self.run(self.store.load_records, first, bytes_max)

    def close(self) -> None:
        self._thread.shutdown()
        self.store.close()
