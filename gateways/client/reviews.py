"""What a reviewer does with a case, on his own machine: compare, open, decide.

The ledger says what was committed to. What API, its bucket and the KeyChain give is compared with
that before anything is shown or decided.
"""

import json
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from gateways.client.answers import Json, get_attributes
from gateways.client.errors import ClientError
from gateways.client.horizon import HorizonClient
from gateways.client.keychain import KeyChainClient
from gateways.client.kyc import KycClient
from gateways.client.papers import Shown, fetch_paper, iter_pieces, open_paper, verify_submission
from gateways.identity.reasons import Reason, write_reason
from schemas.generated.common import AccountID, Hash
from schemas.generated.operations import ReviewAction, ReviewRequest
from schemas.strkey import decode_account_id
from schemas.tasks import Task


@dataclass(frozen=True, slots=True)
class Request:
    """A request as the ledger has it. `reviewer`: the account that decides."""

    number: int
    sequence_number: int
    request_hash: bytes
    account: str
    reviewer: AccountID
    pending_tasks: int
    commitment: bytes
    schema_id: int


def read_request(horizon: HorizonClient, number: str) -> Request:
    """Raises ClientError."""
    attributes = get_attributes(horizon.get(f"/v3/requests/{number}"))
    entry, kind = attributes["entry"], attributes["kind"]
    if kind not in ("change_role", "kyc_recovery") or entry is None:
        raise ClientError(f"request {number} is no case that can be reviewed")
    if attributes["state"] != "PENDING":
        raise ClientError(f"request {number} is {attributes['state'].lower()}, not pending")
    body = entry["body"]
    kyc = body["kyc"]
    if kyc is None:
        raise ClientError(f"request {number} commits to nothing")
    return Request(
        int(number),
        int(entry["sequence_number"]),
        bytes.fromhex(entry["request_hash"]),
        body["destination"] if kind == "change_role" else body["account_id"],
        decode_account_id(entry["reviewer"]),
        int(entry["pending_tasks"]),
        bytes.fromhex(kyc["salted_hash"]),
        int(kyc["schema_id"]),
    )


def read_submission(kyc: KycClient, request: Request) -> Shown:
    """What API shows, if it is what the request commits to. Raises SwapNoticed, ClientError."""
    attributes = kyc.get_submission(request.account, request.commitment.hex())
    return verify_submission(attributes, request.account, request.commitment, request.schema_id)


def compare_all(kyc: KycClient, shown: Shown) -> None:
    """Whether the bucket still has the bytes that were handed in. Raises SwapNoticed."""
    with tempfile.TemporaryDirectory(prefix="tokend-kyc-") as folder:
        for paper in shown.documents:
            fetch_paper(kyc, paper, Path(folder) / "sealed")


def open_form(keychain: KeyChainClient, shown: Shown) -> Json:
    """The fields. Raises ClientError."""
    private = keychain.open_key(shown.form.key_id)
    content = b"".join(open_paper(shown.form, private, iter([shown.sealed_form])))
    try:
        fields = json.loads(content)
    except (ValueError, RecursionError):
        raise ClientError("the form is no JSON") from None
    if not isinstance(fields, dict):
        raise ClientError("the form is no JSON object")
    return fields


def open_documents(kyc: KycClient, keychain: KeyChainClient, shown: Shown) -> Mapping[str, bytes]:
    """By slot. Raises SwapNoticed, ClientError."""
    opened = {}
    with tempfile.TemporaryDirectory(prefix="tokend-kyc-") as folder:
        sealed = Path(folder) / "sealed"
        for paper in shown.documents:
            fetch_paper(kyc, paper, sealed)
            private = keychain.open_key(paper.key_id)
            opened[paper.slot] = b"".join(open_paper(paper, private, iter_pieces(sealed)))
    return opened


def make_approval(request: Request, tasks: int | None = None) -> ReviewRequest:
    """`tasks`: those that are done; by default all that are pending, but for the checker's."""
    done = request.pending_tasks & ~int(Task.AUTO_VERIFICATION) if tasks is None else tasks
    return _make(request, ReviewAction.APPROVE, tasks_to_remove=done)


def make_rejection(
    request: Request, reasons: Sequence[str], *, is_for_good: bool = False
) -> ReviewRequest:
    """`reasons`: codes of `gateways.identity.reasons`. Raises ClientError."""
    try:
        codes = [Reason(each) for each in reasons]
    except ValueError as error:
        raise ClientError(f"{error}: one of {', '.join(Reason)}") from None
    if not codes:
        raise ClientError("a rejection needs a reason")
    action = ReviewAction.PERMANENT_REJECT if is_for_good else ReviewAction.REJECT
    return _make(request, action, reason=write_reason(codes))


def _make(request: Request, action: ReviewAction, **more: Any) -> ReviewRequest:
    fields = {"reason": "", "tasks_to_add": 0, "tasks_to_remove": 0, **more}
    return ReviewRequest(
        request_id=request.number,
        sequence_number=request.sequence_number,
        request_hash=Hash(request.request_hash),
        action=action,
        external_details=(),
        **fields,
    )
