"""What can be wrong with us, or with a quorum set we were given. A peer's faults are outputs
instead."""


class InvariantViolation(Exception):
    """A defect of this node: it must stop before it sends anything. Never caught."""


class InsaneQuorumSet(ValueError):
    """A quorum set that cannot be used; the message says why."""
