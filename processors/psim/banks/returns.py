"""Payouts that a bank gives back: whose they are, by what stands on the ledger. Pure."""

from processors.psim.banks.payouts import decode_order
from processors.psim.transfers.ledger import find_payload
from processors.psim.view import LedgerView
from schemas.generated.common import AccountID, IdempotencyResource, Resource, TransferOutcome
from schemas.strkey import decode_account_id
from streams.ledger.border.resources import compute_resource_id

RETURNED = "returned "
"""In place of a payment reference, before the payout's own."""


def find_receiver(view: LedgerView, chain_id: str, address: str, amount: int) -> AccountID | None:
    """Who asked for the payout, if the ledger still has it as paid and no more comes back than was
    paid."""
    reference = address.removeprefix(RETURNED)
    resource = Resource(IdempotencyResource(chain_id, reference))
    used = view.state.get_used_resource(compute_resource_id(resource))
    transfer = None if used is None else view.transfers.get(used.transfer_id)
    if transfer is None or transfer.outcome is not TransferOutcome.PAID or amount > transfer.amount:
        return None
    payload = find_payload(view, transfer)
    try:
        return decode_account_id(decode_order(b"" if payload is None else payload.payload).account)
    except ValueError:  # of a gateway, or of people
        return None
