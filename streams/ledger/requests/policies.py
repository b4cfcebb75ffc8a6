"""Approval policies: how many distinct reviewers a request needs, and how long it then waits.

A reviewer is an account and the identity of a signer of it. The stricter of the policies at the
request's creation or edits and of now applies. The system task APPROVALS_REQUIRED is pending until
the terms are met; a review that removes it is an approval by everybody who signed it and counts.
"""

from collections.abc import Iterable, Sequence

from msgspec.structs import replace

from schemas.generated.bounds import REVIEWABLE_REQUEST_APPROVALS_ITEMS_MAX
from schemas.generated.common import (
    U64,
    AccountID,
    Action,
    ApprovalRange,
    ApprovalTerms,
    PublicKey,
)
from schemas.generated.entries import Approval, RequestAuthor, ReviewableRequest
from schemas.tasks import Task
from streams.ledger.access.requirements import Requirement, require_request
from streams.ledger.context import TransactionContext
from streams.ledger.state import LedgerState
from streams.ledger.values import AMOUNT_MAX

APPROVALS = int(Task.APPROVALS_REQUIRED)


def get_terms(
    state: LedgerState, kind: str, asset: str | None, amount: int
) -> ApprovalTerms | None:
    """What a request needs by the policies of now; None: nothing. An asset's own policy takes the
    place of the one for all assets."""
    policy = state.get_approval_policy(kind, asset) if asset else None
    if policy is None:
        policy = state.get_approval_policy(kind, "")
    if policy is None:
        return None
    return next((each.terms for each in policy.ranges if _is_within(each, amount)), None)


def get_stricter(one: ApprovalTerms | None, other: ApprovalTerms | None) -> ApprovalTerms | None:
    if one is None or other is None:
        return one or other
    return ApprovalTerms(max(one.reviewers, other.reviewers), max(one.delay_ms, other.delay_ms))


def get_authors(
    state: LedgerState, account_id: AccountID, keys: Iterable[PublicKey]
) -> tuple[RequestAuthor, ...]:
    """Those of `keys` that sign for the account."""
    found = (state.get_signer(account_id, key) for key in keys)
    return tuple(
        RequestAuthor(each.data.public_key, each.data.identity)
        for each in found
        if each is not None
    )


def get_reviewers(
    request: ReviewableRequest,
    described: tuple[str, str | None, int | None],
    state: LedgerState,
    context: TransactionContext,
) -> tuple[Approval, ...]:
    """Who of the transaction's signers counts as a further reviewer of the request.

    `described`: what rules know of the request.
    """
    known = {each.identity for each in request.approvals}
    time_ms = context.ledger.close_time_ms
    reviewers = []
    for key in context.signers:
        signer = state.get_signer(request.reviewer, key)
        if signer is None or signer.data.identity in known:
            continue
        identity = signer.data.identity
        approval = Approval(request.reviewer, key, identity, U64(time_ms))
        if _may_approve(approval, described, state, time_ms) and not _is_party(
            approval, request, state
        ):
            known.add(identity)
            reviewers.append(approval)
    return tuple(reviewers)


def judge(
    request: ReviewableRequest,
    terms: ApprovalTerms | None,
    described: tuple[str, str | None, int | None],
    state: LedgerState,
    context: TransactionContext,
    further: Sequence[Approval] = (),
) -> ReviewableRequest:
    """The request with the approvals that stand now and `further` ones, under `terms`."""
    if terms is None:
        return replace(request, pending_tasks=request.pending_tasks & ~APPROVALS)
    time_ms = context.ledger.close_time_ms
    standing = (a for a in request.approvals if _may_approve(a, described, state, time_ms))
    approvals = (*standing, *further)[:REVIEWABLE_REQUEST_APPROVALS_ITEMS_MAX]
    approved_at_ms = None
    if len(approvals) >= terms.reviewers:
        approved_at_ms = request.approved_at_ms or U64(time_ms)
    is_met = approved_at_ms is not None and terms.delay_ms == 0
    pending = request.pending_tasks & ~APPROVALS if is_met else request.pending_tasks | APPROVALS
    return replace(
        request,
        approvals=approvals,
        approved_at_ms=approved_at_ms,
        pending_tasks=pending,
        all_tasks=request.all_tasks | pending,
    )


def _is_within(each: ApprovalRange, amount: int) -> bool:
    upper = AMOUNT_MAX if each.upper is None else each.upper
    return (each.lower or 0) <= amount <= upper


def _is_party(approval: Approval, request: ReviewableRequest, state: LedgerState) -> bool:
    """Who signed the creation or the last edit never counts, nor does another signer of the
    requestor, unless the requestor reviews its own requests."""
    authors = (*request.creators, *request.editors)
    if approval.public_key in {each.public_key for each in authors}:
        return True
    if request.requestor != approval.account_id:
        return state.get_signer(request.requestor, approval.public_key) is not None
    return approval.identity in {each.identity for each in authors}


def _may_approve(
    approval: Approval,
    described: tuple[str, str | None, int | None],
    state: LedgerState,
    time_ms: int,
) -> bool:
    """Whether the key still signs for the account, as the same reviewer with that right."""
    signer = state.get_signer(approval.account_id, approval.public_key)
    if signer is None or signer.data.identity != approval.identity:
        return False
    role = state.access_rules.get_signer_role(state, signer.data.role_id)
    return role.is_allowed(_get_requirement(described), time_ms)


def _get_requirement(described: tuple[str, str | None, int | None]) -> Requirement:
    return require_request(Action.REVIEW, *described, tasks_to_remove=APPROVALS)
