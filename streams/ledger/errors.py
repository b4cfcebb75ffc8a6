"""What can be wrong with us or with what we were given. The domain's refusals are codes."""


class InvariantViolation(Exception):
    """We are wrong: the node must stop before it signs. Never caught."""


class GenesisError(ValueError):
    """The genesis file cannot be used; the message says which field and why."""


class InvalidSet(ValueError):
    """A transaction set breaks the rules of membership."""
