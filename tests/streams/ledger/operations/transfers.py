"""What cases of external transfers begin from, and the transfers that they make."""

from collections.abc import Callable
from typing import Any

from msgspec.structs import replace

from schemas.generated.common import (
    U64,
    Amount,
    IdempotencyResource,
    Resource,
    TransferPurpose,
    WalletKind,
)
from schemas.generated.operations import (
    CreateExternalTransfer,
    ManageAllowedDestination,
    ManageAssetHalt,
)
from tests.streams.ledger.operations.cases import make_account_role, put
from tests.streams.ledger.operations.test_checkpoint_chain import step_back
from tests.support.border import (
    BANK,
    CHAIN,
    TO,
    advance,
    ask,
    cancel,
    commit,
    make_keyset,
    open_border,
    put_caps,
    transfer,
    utxo,
)
from tests.support.network import Network, get_account
from tests.support.requests import govern


def open_with_request(network: Network) -> None:
    open_border(network)
    ask(network)


def get_last_request(network: Network) -> int:
    return int(network.ledger.state.get_counters().request)


def pay_last(**changes: Any) -> Callable[[Network], CreateExternalTransfer]:
    """Of the last request, with these fields."""

    def build(network: Network) -> CreateExternalTransfer:
        return transfer(network, get_last_request(network), **changes)

    return build


def bank(network: Network, **changes: Any) -> CreateExternalTransfer:
    """A file for a bank."""
    fields: dict[str, Any] = {
        "chain_id": BANK,
        "resources": (Resource(IdempotencyResource(BANK, "file-1")),),
        "submitter": get_account("bob"),
    }
    return transfer(network, get_last_request(network), **{**fields, **changes})


def open_bank(network: Network) -> None:
    open_border(network)
    keyset = govern(make_keyset(WalletKind.HOT, BANK))
    network.apply("master", keyset, put_caps(chain_id=BANK))
    ask(network)


def halt_chain(network: Network) -> None:
    open_with_request(network)
    network.apply("master", advance(9))
    network.apply("master", step_back(8))


def open_for_coins(network: Network) -> None:
    """A cold wallet without nonces, which refills."""
    open_border(network)
    network.apply(
        "master",
        govern(make_keyset(WalletKind.COLD)),
        put_caps(purpose=TransferPurpose.REFILL),
    )


def refill(network: Network, **changes: Any) -> CreateExternalTransfer:
    fields: dict[str, Any] = {
        "wallet": WalletKind.COLD,
        "purpose": TransferPurpose.REFILL,
        "resources": (utxo(0),),
        "amount": Amount(50),
    }
    return transfer(network, **{**fields, **changes})


def refill_once(network: Network) -> None:
    open_for_coins(network)
    network.apply("master", refill(network))


def add_task(network: Network) -> None:
    open_with_request(network)
    request = network.ledger.state.get_reviewable_request(U64(get_last_request(network)))
    assert request is not None
    put(network, replace(request, pending_tasks=request.pending_tasks | 32))


def block_people(network: Network) -> None:
    open_with_request(network)
    put(network, make_account_role(2, "general", "send-transactions"))


def halt_asset(network: Network) -> None:
    open_with_request(network)
    network.apply("master", ManageAssetHalt("ETH", None, True))


def demand_list(network: Network) -> None:
    open_with_request(network)
    network.apply("master", put_caps(allow_list_delay_ms=5_000))
    network.apply("alice", ManageAllowedDestination(TO, is_allowed=True))


def cap_to_less(network: Network) -> None:
    open_with_request(network)
    network.apply("master", put_caps(99))


def commit_and_cancel(network: Network) -> None:
    commit(network)
    network.apply("master", cancel(network, 1))


def commit_and_ask(network: Network) -> None:
    commit(network)
    ask(network)


def replace_keyset(network: Network) -> None:
    """The second keyset binds from nonce 5 on."""
    open_with_request(network)
    state = network.ledger.state
    first = state.get_keyset(CHAIN, WalletKind.HOT, 1)
    assert first is not None
    put(network, replace(first, version=2, binds_from=U64(5)))
