"""The errors of this package that a user sees."""

from enum import StrEnum


class Fault(StrEnum):
    """What prevents the work, for programs: `code` in the answer of a verb with --json."""

    OTHER = "other"
    ALREADY_RUNNING = "already-running"
    ARCHIVE_DAMAGED = "archive-damaged"
    ARCHIVE_UNAVAILABLE = "archive-unavailable"
    BACKUP_DAMAGED = "backup-damaged"
    COPY = "copy"
    COPY_RUNS = "copy-runs"
    DAMAGED_STATE = "damaged-state"
    DATABASES_GONE = "databases-gone"
    DATABASES_OF_ANOTHER = "databases-of-another"
    DATABASE_NEWER = "database-newer"
    DATABASE_UNREACHABLE = "database-unreachable"
    FOREIGN_FILES = "foreign-files"
    MIGRATIONS_MISNAMED = "migrations-misnamed"
    MIGRATION_EDITED = "migration-edited"
    MIGRATION_FAILED = "migration-failed"
    NOT_RUNNING = "not-running"
    NOT_WRITABLE = "not-writable"
    NO_FREE_PORT = "no-free-port"
    POSTGRES_MISSING = "postgres-missing"
    PROCESS_ENDED = "process-ended"
    SUPERVISOR_KILLED = "supervisor-killed"
    UNCONFIRMED = "unconfirmed"
    UNKNOWN_NAME = "unknown-name"
    UNREACHABLE = "unreachable"
    UNUSABLE_NAME = "unusable-name"


class LocalError(Exception):
    """Something on this machine prevents the work; the text tells the user what to do.

    `details` are further lines, such as the end of a log.
    """

    fault = Fault.OTHER

    def __init__(
        self, message: str, details: tuple[str, ...] = (), fault: Fault | None = None
    ) -> None:
        super().__init__(message)
        self.details = details
        if fault is not None:
            self.fault = fault


class AlreadyRunning(LocalError):
    """Another process runs on the data folder."""

    fault = Fault.ALREADY_RUNNING


class DamagedState(LocalError):
    """The data folder's memory cannot be read; the folder can only be deleted."""

    fault = Fault.DAMAGED_STATE


class Unreachable(LocalError):
    """Something runs on the data folder, or starts, and its supervisor cannot be asked."""

    fault = Fault.UNREACHABLE


class NotRunning(LocalError):
    """Nothing runs on the data folder."""

    fault = Fault.NOT_RUNNING
