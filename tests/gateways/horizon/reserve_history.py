"""Reports on the reserves of an economy's asset, as its owner would sign them."""

from typing import Any

from msgspec.structs import replace

from processors.horizon.reserves import get_writer
from processors.ledger_feed.topic import Message
from processors.psim.books import Books
from schemas.codec import encode, frame
from schemas.generated.common import U64, Amount, Hash, Signature, WalletKind
from schemas.generated.events import (
    ReserveHolding,
    ReserveItem,
    ReserveItemKind,
    ReserveLiabilities,
    ReserveReport,
    SignedReserveReport,
)
from schemas.generated.keys import KeyBytes
from streams.ledger.reserves import compute_reserve_payload
from streams.ledger.sum_tree import SumTree
from tests.gateways.support import World
from tests.support.network import get_account, get_key, get_public_key

ASSET, OWNER = "EUR", "issuer"


def list_leaves(world: World) -> bytes:
    """Of all balances of the asset."""
    books = Books(get_account(OWNER))
    for key, entry in world.network.ledger.state.encoded.items():
        books.put(KeyBytes(key), entry)
    return books.list_leaves(ASSET)


def make_report(world: World, leaves: bytes, **changes: Any) -> ReserveReport:
    tree, header = SumTree.make(leaves), world.network.ledger.header
    report = ReserveReport(
        network_id=world.network.network_id,
        asset=ASSET,
        chain_id="eip155:1",
        sequence=U64(header.sequence),
        closed_at_ms=U64(header.close_time_ms),
        height=U64(7),
        block_hash=Hash(bytes(32)),
        also=(),
        issued=Amount(tree.root.sum),
        balances=U64(tree.leaf_count),
        liabilities=Hash(tree.root.hash),
        holdings=(ReserveHolding("eip155:1", WalletKind.HOT, U64(1), Amount(tree.root.sum + 3)),),
        items=(ReserveItem(ReserveItemKind.DUST, "tx:0", Amount(3)),),
        rests=(),
        missing=Amount(0),
        surplus=Amount(0),
    )
    return replace(report, **changes)


def sign(report: ReserveReport, name: str = OWNER) -> SignedReserveReport:
    content = encode(report)
    signature = get_key(name).sign(compute_reserve_payload(content)).signature
    return SignedReserveReport(content, get_public_key(name), Signature(signature))


def tell(world: World, *records: Any) -> None:
    """What topics bring."""
    values = (each if isinstance(each, bytes) else frame(each) for each in records)
    get_writer(world.connection)([Message(0, value) for value in values])


def add_reserves(world: World) -> None:
    """One report with its tree."""
    leaves = list_leaves(world)
    report = make_report(world, leaves)
    tell(world, sign(report), ReserveLiabilities(ASSET, report.sequence, U64(0), leaves))
