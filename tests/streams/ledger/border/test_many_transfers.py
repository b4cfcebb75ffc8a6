"""A thousand pending transfers of a hundred requests each: they can be signed, and all adds up."""

import pytest

from schemas.generated.common import U64
from streams.ledger.invariants import check_everything
from tests.support.border import COSIGNERS, sign
from tests.support.many_transfers import add_pending_transfers
from tests.support.network import get_account, make_economy

SIGNED = 200


@pytest.mark.slow
def test_any_of_many_transfers_is_signed() -> None:
    network = make_economy()
    add_pending_transfers(network)
    candidates = [
        network.prepare(name, sign(network, number))
        for number in range(2, SIGNED + 2)
        for name in COSIGNERS[:2]
    ]
    network.close(*candidates)
    get_signature = network.ledger.state.get_transfer_signature
    for number in range(2, SIGNED + 2):
        for name in COSIGNERS[:2]:
            assert get_signature(U64(number), 1, get_account(name)) is not None
    check_everything(network.ledger.state)
