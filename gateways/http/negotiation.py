"""Content negotiation (RFC 9110, 12.5.1): which of a route's media types the sender prefers. Pure.

`application/json` also matches types with the suffix `+json`, because clients ask for it.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass

HEADER_CHARACTERS_MAX = 4_096
_WORD = r"[!#$%&'*+.^_`|~0-9A-Za-z-]+"
_PARAMETER = rf'[ \t]*;[ \t]*({_WORD})=({_WORD}|"(?:[^"\\]|\\.)*")'
_RANGE = re.compile(rf"[ \t]*({_WORD})/({_WORD})((?:{_PARAMETER})*)[ \t]*(?:,|$)")
_WEIGHT = re.compile(r"0(\.[0-9]{0,3})?|1(\.0{0,3})?")


@dataclass(frozen=True, slots=True)
class MediaRange:
    """One element of Accept. `weight` is in thousandths."""

    type: str
    subtype: str
    parameters: frozenset[tuple[str, str]]
    weight: int


def choose(accept: Sequence[str], offers: Sequence[str]) -> str | None:
    """The offer that the lines of `accept` prefer, the first of equal ones; None if none will do.

    Without a line, or if they cannot be parsed, the first offer.
    """
    ranges = parse_accept(", ".join(accept))
    if not ranges:
        return offers[0] if offers else None
    weights = [_get_weight(offer, ranges) for offer in offers]
    best = max(weights, default=0)
    return offers[weights.index(best)] if best else None


def parse_accept(text: str) -> list[MediaRange]:
    """The media ranges, or none at all if the text does not follow the grammar."""
    if len(text) > HEADER_CHARACTERS_MAX:
        return []
    ranges, position = [], 0
    while position < len(text):
        empty = re.compile(r"[ \t]*(,|$)").match(text, position)  # empty elements are allowed
        if empty is not None:
            position = max(empty.end(), position + 1)
            continue
        found = _RANGE.match(text, position)
        if found is None:
            return []
        parameters = {
            name.lower(): value.strip('"').lower()
            for name, value in re.findall(_PARAMETER, found[3])
        }
        weight = parameters.pop("q", "1")
        if not _WEIGHT.fullmatch(weight):
            return []
        thousandths = int((weight.partition(".")[2] + "000")[:3]) + 1_000 * int(weight[0])
        kind, subtype = found[1].lower(), found[2].lower()
        ranges.append(MediaRange(kind, subtype, frozenset(parameters.items()), thousandths))
        position = found.end()
    return ranges


def _get_weight(offer: str, ranges: Sequence[MediaRange]) -> int:
    """Of the most specific range that matches; 0 if none does."""
    essence, *rest = (part.strip().lower() for part in offer.split(";"))
    parameters = {tuple(part.split("=", 1)) for part in rest}
    kind, _, subtype = essence.partition("/")
    best = (-1, 0)
    for each in ranges:
        if not each.parameters <= parameters:
            continue
        if (each.type, each.subtype) == (kind, subtype):
            specificity = 3 + len(each.parameters)
        elif (each.type, each.subtype) == ("application", "json") and subtype.endswith("+json"):
            specificity = 2
        elif (each.type, each.subtype) == (kind, "*"):
            specificity = 1
        elif (each.type, each.subtype) == ("*", "*"):
            specificity = 0
        else:
            continue
        best = max(best, (specificity, each.weight))
    return best[1]
