"""A list of names that people have to look at, and how much another name is like one of it. Pure.

The list is a file with one JSON object a line: {"id": "...", "names": ["...", ...]}. Names are
compared without accents, case, punctuation and order of words. A score is no judgement.
"""

import unicodedata
from collections import defaultdict
from collections.abc import Iterable
from difflib import SequenceMatcher
from typing import NamedTuple

import msgspec

THRESHOLD = 80
ALIKE_MIN = 0.6  # words that are less alike are other words
GRAM = 2
WORDS_MAX = 12


class Hit(NamedTuple):
    """`score`: 0 to 100."""

    entry: str
    score: int


class _Entry(msgspec.Struct, frozen=True):
    id: str
    names: list[str]


class SanctionsList:
    """Raises ValueError if a line cannot be read."""

    def __init__(self, lines: Iterable[bytes]) -> None:
        self._names: list[tuple[str, tuple[str, ...]]] = []
        self._by_gram: dict[str, set[int]] = defaultdict(set)
        for number, line in enumerate(lines, 1):
            if line.strip():
                self._add(number, line)

    def _add(self, number: int, line: bytes) -> None:
        try:
            entry = msgspec.json.decode(line, type=_Entry)
        except msgspec.DecodeError:
            raise ValueError(f"line {number} of the list of names cannot be read") from None
        for name in entry.names:
            words = normalise(name)
            for word in words:
                for gram in _get_grams(word):
                    self._by_gram[gram].add(len(self._names))
            self._names.append((entry.id, words))

    def find(self, name: str) -> list[Hit]:
        """The best score of each entry that is like `name`, best first."""
        words = normalise(name)
        near = {i for word in words for gram in _get_grams(word) for i in self._by_gram[gram]}
        best: dict[str, int] = {}
        for index in sorted(near):
            entry, other = self._names[index]
            score = compute_score(words, other)
            if score >= THRESHOLD:
                best[entry] = max(score, best.get(entry, 0))
        return sorted(
            (Hit(*each) for each in best.items()), key=lambda hit: (-hit.score, hit.entry)
        )


def normalise(name: str) -> tuple[str, ...]:
    """Its words."""
    plain = "".join(
        each for each in unicodedata.normalize("NFKD", name) if not unicodedata.combining(each)
    )
    text = "".join(each if each.isalnum() else " " for each in plain.casefold())
    return tuple(sorted(text.split())[:WORDS_MAX])


def compute_score(one: tuple[str, ...], other: tuple[str, ...]) -> int:
    """100: the same words. Each word of the shorter name is compared with the one that is most like
    it in the other; a name of one word says little of one that has more."""
    if not one or not other:
        return 0
    few, many = sorted((one, other), key=len)
    length = sum(map(len, few))
    likeness = sum(len(word) * max(_compare(word, each) for each in many) for word in few) / length
    if len(few) > 1:
        return round(100 * likeness)
    spare = max(0, sum(map(len, many)) - length)
    return round(100 * max(0.0, likeness - spare / (2 * (length + spare))))


def _compare(one: str, other: str) -> float:
    if one == other:
        return 1.0
    likeness = SequenceMatcher(None, one, other, autojunk=False).ratio()
    return likeness if likeness >= ALIKE_MIN else 0.0


def _get_grams(word: str) -> set[str]:
    return {word[at : at + GRAM] for at in range(max(1, len(word) - GRAM + 1))}
