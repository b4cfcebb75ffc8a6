"""What a ledger means to accounts: one table of rules from effects and entries to events. Pure.

An event is the same for a message and for a webhook. Its token is derived from ledger, place,
type and recipient, so that every instance, and every replay, derives the same one.
"""

from collections.abc import Iterator, Mapping
from hashlib import sha256
from typing import Any, NamedTuple

from processors.ledger_feed.body import skip_upgrades
from schemas.binary import Malformed, read_array_end, read_bytes, read_count
from schemas.codec import decode
from schemas.generated.bounds import (
    APPLIED_TRANSACTION_ENVELOPE_LENGTH_MAX,
    LEDGER_BODY_TRANSACTIONS_ITEMS_MAX,
)
from schemas.generated.entries import Asset, ReviewableRequest, SignerKey
from schemas.generated.keys import ASSET, REVIEWABLE_REQUEST, SIGNER
from schemas.generated.ledger import (
    BalanceMovement,
    CheckpointChange,
    EffectKind,
    HaltChange,
    LedgerEntry,
    LedgerKey,
    NetworkFeeOwed,
    ParticipantEffect,
    RequestChange,
    RequestEvent,
    RoleChange,
    read_ParticipantEffect,
)
from schemas.generated.skips import skip_LedgerEntry, skip_LedgerKey, skip_TransactionResult
from schemas.strkey import encode_account_id

ITEMS_MAX = 1 << 20
WATCHED = frozenset(each[0] for each in (ASSET, REVIEWABLE_REQUEST, SIGNER))
HASH_LENGTH = 32


class Change(NamedTuple):
    """An entry of a kind that matters here, before and after."""

    key: bytes
    before: bytes | None
    after: bytes | None


class Event(NamedTuple):
    """One thing that happened to one account. `place`: in its ledger, from 1.

    `amount`: in the asset's smallest units; only whoever knows its decimals can write it down.
    """

    place: int
    type: str
    account_id: bytes
    data: Mapping[str, Any]
    amount: int | None = None
    asset: str | None = None


class LedgerEvents(NamedTuple):
    """`assets`: the decimals of assets that the ledger defined. `halts`: changes of halts.
    `alarms`: what else operators must know, as (what it is about, what is wrong)."""

    sequence: int
    close_time_ms: int
    events: list[Event]
    assets: dict[str, int]
    halts: list[HaltChange]
    alarms: list[tuple[str, str]]


MOVEMENTS: Mapping[EffectKind, str] = {
    EffectKind.FUNDED: "payment_received",
    EffectKind.CHARGED: "payment_sent",
    EffectKind.CHARGED_FROM_LOCKED: "payment_sent",
    EffectKind.ISSUED: "issued",
}
REQUESTS: Mapping[str, str] = {
    "withdrawal": "withdrawal_changed",
    "change_role": "kyc_decided",
    "kyc_recovery": "kyc_decided",
}
"""Kinds of requests with a type of their own; the others are `request_changed`."""
DECIDED = (RequestEvent.FULFILLED, RequestEvent.REJECTED, RequestEvent.PERMANENTLY_REJECTED)


def compute_token(sequence: int, event: Event, recipient: bytes) -> str:
    """The same for whoever derives it."""
    text = f"{sequence}:{event.place}:{event.type}:".encode() + recipient
    return sha256(b"tokend-notification" + text).hexdigest()


def format_amount(amount: int, decimals: int) -> str:
    """Units as people write them."""
    digits = str(amount).rjust(decimals + 1, "0")
    return f"{digits[:-decimals]}.{digits[-decimals:]}" if decimals else digits


def list_events(sequence: int, close_time_ms: int, body: bytes) -> LedgerEvents:
    """All events of a ledger whose body a certified header holds. Raises `Malformed`."""
    ledger = LedgerEvents(sequence, close_time_ms, [], {}, [], [])
    for effects, changes in _cut_body(body):
        for effect in effects:
            _apply_rules(ledger, effect)
        _apply_changes(ledger, changes)
    return ledger


def _add(ledger: LedgerEvents, type_: str, account_id: bytes, data: dict[str, Any]) -> None:
    amount, asset = data.pop("units", None), data.get("asset")
    data["ledger"] = str(ledger.sequence)
    event = Event(len(ledger.events) + 1, type_, bytes(account_id), data, amount, asset)
    ledger.events.append(event)


