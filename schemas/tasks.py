"""Task bits of reviewable requests: the one table. Which signer may set or clear which bit is a
matter of rules, not of code, except that nobody but the core sets a system bit.
"""

from enum import IntFlag
from typing import NamedTuple


class Task(IntFlag):
    """What has to be done before a request is fulfilled. Bits without a name are free to use."""

    # Set by the core. It judges the first and the third again at every approval, and clears the
    # fourth when the approvals that a policy demands are there and their delay has passed. A
    # reviewer who removes the fourth approves under the policy.
    INSUFFICIENT_AVAILABLE_FOR_ISSUANCE = 1
    MANUAL_REVIEW_REQUIRED = 2
    LIMIT_EXCEEDED = 4
    APPROVALS_REQUIRED = 8
    # Conventions between services and people.
    PARK = 16
    HUMAN_REVIEW = 32
    DECIDE = 64
    SIGN = 128
    SETTLE = 256
    AUTO_VERIFICATION = 1024


SYSTEM_TASKS = int(
    Task.INSUFFICIENT_AVAILABLE_FOR_ISSUANCE
    | Task.MANUAL_REVIEW_REQUIRED
    | Task.LIMIT_EXCEEDED
    | Task.APPROVALS_REQUIRED
)
"""Bits that no operation may name when it creates a request, nor add in a review."""

JUDGED_TASKS = int(Task.INSUFFICIENT_AVAILABLE_FOR_ISSUANCE | Task.LIMIT_EXCEEDED)
"""System bits that no review may clear: they go when their cause has gone."""


class WithdrawalStep(NamedTuple):
    """A task of a withdrawal that an external transfer does: which operation clears it, and who
    together sign that."""

    task: Task
    operation: str
    cleared_by: str


WITHDRAWAL_STEPS = (
    WithdrawalStep(Task.DECIDE, "create_external_transfer", "services that agree on the payload"),
    WithdrawalStep(Task.SIGN, "confirm_external_transfer", "services that checked k signatures"),
    WithdrawalStep(Task.SETTLE, "settle_external_transfer", "services that saw the effect"),
)
"""From the first on nobody rejects the request; a transfer that comes to nothing sets all again."""

TRANSFER_TASKS = int(Task.DECIDE | Task.SIGN | Task.SETTLE)
"""What no review clears of a withdrawal."""
