"""A payment gateway, as transfers need it: one request is one order, posted by the one submitter
that its transfer names, and settled by the gateway's events alone. Shell.
"""

import time
from collections.abc import Callable, Mapping, Sequence

from processors.psim.gateways.adapter import Gateway, PayoutOrder
from processors.psim.gateways.orders import (
    Judgement,
    decode_order,
    encode_order,
    judge,
    make_reference,
)
from processors.psim.gateways.payer import Payer
from processors.psim.gateways.source import GatewaySource
from processors.psim.signing.cosigner import Cosigner
from processors.psim.transfers.desk import Bump, Found
from processors.psim.transfers.ledger import find_open, find_payload
from processors.psim.view import LedgerView, Withdrawal
from schemas.generated.common import (
    AccountID,
    BankAccount,
    IdempotencyResource,
    Resource,
    TransferPurpose,
    WalletKind,
)
from schemas.generated.entries import ExternalTransfer, Keyset, TransferState
from schemas.generated.operations import CreateExternalTransfer
from streams.ledger.border.keysets import get_current_keyset


class GatewayDesk:
    """A `Desk`. `cosigner`: this instance's, as which it posts what names it as the submitter."""

    def __init__(
        self,
        chain_id: str,
        currency: str,
        gateway: Gateway,
        ttl_ms: int,
        cosigner: Cosigner | None,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self.chain_id = chain_id
        self.depth = 0
        self.found: dict[int, Found] = {}
        self.mined: frozenset[int] = frozenset()
        self._currency = currency
        self._source = GatewaySource(chain_id, gateway, currency)
        self._payer = Payer(gateway, ttl_ms, clock)
        self._cosigner = cosigner
        self._problems: dict[int, str] = {}

    @property
    def final(self) -> int:
        return len(self._source.events)

    async def look(self, view: LedgerView) -> None:
        """Events are evidence; everything else that a gateway says is none."""
        await self._source.look()
        transfers = find_open(view, self.chain_id)
        numbers = {int(each.transfer_id) for each in transfers}
        for known in (self.found, self._problems):
            for gone in known.keys() - numbers:
                del known[gone]
        for each in transfers:
            self._judge(view, each)

    def _judge(self, view: LedgerView, transfer: ExternalTransfer) -> None:
        number, payload = int(transfer.transfer_id), find_payload(view, transfer)
        try:
            order = decode_order(b"" if payload is None else payload.payload)
            judged = judge(order, self._source.events)
        except ValueError as error:  # whatever was committed, nobody pays it
            judged = Judgement(None, str(error))
        if judged.evidence is not None:
            outcome, digest, height = judged.evidence
            self.found[number] = Found(outcome, digest, height)
        if judged.problem:
            self._problems[number] = judged.problem

    async def send(
        self,
        view: LedgerView,
        transfer: ExternalTransfer,
        payload: bytes,
        keyset: Keyset,  # noqa: ARG002 - a gateway sees no signatures
        signatures: Mapping[int, bytes],  # noqa: ARG002
    ) -> None:
        """The submitter notes in the ledger that he begins, before he does."""
        cosigner, number = self._cosigner, int(transfer.transfer_id)
        if cosigner is None or transfer.submitter != cosigner.account_id:
            return
        if transfer.submitted_at_ms is None:
            if transfer.state is TransferState.CONFIRMED:
                cosigner.note_upload(view, transfer)
            return
        order, submitted_ms = decode_order(payload), int(transfer.submitted_at_ms)
        problem = await self._payer.step(order, submitted_ms, view.close_time_ms)
        self._problems.pop(number, None)
        if problem:
            self._problems[number] = problem

    # Deciding

    def propose_withdrawal(
        self, view: LedgerView, ready: Sequence[Withdrawal]
    ) -> CreateExternalTransfer | None:
        """The first, by itself: a gateway takes one order at a time."""
        if self._cosigner is None or not ready:
            return None
        return self._make(view, ready[0], self._cosigner.account_id)

    def judge_withdrawal(
        self, view: LedgerView, op: CreateExternalTransfer, requests: Sequence[Withdrawal]
    ) -> str | None:
        if len(requests) != 1 or op.submitter is None:
            return "ONE_REQUEST_WITH_A_SUBMITTER"
        keyset = get_current_keyset(view.state, self.chain_id, WalletKind.HOT)
        online = [] if keyset is None else [e for e in keyset.cosigners if not e.is_offline]
        if op.submitter not in [each.account_id for each in online]:
            return "SUBMITTER_IS_NO_COSIGNER"
        made = self._make(view, requests[0], op.submitter)
        return None if made == op else "DERIVED_OTHERWISE"

    def _make(
        self, view: LedgerView, withdrawal: Withdrawal, submitter: AccountID
    ) -> CreateExternalTransfer | None:
        """By the request alone, but for the submitter."""
        order = self._make_order(view, withdrawal)
        keyset = get_current_keyset(view.state, self.chain_id, WalletKind.HOT)
        if order is None or keyset is None:
            return None
        return CreateExternalTransfer(
            chain_id=self.chain_id,
            wallet=WalletKind.HOT,
            keyset_version=keyset.version,
            purpose=TransferPurpose.WITHDRAW,
            asset=withdrawal.asset,
            amount=withdrawal.body.amount,
            requests=(withdrawal.request.request_id,),
            resources=(Resource(IdempotencyResource(self.chain_id, order.reference)),),
            parent=None,
            submitter=submitter,
            payload=encode_order(order),
        )

    def _make_order(self, view: LedgerView, withdrawal: Withdrawal) -> PayoutOrder | None:
        to = withdrawal.body.destination
        if not isinstance(to, BankAccount):
            return None
        reference = make_reference(view.network_id, int(withdrawal.request.request_id))
        amount = int(withdrawal.body.amount)
        return PayoutOrder(reference, amount, self._currency, to.iban)

    def review(
        self,
        view: LedgerView,
        transfer: ExternalTransfer,
        payload: bytes,
        keyset: Keyset,  # noqa: ARG002 - other chains look at it
    ) -> str | None:
        numbers = list(map(int, transfer.requests))
        withdrawal = view.withdrawals.get(numbers[0]) if len(numbers) == 1 else None
        order = None if withdrawal is None else self._make_order(view, withdrawal)
        if order is None or transfer.amount != order.amount:
            return "NOT_THE_REQUEST"
        return None if encode_order(order) == payload else "NOT_THE_REQUEST"

    def find_rejection(
        self,
        view: LedgerView,  # noqa: ARG002 - other chains look at it
        withdrawal: Withdrawal,
    ) -> str | None:
        is_account = isinstance(withdrawal.body.destination, BankAccount)
        return None if is_account else "DESTINATION_IS_NO_BANK_ACCOUNT"

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

    def find_problems(self, view: LedgerView) -> list[str]:  # noqa: ARG002
        told = sorted(self._problems.items())
        return [f"{self.chain_id}: transfer {number}: {problem}" for number, problem in told]
