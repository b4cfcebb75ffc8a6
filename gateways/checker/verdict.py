"""What becomes of what was found. Pure.

What the sender can mend is given back with codes. What a person has to judge gets the manual task.
Otherwise the checker's task is done, and what else is pending is others' affair.
"""

from collections.abc import Iterable
from dataclasses import dataclass

from gateways.identity.reasons import Reason, write_reason
from schemas.generated.common import Hash
from schemas.generated.operations import ReviewAction, ReviewRequest

FOR_PEOPLE = frozenset({Reason.SANCTIONS_HIT, Reason.NOT_CHECKED})
"""All other codes are for the sender."""


@dataclass(frozen=True, slots=True)
class Case:
    """A request that waits for the checker, as the projection has it."""

    request_id: int
    sequence_number: int
    request_hash: bytes
    account_id: bytes
    commitment: bytes | None
    schema_id: int | None


def get_reasons(codes: Iterable[str]) -> set[Reason]:
    """Codes may have a number behind a colon."""
    return {Reason(each.partition(":")[0]) for each in codes}


def decide(case: Case, codes: Iterable[str], task: int, manual_task: int) -> ReviewRequest:
    """The review that follows from `codes`."""
    reasons = get_reasons(codes)
    mendable = reasons - FOR_PEOPLE
    is_rejected = bool(mendable)
    return ReviewRequest(
        request_id=case.request_id,
        sequence_number=case.sequence_number,
        request_hash=Hash(case.request_hash),
        action=ReviewAction.REJECT if is_rejected else ReviewAction.APPROVE,
        reason=write_reason(list(mendable)),
        tasks_to_add=manual_task if reasons and not is_rejected else 0,
        tasks_to_remove=0 if is_rejected else task,
        external_details=(),
    )
