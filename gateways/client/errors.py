"""What goes wrong for users of the client, in one line each."""

from typing import Any


class ClientError(Exception):
    """The text says what is wrong and what to do about it."""


class HorizonUnavailable(ClientError):
    """No answer, or one that asks to try again. What was sent may be sent again."""


class ProblemError(ClientError):
    """Horizon said no. `problem` holds its members (RFC 9457): type, status, detail, code..."""

    def __init__(self, problem: dict[str, Any]) -> None:
        self.problem = problem
        super().__init__(describe_problem(problem))

    @property
    def kind(self) -> str:
        """The last part of its type, as `not-found`."""
        return str(self.problem.get("type", "")).rpartition("#problem-")[2]


class ProofError(ClientError):
    """A proof does not prove what it should. Whoever gave it is wrong, or lies."""


def describe_problem(problem: dict[str, Any]) -> str:
    """One line: what, where, which codes."""
    parts = [f"{problem.get('title', 'problem')}: {problem.get('detail', '')}"]
    if problem.get("code"):
        parts.append(f"code {problem['code']}")
    refused = [
        f"operation {each['index']} ({each['type']}): {each['code']}"
        for each in problem.get("operations") or []
        if each["code"] != "SUCCESS"
    ]
    return "; ".join([*parts, *refused])
