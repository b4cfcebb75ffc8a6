"""A bank, as transfers need it: one request is one file (pain.001), laid once by the one submitter
that its transfer names, and settled by statements, rejections or people. Shell.
"""

import time
from collections.abc import Callable, Mapping, Sequence

from processors.psim.banks.outbox import Outbox
from processors.psim.banks.pain import Payer
from processors.psim.banks.payees import Payees
from processors.psim.banks.payouts import (
    AT_MS,
    UPLOAD_MS,
    BankOrder,
    decode_order,
    encode_order,
    judge,
    make_order,
    make_ordered_file,
    make_reference,
)
from processors.psim.banks.source import BankSource
from processors.psim.chains.source import ChainUnavailable
from processors.psim.signing.cosigner import Cosigner
from processors.psim.transfers.desk import Found
from processors.psim.transfers.file_desk import FileDesk
from processors.psim.transfers.ledger import find_open, find_payload
from processors.psim.view import LedgerView, Withdrawal
from schemas.generated.common import (
    AccountID,
    PayoutDetails,
    TransferOutcome,
)
from schemas.generated.entries import ExternalTransfer, Keyset, TransferState
from schemas.generated.operations import CreateExternalTransfer
from schemas.strkey import encode_account_id

SUFFIX = ".xml"
DIGITS_MAX = 18
"""Of an amount in a payment file."""
RETURNS_MS = 60 * 24 * 60 * 60 * 1000
"""So long a payout that was paid stays on the ledger: what comes back within is its receiver's."""


