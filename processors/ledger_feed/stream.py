"""The Faust application of a processor: topics in, batches of records out to a writer, or an end.

Agents do nothing but queue what comes, because Faust would restart one that failed and go on past
the record. Writers run beside them, one a stream, each in a thread; when one fails, everything
stops and its exception is raised. It knows nothing of ledgers and decides nothing.
"""

import asyncio
import signal
import tempfile
from collections.abc import Callable, Coroutine, Sequence
from dataclasses import dataclass, field
from hashlib import sha256
from typing import Any

import faust
from faust.transport.drivers.aiokafka import Consumer as AIOKafkaConsumer
from mode.threads import ServiceThread, WorkerThread

from processors.ledger_feed.topic import PARTITION, Message
from schemas.settings import KafkaSettings
from schemas.topics import MESSAGE_BYTES_MAX

STOP_S, LEFT_S = 10.0, 2.0
SESSION_S = 10.0
QUEUED_MAX = 64
ABREAST = 16  # records of a stream that is committed late, which are then written together


@dataclass(slots=True)
class Stream:
    """`write` is called with one or more records, in a thread, never twice at a time.

    `is_committed_late`: Kafka is told that a record was read only once `write` has returned for it.

    `get_offset`: where to begin, also after Kafka has taken the partition away and given it back;
    None leaves that to the group's committed offset.
    """

    topics: Sequence[str]
    write: Callable[[list[Message]], None]
    get_offset: Callable[[], int] | None = None
    is_committed_late: bool = False
    queue: asyncio.Queue[Message] = field(default_factory=lambda: asyncio.Queue(QUEUED_MAX))


def run_streams(app_id: str, kafka: KafkaSettings, streams: Sequence[Stream]) -> None:
    """Until SIGTERM or SIGINT, or until a writer fails: then raises what it raised."""
    run_to_end(_run(app_id, kafka, streams))


def run_to_end(work: Coroutine[Any, Any, None]) -> None:
    """Like `asyncio.run`, but what does not heed that it is cancelled is left behind after a while:
    some of Faust's tasks do not."""
    loop = asyncio.new_event_loop()
    asyncio.set_event_loop(loop)
    try:
        loop.run_until_complete(work)
    finally:
        left = asyncio.all_tasks(loop)
        for task in left:
            task.cancel()
        if left:
            loop.run_until_complete(asyncio.wait(left, timeout=LEFT_S))
        asyncio.set_event_loop(None)


async def _run(app_id: str, kafka: KafkaSettings, streams: Sequence[Stream]) -> None:
    serving = asyncio.create_task(serve_streams(app_id, kafka, streams))
    await run_until_signal([serving])


async def run_until_signal(tasks: Sequence["asyncio.Task[None]"]) -> None:
    """Until SIGTERM or SIGINT, or until one of `tasks` ends; raises what it raised. What does not
    heed that it is cancelled (Faust, while it waits for a broker) is not waited for."""
    stopped = asyncio.create_task(wait_for_signal())
    done, pending = await asyncio.wait([stopped, *tasks], return_when=asyncio.FIRST_COMPLETED)
    for task in pending:
        task.cancel()
    if pending:
        await asyncio.wait(pending, timeout=STOP_S + LEFT_S)
    for task in done:
        task.result()


async def serve_streams(
    app_id: str, kafka: KafkaSettings, streams: Sequence[Stream], group: str | None = None
) -> None:
    """Until cancelled, or until a writer fails: then raises what it raised. `group`: a consumer
    group that other instances share; by default the streams are read by this instance alone.
    """
    # Faust asks for a folder when it starts, and without tables uses it for nothing.
    with tempfile.TemporaryDirectory(prefix="tokend-faust-") as folder:
        app = _create_app(app_id, kafka, streams, folder, group)
        await app.start()
    crashed = asyncio.create_task(app.wait_until_stopped())
    tasks = [crashed, *(asyncio.create_task(_write(stream)) for stream in streams)]
    try:
        done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for task in tasks:
            task.cancel()
        # Not by `wait_for`, which waits for what it has cancelled: Faust may not heed that.
        stopping = asyncio.create_task(app.stop())
        await asyncio.wait([stopping], timeout=STOP_S)
    for task in done:
        task.result()
    raise RuntimeError("Faust stopped by itself") from app.crash_reason


