"""Proof of reserves as users check it: signatures, sums, and that their balances are counted."""

import base64
import binascii
from collections.abc import Collection, Mapping
from decimal import Decimal
from typing import Any, NamedTuple

from nacl.exceptions import BadSignatureError
from nacl.signing import VerifyKey

from schemas.codec import Malformed, decode
from schemas.generated.common import BalanceID, PublicKey
from schemas.generated.events import ReserveItemKind, ReserveReport
from schemas.strkey import StrkeyError, decode_account_id
from streams.ledger.border.chains import is_bank
from streams.ledger.reserves import HELD, compute_reserve_payload
from streams.ledger.sum_tree import Node, Step, compute_root, make_leaf


class ReserveError(Exception):
    """A report or proof does not hold; the message says why."""


class Reserve(NamedTuple):
    """A report that holds. `held`, `owed`: sums of all its terms, in the smallest unit."""

    report: ReserveReport
    held: int
    owed: int
    signers: tuple[PublicKey, ...]


def verify_reserve(attributes: Mapping[str, Any], signers: Collection[PublicKey]) -> Reserve:
    """Of what Horizon shows: more than half of `signers` have signed it, and its sums are right.
    Raises ReserveError."""
    try:
        content = base64.b64decode(attributes["content"], validate=True)
        told = [
            (PublicKey(decode_account_id(each["signer"])), base64.b64decode(each["signature"]))
            for each in attributes["signatures"]
        ]
        report = decode(ReserveReport, content)
    except (KeyError, TypeError, StrkeyError, Malformed, binascii.Error) as error:
        raise ReserveError(f"the report cannot be read: {error}") from None
    payload = compute_reserve_payload(content)
    valid = {
        key for key, signature in told if key in signers and _is_signed(key, payload, signature)
    }
    if 2 * len(valid) <= len(signers):
        raise ReserveError(
            f"{report.asset}: {len(valid)} of {len(signers)} instances have signed the report"
        )
    held, owed = compute_sums(report)
    old = _sum(report, ReserveItemKind.OLD_DUST)
    if report.missing != max(owed - held, 0) or report.surplus != max(held - owed - old, 0):
        raise ReserveError(f"{report.asset}: the report's sums are wrong")
    return Reserve(report, held, owed, tuple(sorted(valid)))


def compute_sums(report: ReserveReport) -> tuple[int, int]:
    """What is held, and what is owed, with all that is listed."""
    sums = {kind: _sum(report, kind) for kind in ReserveItemKind}
    held = sum(int(each.amount) for each in report.holdings) + sum(sums[kind] for kind in HELD)
    owed = int(report.issued) + sum(
        amount for kind, amount in sums.items() if kind not in (*HELD, ReserveItemKind.OLD_DUST)
    )
    return held, owed


def compute_sides(report: Mapping[str, Any]) -> dict[str, Any]:
    """A report as Horizon shows it, with decimals, as two sides with the drift between them:
    what is missing is negative."""
    added = {each.name for each in HELD}
    items = [
        {**each, "side": "outside" if each["kind"] in added else "ledger"}
        for each in (
            *report["items"],
            *({**each, "name": f"({each['count']} more)"} for each in report["rests"]),
        )
        if each["kind"] != ReserveItemKind.OLD_DUST.name
    ]
    outside = name_holdings(report)
    sums = {"outside": sum(map(Decimal, outside.values())), "ledger": Decimal(report["issued"])}
    for each in items:
        sums[each["side"]] += Decimal(each["amount"])
    return {
        "asset": report["asset"],
        "chain": report["chain_id"],
        "height": report["height"],
        "also": {each["chain_id"]: each["height"] for each in report["also"]},
        "sequence": report["sequence"],
        "outside": outside,
        "issued": report["issued"],
        "items": items,
        "held": str(sums["outside"]),
        "owed": str(sums["ledger"]),
        "drift": str(Decimal(report["surplus"]) - Decimal(report["missing"])),
    }


def name_holdings(report: Mapping[str, Any]) -> dict[str, str]:
    """A chain's by their wallets; accounts by their names."""
    return {
        each["chain_id"] if is_bank(each["chain_id"]) else each["wallet"].lower(): each["amount"]
        for each in report["holdings"]
    }


def verify_balance_in_reserve(
    attributes: Mapping[str, Any],
    balance_id: BalanceID,
    amount: int,
    signers: Collection[PublicKey],
) -> Reserve:
    """That a balance of this amount is in the total of a report. Raises ReserveError."""
    reserve = verify_reserve(attributes, signers)
    try:
        path = [
            Step(
                Node(base64.b64decode(each["hash"], validate=True), int(each["sum"])),
                bool(each["is_left"]),
            )
            for each in attributes["path"]
        ]
        root = compute_root(make_leaf(balance_id, amount), path)
    except (KeyError, TypeError, ValueError, OverflowError) as error:
        raise ReserveError(f"the proof cannot be read: {error}") from None
    if (root.hash, root.sum) != (reserve.report.liabilities, reserve.report.issued):
        raise ReserveError(f"{reserve.report.asset}: the balance is not in the report's total")
    return reserve


def _is_signed(key: PublicKey, payload: bytes, signature: bytes) -> bool:
    try:
        VerifyKey(key).verify(payload, signature)
    except (BadSignatureError, ValueError):
        return False
    return True


def _sum(report: ReserveReport, kind: ReserveItemKind) -> int:
    listed = sum(int(each.amount) for each in report.items if each.kind is kind)
    return listed + sum(int(each.amount) for each in report.rests if each.kind is kind)
