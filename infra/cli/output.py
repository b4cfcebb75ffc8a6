"""The output of the verbs: results on standard output, progress and errors on standard error.

With --json results and errors are one JSON object on standard output.
"""

import contextlib
import json
import sys
from typing import Annotated, Any

import typer

# Exit codes, documented in `tokend --help`. 0 is success.
FAILED = 1
WRONG_USAGE = 2
NOT_RUNNING = 3
ALREADY_RUNNING = 4
INTERRUPTED = 130

JsonOption = Annotated[bool, typer.Option("--json", help="Print JSON instead of text.")]


def print_json(value: Any) -> None:
    print(json.dumps(value, indent=2, default=str), flush=True)


def print_text(text: str) -> None:
    print(text, flush=True)


def report(line: str) -> None:
    """A line of progress. It is dropped if standard error is closed."""
    try:
        print(f"tokend: {line}", file=sys.stderr, flush=True)
    except OSError:  # the terminal was closed; the work must still be completed
        return


def print_error(
    message: str, details: tuple[str, ...] = (), code: str = "other", *, is_json: bool
) -> None:
    """`code`: what it is, for programs."""
    if is_json:
        print_json({"error": message, "code": code, "details": list(details)})
        return
    report(message)
    with contextlib.suppress(OSError):
        for line in details:
            print(f"    {line}", file=sys.stderr)
