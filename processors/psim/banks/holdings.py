"""What an account at a bank holds after a statement: its closing balance."""

from collections.abc import Collection, Mapping, Sequence

from processors.psim.banks.payouts import decode_order
from processors.psim.banks.source import BankSource
from processors.psim.chains.source import COIN, Block, ChainContradiction, ChainPayment
from processors.psim.reserves.holdings import Paid, Wallets
from processors.psim.transfers.ledger import find_open, find_payload
from processors.psim.view import LedgerView
from schemas.generated.common import WalletKind


class BankHoldings:
    """A `HoldingsReader`. The account is the hot wallet: what comes in is paid out of it."""

    def __init__(self, chain_id: str, source: BankSource) -> None:
        self._chain_id = chain_id
        self._source = source

    def reset(self) -> None:
        """Nothing is kept."""

    def find_wallets(self, view: LedgerView) -> Wallets:  # noqa: ARG002 - a reader's form
        return {WalletKind.HOT: (self._source.account,)}

    async def fold(self, block: Block, payments: Sequence[ChainPayment]) -> None:
        """Nothing is kept."""

    async def read(
        self,
        block: Block,
        wallets: Wallets,  # noqa: ARG002 - there is one account
        tokens: Collection[str],  # noqa: ARG002 - and one currency
    ) -> Mapping[tuple[WalletKind, str], int]:
        held = await self._source.get_holding(self._source.account, COIN, block)
        if held < 0:
            raise ChainContradiction(f"{self._chain_id} is overdrawn by {-held}")
        return {(WalletKind.HOT, COIN): held}

    def find_paid(self, view: LedgerView, height: int) -> Mapping[int, Paid]:
        """By the debits that name orders, those of settled transfers too."""
        found = {}
        for transfer in find_open(view, self._chain_id):
            payload = find_payload(view, transfer)
            try:
                order = decode_order(b"" if payload is None else payload.payload)
            except ValueError:
                continue
            for at, item in self._source.find_booked(order.reference):
                if at <= height and not item.is_credit and not item.is_reversal:
                    found[int(transfer.transfer_id)] = Paid(at, item.amount)
        return found
