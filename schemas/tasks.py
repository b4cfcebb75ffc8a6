"""Task bits of reviewable requests: the one table. Which signer may set or clear which bit is a
matter of rules, not of code, except that nobody but the core sets a system bit.
"""

from enum import IntFlag


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