class BankDesk(FileDesk):
    """A `Desk`. `cosigner`: this instance's, as which it uploads what names it as submitter."""

    def __init__(
        self,
        chain_id: str,
        payer: Payer,
        source: BankSource,
        outbox: Outbox,
        payees: Payees,
        cosigner: Cosigner | None,
        clock: Callable[[], float] = time.time,
    ) -> None:
        super().__init__(chain_id, payees, cosigner)
        self._payer = payer
        self._source = source
        self._outbox = outbox
        self._clock = clock

    @property
    def final(self) -> int:
        return self._source.final

    async def look(self, view: LedgerView) -> None:
        """Statements and rejections are evidence; that a file was taken is none."""
        await self._source.look()
        transfers = find_open(view, self.chain_id)
        self.forget_others(transfers)
        for each in transfers:
            if each.state is TransferState.SETTLED:
                self.note(each, "")
                self._close(view, each)
            else:
                self._judge(view, each)
        await self.ask_payees(view)

    def _close(self, view: LedgerView, transfer: ExternalTransfer) -> None:
        """What was paid may come back, and whoever asked for what was not has to be told so first;
        then it is closed."""
        number, outcome = int(transfer.transfer_id), transfer.outcome
        settled_ms, evidence = transfer.settled_at_ms, transfer.evidence
        if outcome is None or settled_ms is None or evidence is None:
            return
        is_paid = outcome is TransferOutcome.PAID
        is_old = view.close_time_ms - settled_ms >= RETURNS_MS
        is_told = not any(int(each) in view.withdrawals for each in transfer.requests)
        if is_old if is_paid else is_told:
            self.found[number] = Found(outcome, evidence, 0)
        else:
            self.found.pop(number, None)

    def _judge(self, view: LedgerView, transfer: ExternalTransfer) -> None:
        payload = find_payload(view, transfer)
        try:
            order = decode_order(b"" if payload is None else payload.payload)
        except ValueError as error:  # whatever was committed, nobody pays it
            self.note(transfer, str(error))
            return
        booked = self._source.find_booked(order.reference)
        self.note_judgement(transfer, judge(order, booked, self._source.list_statuses()))

    async def send(
        self,
        view: LedgerView,
        transfer: ExternalTransfer,
        payload: bytes,
        keyset: Keyset,  # noqa: ARG002 - a bank sees no signatures
        signatures: Mapping[int, bytes],  # noqa: ARG002
    ) -> None:
        """The submitter notes in the ledger that he begins, and lays the file there soon after, or
        never."""
        submitted_ms = self.begin(view, transfer)
        if submitted_ms is None:
            return
        now_ms = max(int(self._clock() * 1000), view.close_time_ms)
        payee = self.find_payee(view, transfer)
        if now_ms >= submitted_ms + UPLOAD_MS:
            self.note(transfer, "nobody knows whether the bank has it: only evidence settles it")
        elif payee is not None:
            await self._upload(transfer, decode_order(payload), payee)

    async def _upload(
        self, transfer: ExternalTransfer, order: BankOrder, payee: PayoutDetails
    ) -> None:
        try:
            content = make_ordered_file(self._payer, order, payee)
            await self._outbox.put(order.reference + SUFFIX, content)
        except ValueError as error:
            self.note(transfer, str(error))
        except ChainUnavailable as error:
            self.note(transfer, f"nobody knows whether the bank has it: {error}")

    # Deciding

    def propose_withdrawal(
        self, view: LedgerView, ready: Sequence[Withdrawal]
    ) -> CreateExternalTransfer | None:
        """The first whose payee is known, by itself: one request is one file."""
        if self.cosigner is None:
            return None
        at_ms = view.close_time_ms // 1000 * 1000
        made = (self._make(view, each, self.cosigner.account_id, at_ms) for each in ready)
        return next((each for each in made if each is not None), None)

    def judge_withdrawal(
        self, view: LedgerView, op: CreateExternalTransfer, requests: Sequence[Withdrawal]
    ) -> str | None:
        code = self.judge_submitter(view, op)
        if code is not None:
            return code
        try:
            at_ms = decode_order(op.payload).at_ms
        except ValueError:
            return "NOT_AN_ORDER"
        if op.submitter is None or abs(view.close_time_ms - at_ms) > AT_MS:
            return "WRONG_TIME"
        if self.get_payee(requests[0]) is None:
            return "PAYEE_UNKNOWN"
        made = self._make(view, requests[0], op.submitter, at_ms)
        return None if made == op else "DERIVED_OTHERWISE"

    def _make(
        self, view: LedgerView, withdrawal: Withdrawal, submitter: AccountID, at_ms: int
    ) -> CreateExternalTransfer | None:
        """By the request and the payee alone, but for the submitter and the time."""
        order = self._make_order(view, withdrawal, at_ms)
        if order is None:
            return None
        payload = encode_order(order)
        return self.make_transfer(view, withdrawal, submitter, order.reference, payload)

    def _make_order(self, view: LedgerView, withdrawal: Withdrawal, at_ms: int) -> BankOrder | None:
        payee = self.get_payee(withdrawal)
        if payee is None:
            return None
        reference = make_reference(view.network_id, int(withdrawal.request.request_id))
        account = encode_account_id(withdrawal.request.requestor)
        return make_order(
            self._payer, reference, at_ms, int(withdrawal.body.amount), payee, account
        )

    def review(
        self,
        view: LedgerView,
        transfer: ExternalTransfer,
        payload: bytes,
        keyset: Keyset,  # noqa: ARG002 - other chains look at it
    ) -> str | None:
        """A signature says that this instance has made the same file."""
        withdrawal = self.find_withdrawal(view, transfer)
        order = decode_order(payload)
        if withdrawal is None or transfer.amount != withdrawal.body.amount:
            return "NOT_THE_REQUEST"
        if abs(transfer.created_at_ms - order.at_ms) > AT_MS:
            return "WRONG_TIME"
        made = self._make_order(view, withdrawal, order.at_ms)
        if made is None:
            return "PAYEE_UNKNOWN"
        return None if made == order else "NOT_THE_REQUEST"

    def find_rejection(self, view: LedgerView, withdrawal: Withdrawal) -> str | None:
        """Also of what a bank has not paid: no second file is made for a request."""
        code = super().find_rejection(view, withdrawal)
        if code is not None:
            return code
        if len(str(int(withdrawal.body.amount))) > DIGITS_MAX:
            return "AMOUNT_TOO_LARGE"
        number = withdrawal.request.request_id
        ended = (e for e in find_open(view, self.chain_id) if e.state is TransferState.SETTLED)
        return "NOT_PAID_BY_BANK" if any(number in each.requests for each in ended) else None
