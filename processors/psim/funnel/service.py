"""The service Funnel of one instance."""

from typing import Any

from processors.psim.transfers.service import TransferService
from schemas.generated.common import TransferPurpose

PURPOSES = (TransferPurpose.SWEEP, TransferPurpose.REFILL)


class FunnelService(TransferService):
    """Sweeps deposit addresses, and asks for what the hot wallet lacks."""

    def __init__(self, *arguments: Any, **more: Any) -> None:
        super().__init__("funnel", PURPOSES, *arguments, **more)
