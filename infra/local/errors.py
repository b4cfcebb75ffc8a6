"""The errors of this package that a user sees."""


class LocalError(Exception):
    """Something on this machine prevents the work; the text tells the user what to do.

    `details` are further lines, such as the end of a log.
    """

    def __init__(self, message: str, details: tuple[str, ...] = ()) -> None:
        super().__init__(message)
        self.details = details


class AlreadyRunning(LocalError):
    """Another process runs on the data folder."""


class DamagedState(LocalError):
    """The data folder's memory cannot be read; the folder can only be deleted."""


class Unreachable(LocalError):
    """Something runs on the data folder, or starts, and its supervisor cannot be asked."""


class NotRunning(LocalError):
    """Nothing runs on the data folder."""
