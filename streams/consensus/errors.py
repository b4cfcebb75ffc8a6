"""What can be wrong with us, or with a quorum set we were given. A peer's faults are outputs
instead."""


class InvariantViolation(Exception):
    """We are wrong: the node must stop before it sends. Never caught."""


class InsaneQuorumSet(ValueError):
    """A quorum set cannot be used; the message says why."""
