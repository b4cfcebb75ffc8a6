"""The lines of a plan."""

from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

Json = Any
CREATE, CHANGE, DRIFT = "+", "~", "?"
RULES, ROLES, KEY_VALUES, ASSETS, FEES = range(5)


class Change(NamedTuple):
    """One line of a plan. `operation`: its body in readable JSON; None: nobody changes it by
    applying the file, or it waits for an earlier stage."""

    stage: int
    sign: str
    what: str
    text: str
    operation: Json | None


def find_strays(
    stage: int, what: str, present: Mapping[str, Json], wanted: Mapping[str, Json]
) -> Iterator[Change]:
    for name in sorted(set(present) - set(wanted)):
        yield Change(stage, DRIFT, f"{what} {name}", "is not in the file", None)