def _apply_rules(ledger: LedgerEvents, effect: ParticipantEffect) -> None:
    detail, account_id = effect.detail, effect.account_id
    if isinstance(detail, BalanceMovement) and effect.kind in MOVEMENTS:
        account = encode_account_id(account_id)
        data = {"asset": detail.asset, "units": int(detail.amount), "account": account}
        _add(ledger, MOVEMENTS[effect.kind], account_id, data)
    elif isinstance(detail, RequestChange):
        type_ = REQUESTS.get(detail.kind, "request_changed")
        if type_ != "kyc_decided" or detail.event in DECIDED:
            _add(ledger, type_, account_id, _describe_request(detail))
    elif isinstance(detail, RoleChange):
        roles = {"old_role": str(detail.old_role_id), "new_role": str(detail.new_role_id)}
        _add(ledger, "role_changed", account_id, roles)
    elif effect.kind is EffectKind.SIGNERS_REPLACED:
        data = {"signer": encode_account_id(account_id), "change": "replaced"}
        _add(ledger, "signer_changed", account_id, data)
    elif isinstance(detail, HaltChange) and detail not in ledger.halts:
        ledger.halts.append(detail)
    elif isinstance(detail, NetworkFeeOwed):
        problem = f"transfer {detail.transfer_id} owes network fees: fill the float"
        ledger.alarms.append((detail.asset, problem))
    elif isinstance(detail, CheckpointChange) and detail.is_halted:
        ledger.alarms.append((detail.chain_id, f"halted at block {detail.height}"))


def _describe_request(detail: RequestChange) -> dict[str, Any]:
    return {
        "request": str(detail.request_id),
        "kind": detail.kind,
        "event": detail.event.name.lower(),
    }


def _apply_changes(ledger: LedgerEvents, changes: list[Change]) -> None:
    for key, before, after in changes:
        if key[:1] == ASSET and after is not None:
            asset = decode(LedgerEntry, after).data
            if isinstance(asset, Asset):
                ledger.assets[asset.code] = asset.trailing_digits
        elif key[:1] == SIGNER and (before is None) is not (after is None):
            signer = decode(LedgerKey, key).data
            if isinstance(signer, SignerKey):
                change = "added" if before is None else "removed"
                data = {"signer": encode_account_id(signer.public_key), "change": change}
                _add(ledger, "signer_changed", signer.account_id, data)
        elif key[:1] == REVIEWABLE_REQUEST and after is not None:
            _apply_request(ledger, before, after)


def _apply_request(ledger: LedgerEvents, before: bytes | None, after: bytes) -> None:
    """A reviewer hears of a request that waits, when it is made and after each edit."""
    request = decode(LedgerEntry, after).data
    known = None if before is None else decode(LedgerEntry, before).data
    if not isinstance(request, ReviewableRequest) or not request.pending_tasks:
        return
    if isinstance(known, ReviewableRequest) and known.sequence_number == request.sequence_number:
        return
    data = {
        "request": str(request.request_id),
        "kind": _get_kind(request),
        "event": "created" if known is None else "edited",
    }
    _add(ledger, "review_wanted", request.reviewer, data)


def _get_kind(request: ReviewableRequest) -> str:
    name = type(request.body).__name__.removesuffix("Request")
    return "".join(f"_{c.lower()}" if c.isupper() else c for c in name).lstrip("_")


def _cut_body(data: bytes) -> Iterator[tuple[list[ParticipantEffect], list[Change]]]:
    """Effects and watched changes of each transaction; then those outside of transactions."""
    count, at = read_count(data, 0, LEDGER_BODY_TRANSACTIONS_ITEMS_MAX)
    for _ in range(count):
        _, at = read_bytes(data, at, APPLIED_TRANSACTION_ENVELOPE_LENGTH_MAX)
        at = skip_TransactionResult(data, at + HASH_LENGTH)
        changes, at = _read_changes(data, at)
        effects, at = _read_effects(data, at)
        yield effects, changes
    if count:
        at = read_array_end(data, at)
    changes, at = _read_changes(data, at)
    if skip_upgrades(data, at) != len(data):
        raise Malformed("LedgerBody: it does not end where its bytes end")
    yield [], changes


def _read_changes(data: bytes, at: int) -> tuple[list[Change], int]:
    count, at = read_count(data, at, ITEMS_MAX)
    changes = []
    for _ in range(count):
        start, at = at, skip_LedgerKey(data, at)
        key = data[start:at]
        before, at = _read_optional(data, at)
        after, at = _read_optional(data, at)
        if key[0] in WATCHED:
            changes.append(Change(key, before, after))
    return changes, read_array_end(data, at) if count else at


def _read_optional(data: bytes, at: int) -> tuple[bytes | None, int]:
    if not data[at]:
        return None, at + 1
    end = skip_LedgerEntry(data, at + 1)
    return data[at + 1 : end], end


def _read_effects(data: bytes, at: int) -> tuple[list[ParticipantEffect], int]:
    count, at = read_count(data, at, ITEMS_MAX)
    effects = []
    for _ in range(count):
        effect, at = read_ParticipantEffect(data, at)
        effects.append(effect)
    return effects, read_array_end(data, at) if count else at
