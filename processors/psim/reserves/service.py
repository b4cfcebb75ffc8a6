"""The service Reserves of one instance: one watch a chain, and one of all accounts."""

from processors.psim.reserves.reporting import Reporting
from processors.psim.view import LedgerView
from processors.psim.watches import WatchService
from schemas.codec import Malformed, decode
from schemas.generated.events import ReserveReport, SignedReserveReport


class ReservesService(WatchService[Reporting]):
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
            watch.take(told, report)
