"""One chain, as transfers need it: what is known of it, and what can be made of that.

Everything that decides is pure and reads facts; only `look` and `send` ask the endpoint.
"""

from collections.abc import Mapping, Sequence
from typing import NamedTuple, Protocol

from processors.psim.view import LedgerView, Withdrawal
from schemas.generated.common import Hash, Resource, TransferOutcome
from schemas.generated.entries import ExternalTransfer, Keyset
from schemas.generated.operations import CreateExternalTransfer


class Found(NamedTuple):
    """What came of a transfer, by final blocks alone. `fee`: in the chain's coin, from the
    network's wallet; `evidence`: hash of the block and of the transaction in it."""

    outcome: TransferOutcome
    evidence: Hash
    height: int
    fee: int = 0


class Judgement(NamedTuple):
    """At most one is set. `evidence`: `height` is of the statement or event; `problem`: what people
    must look at, because nothing explains it."""

    evidence: Found | None
    problem: str


class Bump(NamedTuple):
    """A further version of a transfer. `resources`: what it uses beside what the others do."""

    payload: bytes
    resources: tuple[Resource, ...] = ()


class Desk(Protocol):
    """`final`: the last final block that was read; `looked_after`: the ledger whose transfers were
    looked for up to there. `found`: by number of the transfer. `mined`: transfers that stand in
    blocks that are not final."""

    chain_id: str
    depth: int
    found: dict[int, Found]
    mined: frozenset[int]
    looked_after: int

    @property
    def final(self) -> int: ...

    async def look(self, view: LedgerView) -> None:
        """Reads what is new. Raises `ChainUnavailable` and `ChainContradiction`."""
        ...

    def propose_withdrawal(
        self, view: LedgerView, ready: Sequence[Withdrawal]
    ) -> CreateExternalTransfer | None:
        """Pays as many of these, from the first on, as go together; None: the wallet cannot."""
        ...

    def judge_withdrawal(
        self, view: LedgerView, op: CreateExternalTransfer, requests: Sequence[Withdrawal]
    ) -> str | None:
        """Why a proposal is not signed, a code; None: nothing is wrong with it. What holds of every
        chain was judged before."""
        ...

    def propose_sweep(self, view: LedgerView) -> CreateExternalTransfer | None:
        """From addresses for deposits, or from the cold to the hot wallet."""
        ...

    def judge_sweep(self, view: LedgerView, op: CreateExternalTransfer) -> str | None: ...

    def review(
        self, view: LedgerView, transfer: ExternalTransfer, payload: bytes, keyset: Keyset
    ) -> str | None:
        """What a cosigner checks before it signs, by the ledger and the payload alone: a code, or
        None. Recipients and amounts are those of the requests, the rest goes to our wallets."""
        ...

    def find_rejection(self, view: LedgerView, withdrawal: Withdrawal) -> str | None:
        """Why a request can never be paid, a code, by the ledger alone."""
        ...

    def make_bump(self, view: LedgerView, transfer: ExternalTransfer) -> Bump | None:
        """A version that pays more for being mined, if one is due and allowed."""
        ...

    def make_cancel(
        self, view: LedgerView, transfer: ExternalTransfer
    ) -> CreateExternalTransfer | None:
        """What makes sure that a transfer that cannot happen never does."""
        ...

    async def send(
        self,
        view: LedgerView,
        transfer: ExternalTransfer,
        payload: bytes,
        keyset: Keyset,
        signatures: Mapping[int, bytes],
    ) -> None:
        """Once more, until it is mined; the same bytes by whoever does. Raises as `look`."""
        ...

    def find_problems(self, view: LedgerView) -> list[str]: ...
