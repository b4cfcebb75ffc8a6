"""The service Withdraw of one instance."""

from typing import Any

from processors.psim.transfers.service import TransferService
from schemas.generated.common import TransferPurpose

PURPOSES = (TransferPurpose.WITHDRAW, TransferPurpose.CANCEL)


class WithdrawService(TransferService):
    """Pays requests for withdrawals; cancels what cannot happen, whatever it was for."""

    def __init__(self, *arguments: Any, **more: Any) -> None:
        super().__init__("withdraw", PURPOSES, *arguments, **more)
