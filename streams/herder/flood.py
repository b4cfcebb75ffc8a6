"""Spreading envelopes among peers: advertise at once, demand what stays unseen. Pure.

Nodes on one cluster read the same envelopes from Kafka anyway; a demand 100 ms after the advert
only ever asks for what did not come by itself.
"""

from schemas.generated.common import Hash, PublicKey

DEMAND_DELAY_MS = 100
PER_MESSAGE_MAX = 1_000
WANTED_MAX = 50_000


class Flood:
    """Adverts to send, and advertised envelopes that are not here."""

    def __init__(self) -> None:
        self._to_advertise: list[Hash] = []
        self._wanted: dict[Hash, tuple[PublicKey, int]] = {}  # who has it, since when

    @property
    def is_waiting(self) -> bool:
        return bool(self._wanted)

    def advertise(self, envelope_hash: Hash) -> None:
        self._to_advertise.append(envelope_hash)

    def take_adverts(self) -> list[tuple[Hash, ...]]:
        """What became known since the last call, in messages of bounded size."""
        hashes, self._to_advertise = self._to_advertise, []
        return _split(hashes)

    def want(self, envelope_hash: Hash, peer: PublicKey, now_ms: int) -> None:
        """`peer` has it and this node has not. Bounded: a flood of adverts is forgotten."""
        if len(self._wanted) < WANTED_MAX:
            self._wanted.setdefault(envelope_hash, (peer, now_ms))

    def forget(self, envelope_hash: Hash) -> None:
        self._wanted.pop(envelope_hash, None)

    def take_demands(self, now_ms: int) -> list[tuple[PublicKey, tuple[Hash, ...]]]:
        """What has been unseen for long enough, and whom to ask, in messages of bounded size; each
        is asked for once."""
        demands: dict[PublicKey, list[Hash]] = {}
        for envelope_hash, (peer, since_ms) in list(self._wanted.items()):
            if now_ms - since_ms >= DEMAND_DELAY_MS:
                del self._wanted[envelope_hash]
                demands.setdefault(peer, []).append(envelope_hash)
        return [(peer, part) for peer, hashes in demands.items() for part in _split(hashes)]


def _split(hashes: list[Hash]) -> list[tuple[Hash, ...]]:
    return [tuple(hashes[i : i + PER_MESSAGE_MAX]) for i in range(0, len(hashes), PER_MESSAGE_MAX)]