async def wait_for_signal() -> None:
    wanted = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, wanted.set)
    await wanted.wait()


async def _write(stream: Stream) -> None:
    """Whatever has come is written together: many records a commit behind, one when abreast."""
    while True:
        messages = [await stream.queue.get()]
        while not stream.queue.empty():
            messages.append(stream.queue.get_nowait())
        await asyncio.to_thread(stream.write, messages)
        for _ in messages:
            stream.queue.task_done()


def _create_app(
    app_id: str,
    kafka: KafkaSettings,
    streams: Sequence[Stream],
    folder: str,
    group: str | None,
) -> Any:
    app: Any = faust.App(
        group or f"{kafka.user}.{get_group(app_id, streams)}",
        broker=[f"kafka://{server}" for server in kafka.bootstrap_servers.split(",")],
        broker_credentials=faust.SASLCredentials(**kafka.get_credentials()),
        value_serializer="raw",
        store="memory://",
        datadir=folder,
        autodiscover=False,
        web_enabled=False,
        # When it stops, nobody may be there any more to take what waits; it comes again.
        stream_wait_empty=False,
        topic_allow_declare=False,
        topic_disable_leader=True,
        consumer_auto_offset_reset="earliest",
        consumer_max_fetch_size=MESSAGE_BYTES_MAX,
        stream_buffer_maxsize=QUEUED_MAX,
        # A member that comes back under its name takes its place at once; otherwise the group
        # would wait for a killed one until its session ends.
        consumer_group_instance_id=app_id,
        broker_session_timeout=SESSION_S,
        broker_heartbeat_interval=SESSION_S / 5,
    )
    app.transport.Consumer = _get_consumer(streams)
    ServiceThread.Worker = _Worker
    for stream in streams:
        topic = app.topic(*stream.topics, value_type=bytes, value_serializer="raw")
        abreast = ABREAST if stream.is_committed_late else 1
        name = f"{app_id}.{stream.topics[0]}"
        app.agent(topic, name=name, concurrency=abreast)(_get_agent(stream))
    return app


class _Worker(WorkerThread):
    """A thread of Faust's that does not stop when it is told to must not keep the process."""

    def __init__(self, service: ServiceThread, **more: Any) -> None:
        super().__init__(service, **more)
        self.daemon = True


def get_group(app_id: str, streams: Sequence[Stream]) -> str:
    """The consumer group. Another choice of topics is another group, because a broker gives a
    member that comes back under its name the partitions it had, whatever it asks for now.
    """
    topics = sorted(topic for stream in streams for topic in stream.topics)
    return f"{app_id}-{sha256(' '.join(topics).encode()).hexdigest()[:8]}"


def _get_agent(stream: Stream) -> Callable[[Any], Any]:
    async def take_durably(records: Any) -> None:
        async for event in records.noack().events():
            await stream.queue.put(Message(event.message.offset, event.message.value or b""))
            await stream.queue.join()
            await records.ack(event)

    async def take(records: Any) -> None:
        async for event in records.events():
            await stream.queue.put(Message(event.message.offset, event.message.value or b""))

    return take_durably if stream.is_committed_late else take


def _get_consumer(streams: Sequence[Stream]) -> type:
    """Faust seeks to the group's committed offsets as its last step; this one then goes on to the
    offsets that lie with the views (seeking any earlier does not hold).
    """
    offsets = {topic: s.get_offset for s in streams if s.get_offset for topic in s.topics}

    class StoredOffsetConsumer(AIOKafkaConsumer):
        async def perform_seek(self) -> None:
            await super().perform_seek()
            wanted = {
                partition: offsets[partition.topic]()
                for partition in self.assignment()
                if partition.topic in offsets and partition.partition == PARTITION
            }
            if wanted:
                await self.seek_wait(wanted)

    return StoredOffsetConsumer
