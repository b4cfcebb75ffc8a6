"""What desks of banks and payment gateways have in common: orders that a named submitter places, of
which nothing is swept, replaced or cancelled. Whom they pay API tells; the ledger has a hash."""

from collections.abc import Iterator, Sequence

from processors.psim.banks.payees import Payees
from processors.psim.signing.cosigner import Cosigner
from processors.psim.transfers.desk import Bump, Found, Judgement
from processors.psim.transfers.ledger import find_assets
from processors.psim.view import LedgerView, Withdrawal
from schemas.generated.common import (
    AccountID,
    Hash,
    IdempotencyResource,
    PayoutAccount,
    PayoutDetails,
    Resource,
    TransferPurpose,
    WalletKind,
)
from schemas.generated.entries import ExternalTransfer, TransferState
from schemas.generated.operations import CreateExternalTransfer
from streams.ledger.border.keysets import get_current_keyset


class FileDesk:
    """The part of a `Desk` that is the same for both. `payees`: who is behind payout accounts.
    `cosigner`: this instance's, as which it places what names it as the submitter."""

    def __init__(self, chain_id: str, payees: Payees, cosigner: Cosigner | None) -> None:
        self.chain_id = chain_id
        self.payees = payees
        self.cosigner = cosigner
        self.depth = 0
        self.found: dict[int, Found] = {}
        self.mined: frozenset[int] = frozenset()
        self.looked_after = 0
        self._problems: dict[int, str] = {}

    # What is known

    def forget_others(self, transfers: Sequence[ExternalTransfer]) -> None:
        """All but these."""
        numbers = {int(each.transfer_id) for each in transfers}
        for known in (self.found, self._problems):
            for gone in known.keys() - numbers:
                del known[gone]

    def note_judgement(self, transfer: ExternalTransfer, judged: Judgement) -> None:
        if judged.evidence is not None:
            self.found[int(transfer.transfer_id)] = judged.evidence
        if judged.problem:
            self.note(transfer, judged.problem)

    def note(self, transfer: ExternalTransfer, problem: str) -> None:
        """Empty: there is none any more."""
        self._problems.pop(int(transfer.transfer_id), None)
        if problem:
            self._problems[int(transfer.transfer_id)] = problem

    def find_problems(self, view: LedgerView) -> list[str]:  # noqa: ARG002 - a `Desk`'s form
        waits = [f"{self.chain_id}: {self.payees.problem}"] if self.payees.problem else []
        told = sorted(self._problems.items())
        return [*waits, *(f"{self.chain_id}: transfer {n}: {problem}" for n, problem in told)]

    async def ask_payees(self, view: LedgerView) -> None:
        """Of all withdrawals that wait."""
        await self.payees.ask(list(self._find_payees(view)))

    def _find_payees(self, view: LedgerView) -> Iterator[tuple[Hash, int]]:
        assets = find_assets(view, self.chain_id)
        for number, each in sorted(view.withdrawals.items()):
            to = each.body.destination
            if each.asset in assets and isinstance(to, PayoutAccount):
                yield to.account_hash, number

    def get_payee(self, withdrawal: Withdrawal) -> PayoutDetails | None:
        """None: API has not said it."""
        to = withdrawal.body.destination
        return self.payees.get(to.account_hash) if isinstance(to, PayoutAccount) else None

    def find_payee(self, view: LedgerView, transfer: ExternalTransfer) -> PayoutDetails | None:
        withdrawal = self.find_withdrawal(view, transfer)
        return None if withdrawal is None else self.get_payee(withdrawal)

    def begin(self, view: LedgerView, transfer: ExternalTransfer) -> int | None:
        """When this instance, as the submitter, began by the ledger; before that it notes there
        that it does, once it knows the payee. None: it is not its turn."""
        cosigner = self.cosigner
        if cosigner is None or transfer.submitter != cosigner.account_id:
            return None
        is_first = transfer.submitted_at_ms is None and transfer.state is TransferState.CONFIRMED
        if is_first and self.find_payee(view, transfer) is not None:
            cosigner.note_upload(view, transfer)
        return transfer.submitted_at_ms

    # Deciding

    def make_transfer(
        self,
        view: LedgerView,
        withdrawal: Withdrawal,
        submitter: AccountID,
        reference: str,
        payload: bytes,
    ) -> CreateExternalTransfer | None:
        """One request is one order, under its `reference`."""
        keyset = get_current_keyset(view.state, self.chain_id, WalletKind.HOT)
        if keyset is None:
            return None
        return CreateExternalTransfer(
            chain_id=self.chain_id,
            wallet=WalletKind.HOT,
            keyset_version=keyset.version,
            purpose=TransferPurpose.WITHDRAW,
            asset=withdrawal.asset,
            amount=withdrawal.body.amount,
            requests=(withdrawal.request.request_id,),
            resources=(Resource(IdempotencyResource(self.chain_id, reference)),),
            parent=None,
            submitter=submitter,
            payload=payload,
        )

    def judge_submitter(self, view: LedgerView, op: CreateExternalTransfer) -> str | None:
        """One request, and one of the cosigners who are online: a code."""
        if len(op.requests) != 1 or op.submitter is None:
            return "ONE_REQUEST_WITH_A_SUBMITTER"
        keyset = get_current_keyset(view.state, self.chain_id, WalletKind.HOT)
        online = [] if keyset is None else [e for e in keyset.cosigners if not e.is_offline]
        is_known = op.submitter in [each.account_id for each in online]
        return None if is_known else "SUBMITTER_IS_NO_COSIGNER"

    def find_withdrawal(self, view: LedgerView, transfer: ExternalTransfer) -> Withdrawal | None:
        """Its one request."""
        numbers = list(map(int, transfer.requests))
        return view.withdrawals.get(numbers[0]) if len(numbers) == 1 else None

    def find_rejection(
        self,
        view: LedgerView,  # noqa: ARG002 - a `Desk`'s form
        withdrawal: Withdrawal,
    ) -> str | None:
        is_account = isinstance(withdrawal.body.destination, PayoutAccount)
        return None if is_account else "DESTINATION_IS_NO_PAYOUT_ACCOUNT"

    def propose_sweep(self, view: LedgerView) -> CreateExternalTransfer | None:  # noqa: ARG002
        """There is nothing to sweep."""
        return None

    def judge_sweep(
        self,
        view: LedgerView,  # noqa: ARG002
        op: CreateExternalTransfer,  # noqa: ARG002
    ) -> str | None:
        return "NO_SWEEPS"

    def make_bump(self, view: LedgerView, transfer: ExternalTransfer) -> Bump | None:  # noqa: ARG002
        """An order is never replaced."""
        return None

    def make_cancel(
        self,
        view: LedgerView,  # noqa: ARG002
        transfer: ExternalTransfer,  # noqa: ARG002
    ) -> CreateExternalTransfer | None:
        """Nothing can make sure that an order is never paid."""
        return None
