"""Errors of the client library, in one line each."""

from enum import Enum
from typing import Any


class ClientError(Exception):
    """The text says what is wrong and what to do."""


class HorizonUnavailable(ClientError):
    """No answer, or one that asks to try again. The request may be sent again.

    `retry_seconds`: how long the gateway asks to wait.
    """

    def __init__(self, text: str, retry_seconds: float = 0.0) -> None:
        super().__init__(text)
        self.retry_seconds = retry_seconds


class ProblemError(ClientError):
    """Horizon refused the request. `problem`: its members (RFC 9457), as `type`, `code`."""

    def __init__(self, problem: dict[str, Any]) -> None:
        self.problem = problem
        super().__init__(describe_problem(problem))

    @property
    def kind(self) -> str:
        """The problem type, as `not-found`."""
        return get_kind(self.problem)


class ProofFault(Enum):
    """Why a proof is not accepted."""

    UNREADABLE = "unreadable"
    WRONG_GENESIS = "wrong-genesis"
    WRONG_NETWORK = "wrong-network"
    WRONG_LEDGER = "wrong-ledger"
    WRONG_ENTRY = "wrong-entry"
    BAD_CERTIFICATE = "bad-certificate"
    BAD_SIGNATURE = "bad-signature"
    BAD_PATH = "bad-path"
    QUORUM_SET_CHANGED = "quorum-set-changed"


class ProofError(ClientError):
    """A proof does not prove what it should: its source is wrong, or lies."""

    def __init__(self, fault: ProofFault, text: str) -> None:
        super().__init__(text)
        self.fault = fault


def get_kind(problem: dict[str, Any]) -> str:
    """The last part of a problem's type, as `not-found`; empty if it has none."""
    return str(problem.get("type", "")).rpartition("#problem-")[2]


def describe_problem(problem: dict[str, Any]) -> str:
    """One line: title, type, detail, codes."""
    kind = get_kind(problem)
    title = problem.get("title", "problem")
    parts = [f"{title} ({kind}): {problem.get('detail', '')}" if kind else f"{title}: {problem}"]
    if problem.get("code"):
        parts.append(f"code {problem['code']}")
    refused = [
        f"operation {each['index']} ({each['type']}): {each['code']}"
        for each in problem.get("operations") or []
        if each["code"] != "SUCCESS"
    ]
    return "; ".join([*parts, *refused])
