"""Credits that go in one transaction, which cost the network far less than one each. Pure.

A batch is of one block. It ends where a credit's own key says so, so that instances cut alike, and
what one of them knows more than another changes no batch but its own. All of it is credited or
nothing: after a refusal each credit is offered by itself.
"""

from collections.abc import Iterator, Sequence
from itertools import groupby
from typing import NamedTuple

from processors.psim.intents import Intent, compute_evidence_key
from schemas.generated.common import Hash

MEAN, MOST = 16, 40
"""Credits of a batch; a transaction may have 100 operations."""


class Credit(NamedTuple):
    """Of a deposit in the block at this height, which nothing was refused of."""

    height: int
    intent: Intent


def combine(chain_id: str, offered: Sequence[Credit], *, is_all: bool) -> Iterator[Intent]:
    """Batches of credits, which are in the order of the chain; a credit of a batch is signed by
    itself, too, when a peer asks. `is_all`: no more are offered now; otherwise the last batch may
    not be whole and is left out."""
    batches: list[list[Intent]] = []
    for _, same in groupby(offered, lambda each: each.height):
        batches.append([])
        for each in same:
            batches[-1].append(each.intent)
            if is_last(each.intent.key) or len(batches[-1]) == MOST:
                batches.append([])
    for batch in batches if is_all else batches[:-1]:
        if len(batch) < 2:
            yield from batch
            continue
        key = compute_evidence_key("deposits", chain_id, *(each.key for each in batch))
        bodies = tuple(body for each in batch for body in each.bodies)
        yield Intent(key, batch[0].operation, bodies)
        yield from (each._replace(is_offered=False) for each in batch)


def is_last(key: Hash) -> bool:
    return key[-1] % MEAN == 0
