"""How processors write their logs: one JSON object a line, on standard error."""

import sys

import structlog

from schemas.redaction import redact_event


def configure_logs() -> None:
    """Once a process, before anything is logged."""
    structlog.configure(
        processors=[
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            structlog.processors.format_exc_info,
            redact_event,
            structlog.processors.JSONRenderer(),
        ],
        logger_factory=structlog.PrintLoggerFactory(sys.stderr),
    )
