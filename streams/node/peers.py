"""What peers say, handed to the part it concerns, and their requests for stored ledgers. Shell.

The overlay calls it (`interface.Handlers`); all that has to be decided goes to the herder.
"""

from collections.abc import Callable, Mapping

import structlog

from schemas.codec import Malformed, decode, encode
from schemas.generated.common import PublicKey
from schemas.generated.overlay import (
    CertificateReply,
    CertificateRequest,
    LedgerReply,
    LedgerRequest,
    LedgersArchived,
    Message,
    Transactions,
)
from schemas.strkey import encode_account_id
from streams.consensus.quorum import is_satisfied
from streams.consensus.quorum_set import get_nodes
from streams.herder.herder import Herder
from streams.herder.lanes import Lane
from streams.ledger.hashes import compute_hash
from streams.node.inbox import Inbox
from streams.node.ingest import Ingest
from streams.node.overlay.interface import Address, MisbehaviourError, Reason
from streams.node.store_thread import StoreThread

REPLY_BYTES_MAX = 4 * 1024 * 1024

log = structlog.get_logger()


class Peers:
    """`names` of the configured peers; `connected` are those there is a connection to; `send` is
    the overlay's; `archive`: the URL of this node's, if it has one."""

    def __init__(
        self,
        names: Mapping[PublicKey, str],
        herder: Herder,
        inbox: Inbox,
        ingest: Ingest,
        store: StoreThread,
        send: Callable[[PublicKey, Lane, bytes], object],
        archive: str | None = None,
    ) -> None:
        self.names = names
        self.connected: set[PublicKey] = set()
        self._herder = herder
        self._inbox = inbox
        self._ingest = ingest
        self._store = store
        self._send = send
        self._archive = archive
        self._has_quorum = False

    async def on_message(self, peer: PublicKey, payload: bytes) -> None:
        try:
            message = decode(Message, payload)
        except Malformed as error:
            raise MisbehaviourError(str(error)) from None
        await self._inbox.wait_for_room()
        match message.body:
            case LedgerRequest(first_sequence):
                await self._answer_ledger_request(peer, first_sequence)
            case CertificateRequest(sequence):
                await self._answer_certificate_request(peer, sequence)
            case Transactions(envelopes):
                await self._ingest.offer([(compute_hash(each), each) for each in envelopes])
            case _:
                self._inbox.put(lambda now_ms: self._herder.receive(peer, message, now_ms))

    async def _answer_ledger_request(self, peer: PublicKey, first: int) -> None:
        records = await self._store.load_records(first, REPLY_BYTES_MAX)
        replies: list[LedgerReply | LedgersArchived]
        replies = [LedgerReply(each.sequence, each.record) for each in records]
        if not records:
            kept = await self._store.run(self._store.store.find_next, first)
            is_archived = kept is not None and self._archive is not None
            replies.append(
                LedgersArchived(kept or 0, self._archive or "")
                if is_archived
                else LedgerReply(first, None)
            )
        for reply in replies:
            self._send(peer, Lane.REPLIES, encode(Message(reply)))

    async def _answer_certificate_request(self, peer: PublicKey, sequence: int) -> None:
        found = await self._store.run(self._store.store.load_certificate, sequence)
        if found is not None:
            reply = CertificateReply(sequence, *found)
            self._send(peer, Lane.REPLIES, encode(Message(reply)))
            return
        kept = await self._store.run(self._store.store.find_next, sequence)
        if kept is not None and kept > sequence and self._archive is not None:
            archived = LedgersArchived(kept, self._archive)
            self._send(peer, Lane.REPLIES, encode(Message(archived)))

    def on_connected(self, peer: PublicKey) -> None:
        self.connected.add(peer)
        log.info("connected", peer=self.names.get(peer))
        self._tell_quorum()
        self._inbox.put(lambda now_ms: self._herder.connect(peer, now_ms))

    def on_disconnected(self, peer: PublicKey, reason: Reason, detail: str) -> None:
        self.connected.discard(peer)
        self._tell_quorum()
        self._inbox.put(lambda _: self._herder.disconnect(peer))
        log.info("disconnected", peer=self.names.get(peer), reason=reason.name, detail=detail)

    def _tell_quorum(self) -> None:
        """Logs when the connected validators become a quorum, and when they are none any more."""
        herder = self._herder
        members = set(get_nodes(herder.quorum_set))
        present = members & {herder.agreement.node_id, *self.connected}
        had_quorum, self._has_quorum = self._has_quorum, is_satisfied(herder.quorum_set, present)
        if had_quorum and not self._has_quorum:
            names = sorted(self.names.get(n, encode_account_id(n)) for n in members - present)
            log.error("no_quorum", since=herder.ledger.header.sequence, missing=names)
        elif self._has_quorum and not had_quorum:
            log.info("quorum", sequence=herder.ledger.header.sequence)

    def on_refused(self, address: Address, reason: Reason, detail: str) -> None:
        if reason is not Reason.UNREACHABLE:
            log.warning("refused", address=address, reason=reason.name, detail=detail)
