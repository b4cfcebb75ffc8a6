"""What waits to be sent to one peer: four bounded lanes, the lowest first.

Each lane is a byte stream of messages, u32 length and payload. It leaves in chunks of at most
64 KiB, one record each, so that small messages share a record and a statement never waits for the
rest of a large reply. It knows no socket.
"""

from collections import deque
from collections.abc import Sequence

from streams.herder.lanes import Lane
from streams.node.overlay.interface import PeerError, Reason

CHUNK_BYTES = 1 << 16
LENGTH_BYTES = 4
# What a waiting message costs beside its payload, so that many empty ones are bounded too.
MESSAGE_COST = 64

_TAGS = [bytes([lane]) for lane in Lane]


class _Waiting:
    """The messages of one lane, without the one that is being sent."""

    __slots__ = ("bytes_max", "bytes_waiting", "messages", "rest")

    def __init__(self, bytes_max: int) -> None:
        self.messages: deque[bytes] = deque()
        self.rest = memoryview(b"")
        self.bytes_waiting = 0
        self.bytes_max = bytes_max


class SendQueue:
    """The bounded lanes of one peer."""

    __slots__ = ("_lanes",)

    def __init__(self, bytes_max: Sequence[int]) -> None:
        """`bytes_max`: by lane. A single message may always wait, whatever its size."""
        self._lanes = [_Waiting(lane_max) for lane_max in bytes_max]

    def put(self, lane: Lane, payload: bytes) -> int:
        """Returns how many older messages of that lane were dropped to keep the bound."""
        waiting, dropped = self._lanes[lane], 0
        waiting.bytes_waiting += len(payload) + MESSAGE_COST
        while waiting.messages and waiting.bytes_waiting > waiting.bytes_max:
            waiting.bytes_waiting -= len(waiting.messages.popleft()) + MESSAGE_COST
            dropped += 1
        waiting.messages.append(payload)
        return dropped

    def take(self) -> tuple[bytes, int] | None:
        """The next record's content and how many messages it completes, or None."""
        for tag, waiting in zip(_TAGS, self._lanes, strict=True):
            if waiting.messages or waiting.rest:
                return _take_chunk(tag, waiting)
        return None

    def get_bytes_waiting(self) -> int:
        return sum(waiting.bytes_waiting + len(waiting.rest) for waiting in self._lanes)


def _take_chunk(tag: bytes, waiting: _Waiting) -> tuple[bytes, int]:
    parts: list[bytes | memoryview] = [tag]
    room, completed = CHUNK_BYTES, 0
    while True:
        if waiting.rest:
            parts.append(waiting.rest[:room])
            room -= len(parts[-1])
            waiting.rest = waiting.rest[len(parts[-1]) :]
            if waiting.rest:
                break
            completed += 1
        if room <= LENGTH_BYTES or not waiting.messages:
            break
        payload = waiting.messages.popleft()
        waiting.bytes_waiting -= len(payload) + MESSAGE_COST
        parts.append(len(payload).to_bytes(LENGTH_BYTES, "big"))
        room -= LENGTH_BYTES
        if len(payload) <= room:
            parts.append(payload)
            room -= len(payload)
            completed += 1
        else:
            waiting.rest = memoryview(payload)
    return b"".join(parts), completed


class Reassembly:
    """The receiving end: takes chunks of the four lanes and gives whole messages."""

    __slots__ = ("_message_bytes_max", "_partial")

    def __init__(self, message_bytes_max: int) -> None:
        self._partial = [bytearray() for _ in Lane]
        self._message_bytes_max = message_bytes_max

    def feed(self, content: bytes) -> list[bytes]:
        """The messages that `content`, one record, completes. Raises PeerError."""
        if len(content) < 2 or content[0] >= len(self._partial):
            raise PeerError(Reason.MALFORMED)
        partial = self._partial[content[0]]
        if not partial:
            messages, end = self._split(content, 1)
            partial += memoryview(content)[end:]
            return messages
        partial += memoryview(content)[1:]
        messages, end = self._split(partial, 0)
        del partial[:end]
        return messages

    def has_partial(self) -> bool:
        """Whether a message has arrived in part."""
        return any(self._partial)

    def _split(self, data: bytes | bytearray, at: int) -> tuple[list[bytes], int]:
        messages, size = [], len(data)
        while size - at >= LENGTH_BYTES:
            start = at + LENGTH_BYTES
            length = int.from_bytes(data[at:start], "big")
            if length > self._message_bytes_max:
                limit = f"a message of {length} bytes, at most {self._message_bytes_max}"
                raise PeerError(Reason.OVERSIZED, limit)
            if start + length > size:
                break
            messages.append(bytes(data[start : start + length]))
            at = start + length
        return messages, at
