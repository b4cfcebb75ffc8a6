"""Header signatures and the certificates they make. Pure.

A ledger is certified once the signatures of its header satisfy the quorum set in force. This is the
one place that knows which closed ledgers lack their certificate. When so many validators sign
another header that no quorum could be without them, this node has diverged and must stop.
"""

from dataclasses import dataclass

from nacl.signing import SigningKey

from schemas.generated.common import Hash, PublicKey, Signature
from schemas.generated.consensus import QuorumSet
from schemas.generated.ledger import HeaderSignature, LedgerRecord
from schemas.generated.overlay import (
    CertificateReply,
    CertificateRequest,
    Message,
    SignedHeader,
)
from streams.consensus.quorum import Electorate, is_v_blocking
from streams.consensus.quorum_set import get_nodes
from streams.herder.lanes import Lane
from streams.herder.outputs import Broadcast, Certified, Output, ReadCertificates, Send
from streams.herder.restored import RestoredHeader
from streams.ledger.chain import compute_certificate
from streams.ledger.close import ClosedLedger
from streams.ledger.errors import InvariantViolation
from streams.ledger.hashes import compute_header_payload
from streams.ledger.signatures import is_valid_signature

AHEAD_MAX = 64  # signatures of ledgers this far ahead of ours are kept
RESENT_MAX = 64


@dataclass(slots=True)
class Uncertified:
    """A ledger this node has closed and that lacks its certificate.

    `header` and `body` are its bytes, at hand to be published; None after a restart.
    """

    header_hash: Hash
    quorum_set: QuorumSet
    own: HeaderSignature | None
    header: bytes | None = None
    body: bytes | None = None


