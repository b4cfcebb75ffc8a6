"""Header signatures and the certificates they make. Pure.

A ledger is certified once the signatures of its header satisfy the quorum set in force. Should so
many validators sign another header that no quorum could be without them, this node has diverged
and must stop.
"""

from dataclasses import dataclass

from schemas.generated.common import Hash, PublicKey, Signature
from schemas.generated.consensus import QuorumSet
from schemas.generated.ledger import Certificate, HeaderSignature
from schemas.generated.overlay import SignedHeader
from streams.consensus.quorum import Electorate, is_v_blocking
from streams.consensus.quorum_set import get_nodes
from streams.ledger.chain import compute_certificate
from streams.ledger.errors import InvariantViolation
from streams.ledger.hashes import compute_header_payload
from streams.ledger.signatures import is_valid_signature

AHEAD_MAX = 64  # signatures of ledgers this far ahead of ours are kept


@dataclass(slots=True)
class Uncertified:
    """A ledger this node has closed and that lacks its certificate."""

    header_hash: Hash
    quorum_set: QuorumSet
    own: HeaderSignature | None


class Certifier:
    """Collects signatures; `uncertified` by sequence, ascending."""

    def __init__(self, network_id: Hash) -> None:
        self._network_id = network_id
        self._signatures: dict[int, dict[PublicKey, tuple[Hash, Signature]]] = {}
        self.uncertified: dict[int, Uncertified] = {}

    def add_closed(self, sequence: int, uncertified: Uncertified) -> Certificate | None:
        """This node closed a ledger; the certificate, if enough signatures are here already."""
        self.uncertified[sequence] = uncertified
        if uncertified.own is not None:
            signed = (uncertified.header_hash, uncertified.own.signature)
            self._signatures.setdefault(sequence, {})[uncertified.own.node_id] = signed
        return self._certify(sequence)

    def add_signature(
        self, message: SignedHeader, last_closed: int, quorum_set: QuorumSet
    ) -> Certificate | None:
        """A peer's signature, from anybody; unusable ones are dropped.

        Raises InvariantViolation when the others agree on another header than ours.
        """
        sequence, node = message.sequence, message.signature.node_id
        is_open = sequence in self.uncertified or last_closed < sequence <= last_closed + AHEAD_MAX
        known = self._signatures.get(sequence, {})
        if not is_open or node not in get_nodes(quorum_set) or node in known:
            return None
        payload = compute_header_payload(self._network_id, sequence, message.header_hash)
        if not is_valid_signature(node, payload, message.signature.signature):
            return None
        signed = (message.header_hash, message.signature.signature)
        self._signatures.setdefault(sequence, {})[node] = signed
        return self._certify(sequence) if sequence in self.uncertified else None

    def set_certified(self, sequence: int) -> None:
        """The certificate came from elsewhere, or was just made."""
        self.uncertified.pop(sequence, None)
        self._signatures.pop(sequence, None)

    def _certify(self, sequence: int) -> Certificate | None:
        ours = self.uncertified[sequence]
        signed = self._signatures.get(sequence, {})
        self._check_divergence(sequence, ours, signed)
        agreeing = {n: s for n, (h, s) in signed.items() if h == ours.header_hash}
        certificate = compute_certificate(ours.quorum_set, agreeing)
        if certificate is not None:
            self.set_certified(sequence)
        return certificate

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
