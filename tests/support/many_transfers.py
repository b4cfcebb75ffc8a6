"""A thousand pending transfers of a hundred requests each, for tests and benchmarks."""

from msgspec.structs import replace

from schemas.generated.common import U64, NonceResource, Resource
from schemas.generated.entries import CommittedRequest
from schemas.generated.keys import Entry
from streams.ledger.border.resources import compute_resource_id
from streams.ledger.border.transfers import make_payload
from streams.ledger.requests.pending import compute_request_hash
from tests.streams.ledger.operations.cases import put
from tests.support.border import ETH, PAYLOAD, commit, get_transfer
from tests.support.network import Network

TRANSFERS, REQUESTS = 1_000, 100


def add_pending_transfers(network: Network) -> None:
    """Of a hundred requests each: copies of a first one, with all that it has in the state."""
    commit(network)
    state = network.ledger.state
    first = get_transfer(network)
    request = state.get_reviewable_request(first.requests[0])
    used = state.get_used_resource(first.resources[0])
    balance = state.get_balance(network.get_balance_id("alice", ETH))
    assert request is not None
    assert used is not None
    assert balance is not None
    entries: list[Entry] = []
    for number in range(2, TRANSFERS + 2):
        ids = tuple(U64(1_000 * number + n) for n in range(REQUESTS))
        made = Resource(NonceResource("eip155:31337", "0xmany", U64(number)))
        resource_id = compute_resource_id(made)
        transfer_id = U64(number)
        entries += [
            replace(first, transfer_id=transfer_id, requests=ids, resources=(resource_id,)),
            make_payload(transfer_id, 1, PAYLOAD),
            replace(used, resource_id=resource_id, transfer_id=transfer_id, resource=made),
        ]
        for each in ids:
            copied = replace(request, request_id=each)
            hashed = compute_request_hash(each, copied.sequence_number, copied.body)
            entries += [
                replace(copied, request_hash=hashed),
                CommittedRequest(each, transfer_id),
            ]
    put(network, *entries)
    amount = 100 * TRANSFERS * REQUESTS
    supply = state.get_asset_supply(ETH)
    asset = state.get_asset(ETH)
    assert supply is not None
    assert asset is not None
    put(network, replace(balance, locked=balance.locked + amount))
    put(network, replace(supply, issued=supply.issued + amount))
