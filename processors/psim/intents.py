"""What services ask of the network: the one form in which they hand it to multisigning. Pure."""

from collections.abc import Iterator, Mapping
from hashlib import sha256
from typing import Any, NamedTuple, Protocol

from processors.psim.view import LedgerView
from schemas.generated.builders import OperationBody
from schemas.generated.common import Hash
from schemas.generated.events import Evidence


class Intent(NamedTuple):
    """What a service would have the network do about a final fact.

    `key`: the evidence key, which names the fact. `operation`: its name in the contract. `bodies`:
    derived from final facts alone, so that every instance derives the same. `is_offered`: whether
    it is signed by itself, or only when another instance asks.
    """

    key: Hash
    operation: str
    bodies: tuple[OperationBody, ...]
    is_offered: bool = True


class Service(Protocol):
    """One service that a process hosts."""

    name: str

    def get_intents(self, view: LedgerView) -> Mapping[Hash, Intent]:
        """All that is to be done, by what it derives from the ledger and its chains as they are
        known now."""
        ...

    def consider(self, told: Evidence) -> None:
        """What a peer tells of a fact that it need not have derived itself: a proposal."""
        ...

    async def run(self) -> None:
        """Until cancelled: asks its chains, and calls back whenever there is something new."""
        ...

    def get_status(self) -> Mapping[str, Any]:
        """By instance of the service; each is an object whose `problems` are a list."""
        ...


def compute_evidence_key(kind: str, *parts: str | bytes | int) -> Hash:
    """Unambiguous: every part is preceded by its length."""
    digest = sha256(f"tokend-evidence-{kind}".encode())
    for part in _encode(parts):
        digest.update(len(part).to_bytes(4, "big") + part)
    return Hash(digest.digest())


def _encode(parts: tuple[str | bytes | int, ...]) -> Iterator[bytes]:
    for part in parts:
        if isinstance(part, int):
            yield part.to_bytes(8, "big")
        else:
            yield part.encode() if isinstance(part, str) else part
