"""The interface between the runner and the overlay: settings, reasons, handlers."""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import Enum
from typing import Protocol

from nacl.signing import SigningKey

from schemas.generated.common import PublicKey
from streams.herder.lanes import Lane

Address = tuple[str, int]
MIB = 1 << 20


class Reason(Enum):
    """Why a connection ended or was not established."""

    UNREACHABLE = "nobody listens at the address"
    HANDSHAKE_TIMEOUT = "the handshake took too long"
    NOT_OVERLAY = "the other side does not speak this version of the overlay"
    OTHER_NETWORK = "the other side belongs to another network: compare the network passphrases"
    UNKNOWN_NODE = "the node is not among the configured peers"
    WRONG_NODE = "another node than the configured one answers at the address"
    NOT_AUTHENTIC = "the node did not prove its key, or somebody altered the handshake"
    TOO_MANY_HANDSHAKES = "too many strangers were shaking hands at once"
    TAMPERED = "a record was altered, repeated, left out or out of order"
    OVERSIZED = "a length is above the limit"
    MALFORMED = "a record is not made of messages"
    TRUNCATED = "the connection ended inside a message"
    CLOSED = "the other side closed the connection"
    SILENT = "nothing was heard for too long"
    DUPLICATE = "another connection to the same node is kept"
    MISBEHAVED = "the handler refused a message"
    FAILED = "this node failed while it handled a message"
    SHUTDOWN = "this node stops"


class PeerError(Exception):
    """The peer broke the protocol; the connection to it ends with `reason`."""

    def __init__(self, reason: Reason, detail: str = "") -> None:
        super().__init__(f"{reason.value}: {detail}" if detail else reason.value)
        self.reason = reason
        self.detail = detail


class MisbehaviourError(PeerError):
    """A message handler raises it to disconnect the sender. The text says what was wrong."""

    def __init__(self, detail: str) -> None:
        super().__init__(Reason.MISBEHAVED, detail)


class Handlers(Protocol):
    """What the overlay calls. For one peer the calls never overlap and come in a sensible order:
    connected, messages, disconnected.

    What `on_message` raises, other than MisbehaviourError, is an error of ours: it ends the
    connection and comes out of `Overlay.wait`.
    """

    async def on_message(self, peer: PublicKey, payload: bytes) -> None:
        """Nothing more is read from the peer until this returns: that is the back-pressure.

        Cancelled when the overlay is closed.
        """

    def on_connected(self, peer: PublicKey) -> None: ...

    def on_disconnected(self, peer: PublicKey, reason: Reason, detail: str) -> None: ...

    def on_refused(self, address: Address, reason: Reason, detail: str) -> None:
        """A dialled address, or an unknown caller, did not become a peer."""


@dataclass(frozen=True, slots=True, kw_only=True)
class OverlayConfig:
    """Settings of one node's overlay. All times in seconds."""

    network_id: bytes
    signing_key: SigningKey = field(repr=False)
    """The node's Ed25519 key: its public half is the node's id."""
    peers: Mapping[PublicKey, Address | None]
    """Who may connect; who has an address is dialled. The node's own key among them is ignored."""
    listen_host: str = "127.0.0.1"
    listen_port: int = 0
    handshake_s: float = 5.0
    keep_alive_s: float = 3.0
    """After so long without sending, a sign of life is sent."""
    silence_max_s: float = 12.0
    reconnect_s: float = 0.1
    """The first delay before dialling again; it doubles, with jitter, up to the next setting."""
    reconnect_max_s: float = 5.0
    message_bytes_max: int = 16 * MIB
    queue_bytes_max: tuple[int, int, int, int] = (8 * MIB, 32 * MIB, 8 * MIB, MIB)
    """What may wait for one peer, by lane; beyond it the oldest of that lane is dropped."""
    handshakes_max: int = 64
    """So many strangers may be shaking hands; the next one replaces the oldest."""


@dataclass(slots=True)
class PeerCounters:
    """Traffic with one peer since the start, in payload bytes and messages."""

    connections: int = 0
    messages_sent: int = 0
    messages_received: int = 0
    bytes_sent: int = 0
    """On the wire, records whole; likewise received."""
    bytes_received: int = 0
    messages_dropped: Counter[Lane] = field(default_factory=Counter)
    """Shed because the peer did not read fast enough."""
    disconnections: Counter[Reason] = field(default_factory=Counter)