class Certifier:
    """Collects signatures; `uncertified` by sequence, ascending."""

    def __init__(self, network_id: Hash, signing_key: SigningKey) -> None:
        self._network_id = network_id
        self._signing_key = signing_key
        self._node_id = PublicKey(bytes(signing_key.verify_key))
        self._signatures: dict[int, dict[PublicKey, tuple[Hash, Signature]]] = {}
        self.uncertified: dict[int, Uncertified] = {}

    def sign(self, sequence: int, header_hash: Hash) -> HeaderSignature:
        payload = compute_header_payload(self._network_id, sequence, header_hash)
        signature = Signature(self._signing_key.sign(payload).signature)
        return HeaderSignature(self._node_id, signature)

    def add_closed(
        self, closed: ClosedLedger, quorum_set: QuorumSet, own: HeaderSignature | None
    ) -> list[Output]:
        """This node closed a ledger; `quorum_set` was in force for it."""
        header_hash = closed.header_hash
        found = Uncertified(header_hash, quorum_set, own, closed.header_bytes, closed.body)
        return self._add(closed.header.sequence, found)

    def restore(self, restored: RestoredHeader, quorum_set: QuorumSet) -> list[Output]:
        """A ledger that was closed before a restart."""
        in_force = restored.quorum_set or quorum_set
        found = Uncertified(restored.header_hash, in_force, restored.own)
        return self._add(restored.sequence, found)

    def _add(self, sequence: int, uncertified: Uncertified) -> list[Output]:
        self.uncertified[sequence] = uncertified
        if uncertified.own is not None:
            signed = (uncertified.header_hash, uncertified.own.signature)
            self._signatures.setdefault(sequence, {})[uncertified.own.node_id] = signed
        return self._certify(sequence)

    def receive_signature(
        self, message: SignedHeader, last_closed: int, quorum_set: QuorumSet
    ) -> list[Output]:
        """A validator's signature, whoever sent it; unusable ones are dropped. `quorum_set`: for
        ledgers that this node has not closed.

        Raises InvariantViolation when the others agree on another header than ours.
        """
        sequence, node = message.sequence, message.signature.node_id
        ours = self.uncertified.get(sequence)
        if ours is not None:
            quorum_set = ours.quorum_set
        is_open = ours is not None or last_closed < sequence <= last_closed + AHEAD_MAX
        if not is_open or node not in get_nodes(quorum_set):
            return []
        known = self._signatures.get(sequence, {}).get(node)
        if known is not None and not _is_better(message.header_hash, known[0], ours):
            return []
        payload = compute_header_payload(self._network_id, sequence, message.header_hash)
        if not is_valid_signature(node, payload, message.signature.signature):
            return []
        signed = (message.header_hash, message.signature.signature)
        self._signatures.setdefault(sequence, {})[node] = signed
        return self._certify(sequence) if sequence in self.uncertified else []

    def receive_certificate(
        self, peer: PublicKey, reply: CertificateReply, last_closed: int, quorum_set: QuorumSet
    ) -> list[Output]:
        """Of a peer, which is asked for the next."""
        outputs = self.take_certificate(reply, last_closed, quorum_set)
        oldest = next(iter(self.uncertified), last_closed)
        if outputs and oldest < last_closed:  # the newest has its own on the way
            outputs.append(Send(peer, Lane.REPLIES, Message(CertificateRequest(oldest))))
        return outputs

    def take_certificate(
        self, reply: CertificateReply, last_closed: int, quorum_set: QuorumSet
    ) -> list[Output]:
        """Judges its signatures one by one, like those that come alone."""
        outputs: list[Output] = []
        for signature in reply.certificate.signatures:
            signed = SignedHeader(reply.sequence, reply.header_hash, signature)
            outputs += self.receive_signature(signed, last_closed, quorum_set)
        return outputs

    def note_archived(self, first_kept: int) -> list[Output]:
        """Certificates of older ledgers are in archives only."""
        lacking = [sequence for sequence in self.uncertified if sequence < first_kept]
        return [ReadCertificates(min(lacking), max(lacking))] if lacking else []

    def get_signed_headers(self) -> list[Message]:
        """Own signatures of ledgers that still lack their certificate."""
        own = [
            (sequence, each.header_hash, each.own)
            for sequence, each in self.uncertified.items()
            if each.own is not None
        ]
        return [Message(SignedHeader(*each)) for each in own[:RESENT_MAX]]

    def resend(self) -> list[Output]:
        """Repeats own signatures and asks for the oldest certificate that is missing."""
        oldest = next(iter(self.uncertified), None)
        if oldest is None:
            return []
        request = Message(CertificateRequest(oldest))
        return [Broadcast(Lane.SCP, each) for each in (*self.get_signed_headers(), request)]

    def set_certified(self, sequence: int) -> None:
        """The certificate came from elsewhere, or was just made."""
        self.uncertified.pop(sequence, None)
        self._signatures.pop(sequence, None)

    def _certify(self, sequence: int) -> list[Output]:
        ours = self.uncertified[sequence]
        signed = self._signatures.get(sequence, {})
        self._check_divergence(sequence, ours, signed)
        agreeing = {n: s for n, (h, s) in signed.items() if h == ours.header_hash}
        certificate = compute_certificate(ours.quorum_set, agreeing)
        if certificate is None:
            return []
        self.set_certified(sequence)
        record = None
        if ours.header is not None and ours.body is not None:
            record = LedgerRecord(ours.header, certificate, ours.body)
        return [Certified(sequence, ours.header_hash, certificate, record)]

    def _check_divergence(
        self, sequence: int, ours: Uncertified, signed: dict[PublicKey, tuple[Hash, Signature]]
    ) -> None:
        others = tuple(n for n in sorted(signed) if signed[n][0] != ours.header_hash)
        if not others:
            return
        electorate = Electorate()
        quorum_set_hash = electorate.add(ours.quorum_set)
        if is_v_blocking(electorate.slices[quorum_set_hash], electorate.get_bits(others)):
            theirs = signed[others[0]][0].hex()
            raise InvariantViolation(
                f"ledger {sequence}: {len(others)} validators signed the header {theirs}, this "
                f"node computed {ours.header_hash.hex()}; it stops rather than follow or mislead"
            )


def _is_better(header_hash: Hash, known: Hash, ours: Uncertified | None) -> bool:
    """Who has signed two headers counts for ours: certificates of others may hold that one."""
    return ours is not None and header_hash == ours.header_hash != known
