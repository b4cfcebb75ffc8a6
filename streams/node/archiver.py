"""The part of a node that has its history archived: it runs the worker beside it. Shell.

The worker lives while there is work. Its death, or an archive that is away for however long, holds
nothing up: what is not archived stays in the database, is counted, and is archived later.
"""

import asyncio
import json
import os
import sys
from typing import Any

import structlog

from schemas.settings import CRASH_VARIABLE, dump_settings
from streams.archive.layout import CHECKPOINT_LEDGERS
from streams.node.archive_worker import WorkerSettings
from streams.node.config import CoreSettings
from streams.node.metrics import Metrics

AGAIN_S, AGAIN_MAX_S = 1.0, 60.0
LINE_BYTES_MAX = 64 * 1024
BACKLOG_MAX = 3
"""Checkpoints that may wait before it is a problem: one is being written, one may be due."""

log = structlog.get_logger()


class Archiver:
    """`archived`: the last ledger in the archive, as far as is known since the start."""

    def __init__(self, settings: CoreSettings, metrics: Metrics) -> None:
        self._settings = settings
        self._metrics = metrics
        self._news = asyncio.Event()
        self._failure: str | None = None
        self.archived = 0

    def note_closed(self, sequence: int) -> None:
        """A ledger was closed."""
        if sequence % CHECKPOINT_LEDGERS == 0:
            self._news.set()

    def get_backlog(self, sequence: int) -> int:
        """Checkpoints up to ledger `sequence` that are not archived; 0 without an archive."""
        if self._settings.archive is None:
            return 0
        return max(0, sequence // CHECKPOINT_LEDGERS - self.archived // CHECKPOINT_LEDGERS)

    def get_problems(self, sequence: int) -> list[str]:
        """Why the history does not reach the archive, if it does not."""
        backlog = self.get_backlog(sequence)
        if self._failure is None or backlog < BACKLOG_MAX:
            return []
        kept = sequence - self.archived
        return [f"archive: {self._failure} ({kept} ledgers wait in the database)"]

    async def run(self) -> None:
        """For ever."""
        if self._settings.archive is None:
            await asyncio.Event().wait()
        again_s = AGAIN_S
        environment = dict(os.environ)
        while True:
            self._news.clear()
            if await self._run_worker(environment):
                again_s = AGAIN_S
                await self._news.wait()
            else:
                await asyncio.sleep(again_s)
                again_s = min(2 * again_s, AGAIN_MAX_S)
            environment.pop(CRASH_VARIABLE, None)  # it dies as asked once, not for ever

    async def _run_worker(self, environment: dict[str, str]) -> bool:
        """Until it ends; whether it ended by itself."""
        worker = await asyncio.create_subprocess_exec(
            "setpriv",
            "--pdeathsig=KILL",
            sys.executable,
            "-P",
            "-m",
            "streams.node.archive_worker",
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            env=environment,
            limit=LINE_BYTES_MAX,
        )
        try:
            await self._hand_over(worker)
            if worker.stdout is not None:
                async for line in worker.stdout:
                    self._take(line)
            code = await worker.wait()
        finally:
            if worker.returncode is None:
                worker.kill()
                await worker.wait()
        if code != 0:
            self._failure = self._failure or f"its worker ended with code {code}"
            log.error("archive_worker_ended", code=code)
        return code == 0

    async def _hand_over(self, worker: asyncio.subprocess.Process) -> None:
        settings = self._settings
        if worker.stdin is None or settings.archive is None:
            return
        handed = WorkerSettings(
            database=settings.database,
            archive=settings.archive,
            genesis_file=settings.genesis_file,
        )
        worker.stdin.write(dump_settings(handed))
        try:
            await worker.stdin.drain()
        except ConnectionError:  # it has died already, which its exit code tells
            return
        worker.stdin.close()

    def _take(self, line: bytes) -> None:
        try:
            event: dict[str, Any] = json.loads(line)
        except ValueError:  # a line of somebody else's, such as an interpreter's last words
            event = {"event": "said", "line": line[:200].decode(errors="replace")}
        match event:
            case {"event": "failed", "reason": str(reason)}:
                if reason != self._failure:
                    log.error("archive_failed", reason=reason)
                self._failure = reason
                return
            case {"event": "begun", "archived": int(archived)}:
                self.archived = archived
            case {"event": "archived", "archived": int(archived), "ms": int(ms)}:
                self.archived, self._failure = archived, None
                self._metrics.archive_seconds.observe(ms / 1000)
        log.info("archive", what=event.pop("event"), **event)
