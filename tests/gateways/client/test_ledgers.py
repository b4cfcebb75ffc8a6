"""A ledgers topic that lies to a client that follows it: the client accepts none of it."""

import random
from collections.abc import Sequence

import msgspec
import pytest

from gateways.client.errors import ClientError
from gateways.client.ledgers import LedgerFollower, get_transactions
from tests.processors.lies import COMMON, LIES, NETWORK, OTHER, RECORDS, Value
from tests.processors.support import Log
from tests.support.servers import Servers

WAIT_S = 5.0


def follow(servers: Servers, told: Sequence[Value]) -> tuple[list[int], str | None]:
    """The ledgers that were believed, and why no more were."""
    log = Log(servers, f"{servers.get_prefix('client')}node.ledgers")
    log.publish(*told)
    genesis = msgspec.json.encode(NETWORK.genesis)
    follower = LedgerFollower(servers.kafka, log.topic, genesis)
    believed: list[int] = []
    try:
        for ledger in follower.follow(WAIT_S):
            believed.append(ledger.header.sequence)
            assert len(get_transactions(ledger)) == ledger.header.transaction_count
            if len(believed) == len(RECORDS):
                break
    except ClientError as error:
        return believed, str(error)
    finally:
        follower.close()
    return believed, None


@pytest.mark.parametrize("name", LIES)
def test_a_forged_record_is_refused(servers: Servers, name: str) -> None:
    lie, reason = LIES[name]
    chance = random.Random(name)
    place = chance.randrange(COMMON + 1, len(RECORDS))
    believed, why = follow(servers, [*RECORDS[:place], lie(RECORDS[place], chance)])
    assert believed == [*range(1, place + 1)]
    assert why is not None
    assert reason in why


def test_another_history_is_refused(servers: Servers) -> None:
    believed, why = follow(servers, [*RECORDS[:-1], OTHER.records[COMMON]])
    assert len(believed) == len(RECORDS) - 1
    assert why is not None
    assert "the chain forked" in why


def test_missing_and_reordered_ledgers_are_reported(servers: Servers) -> None:
    for told in ((*RECORDS[:4], *RECORDS[5:]), (*RECORDS[:4], RECORDS[5], RECORDS[4])):
        believed, why = follow(servers, told)
        assert believed == [1, 2, 3, 4]
        assert why is not None
        assert "lacks ledgers 5 to 5" in why


def test_repeated_records_are_skipped(servers: Servers) -> None:
    believed, why = follow(servers, [*RECORDS[:6], *RECORDS[2:6], RECORDS[5], *RECORDS[6:]])
    assert believed == [*range(1, len(RECORDS) + 1)]
    assert why is None
