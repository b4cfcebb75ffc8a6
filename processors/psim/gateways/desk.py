"""A payment gateway, as transfers need it: one request is one order, posted by the one submitter
that its transfer names, and settled by the gateway's events alone. Shell.
"""

import time
from collections.abc import Callable, Mapping, Sequence

from processors.psim.banks.payees import Payees
from processors.psim.gateways.adapter import Gateway
from processors.psim.gateways.orders import (
    GatewayOrder,
    decode_order,
    encode_order,
    judge,
    make_reference,
)
from processors.psim.gateways.payer import Payer
from processors.psim.gateways.source import GatewaySource
from processors.psim.signing.cosigner import Cosigner
from processors.psim.transfers.desk import Judgement
from processors.psim.transfers.file_desk import FileDesk
from processors.psim.transfers.ledger import find_open, find_payload
from processors.psim.view import LedgerView, Withdrawal
from schemas.generated.common import AccountID, PayoutAccount
from schemas.generated.entries import ExternalTransfer, Keyset
from schemas.generated.operations import CreateExternalTransfer


class GatewayDesk(FileDesk):
    """A `Desk`. `cosigner`: this instance's, as which it posts what names it as the submitter."""

    def __init__(
        self,
        source: GatewaySource,
        gateway: Gateway,
        currency: str,
        ttl_ms: int,
        payees: Payees,
        cosigner: Cosigner | None,
        clock: Callable[[], float] = time.time,
    ) -> None:
        super().__init__(source.chain_id, payees, cosigner)
        self._currency = currency
        self._source = source
        self._payer = Payer(gateway, ttl_ms, clock)

    @property
    def final(self) -> int:
        return self._source.final

    async def look(self, view: LedgerView) -> None:
        """Events are evidence; everything else that a gateway says is none."""
        await self._source.look()
        transfers = find_open(view, self.chain_id)
        self.forget_others(transfers)
        for each in transfers:
            self._judge(view, each)
        await self.ask_payees(view)

    def _judge(self, view: LedgerView, transfer: ExternalTransfer) -> None:
        payload = find_payload(view, transfer)
        try:
            order = decode_order(b"" if payload is None else payload.payload)
            judged = judge(order, self._source.events)
        except ValueError as error:  # whatever was committed, nobody pays it
            judged = Judgement(None, str(error))
        self.note_judgement(transfer, judged)

    async def send(
        self,
        view: LedgerView,
        transfer: ExternalTransfer,
        payload: bytes,
        keyset: Keyset,  # noqa: ARG002 - a gateway sees no signatures
        signatures: Mapping[int, bytes],  # noqa: ARG002
    ) -> None:
        """The submitter notes in the ledger that he begins, before he does."""
        submitted_ms = self.begin(view, transfer)
        if submitted_ms is None:
            return
        order, payee = decode_order(payload), self.find_payee(view, transfer)
        try:
            problem = await self._payer.step(order, payee, submitted_ms, view.close_time_ms)
        except ValueError as error:
            problem = str(error)
        self.note(transfer, problem)

    # Deciding

    def propose_withdrawal(
        self, view: LedgerView, ready: Sequence[Withdrawal]
    ) -> CreateExternalTransfer | None:
        """The first whose payee is known, by itself: a gateway takes one order at a time."""
        if self.cosigner is None:
            return None
        known = next((each for each in ready if self.get_payee(each) is not None), None)
        return None if known is None else self._make(view, known, self.cosigner.account_id)

    def judge_withdrawal(
        self, view: LedgerView, op: CreateExternalTransfer, requests: Sequence[Withdrawal]
    ) -> str | None:
        code = self.judge_submitter(view, op)
        if code is not None or op.submitter is None:
            return code
        if self.get_payee(requests[0]) is None:
            return "PAYEE_UNKNOWN"
        made = self._make(view, requests[0], op.submitter)
        return None if made == op else "DERIVED_OTHERWISE"

    def _make(
        self, view: LedgerView, withdrawal: Withdrawal, submitter: AccountID
    ) -> CreateExternalTransfer | None:
        """By the request alone, but for the submitter."""
        order = self._make_order(view, withdrawal)
        if order is None:
            return None
        payload = encode_order(order)
        return self.make_transfer(view, withdrawal, submitter, order.reference, payload)

    def _make_order(self, view: LedgerView, withdrawal: Withdrawal) -> GatewayOrder | None:
        to = withdrawal.body.destination
        if not isinstance(to, PayoutAccount):
            return None
        reference = make_reference(view.network_id, int(withdrawal.request.request_id))
        amount = int(withdrawal.body.amount)
        return GatewayOrder(reference, amount, self._currency, to.account_hash.hex())

    def review(
        self,
        view: LedgerView,
        transfer: ExternalTransfer,
        payload: bytes,
        keyset: Keyset,  # noqa: ARG002 - other chains look at it
    ) -> str | None:
        withdrawal = self.find_withdrawal(view, transfer)
        order = None if withdrawal is None else self._make_order(view, withdrawal)
        if order is None or transfer.amount != order.amount:
            return "NOT_THE_REQUEST"
        return None if encode_order(order) == payload else "NOT_THE_REQUEST"
