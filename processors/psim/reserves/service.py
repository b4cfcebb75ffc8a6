"""The service Reserves of one instance: one watch a chain."""

from processors.psim.reserves.watch import ReserveWatch
from processors.psim.view import LedgerView
from processors.psim.watches import WatchService
from schemas.codec import Malformed, decode
from schemas.generated.events import ReserveReport, SignedReserveReport


class ReservesService(WatchService[ReserveWatch]):
    """See `processors.psim.intents.Service`."""

    name = "reserves"

    def note_ledger(self, view: LedgerView) -> None:
        for watch in self.watches:
            watch.note_ledger(view)

    def take(self, told: SignedReserveReport) -> None:
        """What an instance tells, one's own too."""
        try:
            report = decode(ReserveReport, told.report)
        except Malformed:
            return
        for watch in self.watches:
            if watch.chain_id == report.chain_id:
                watch.take(told, report)
