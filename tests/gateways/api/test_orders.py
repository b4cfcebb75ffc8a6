"""Orders of events: whatever comes first, an address belongs to who was proven last. Five a round:
`--faults` says how many rounds.
"""

import random
from collections.abc import Sequence
from typing import NamedTuple

import pytest

from gateways.client.keys import get_address
from schemas.generated.operations import CreateSigner, ManageSigner
from tests.gateways.api.support import Apis, get_now_ms, make_registration
from tests.support.network import create_account, get_key, get_owner

pytestmark = [pytest.mark.servers, pytest.mark.faults]
ORDERS, STATEMENTS = 5, 6


class Stated(NamedTuple):
    """A statement of the KeyServer: at `at_ms`, `signer` of `account` read mail at `email`."""

    at_ms: int
    email: str
    account: str
    signer: str


def compute_links(stated: Sequence[Stated]) -> dict[str, tuple[str, str]]:
    """Holder of each address: the newest statement about it must be the holder's newest too."""
    of_email = {each.email: each for each in sorted(stated)}
    of_person = {(each.account, each.signer): each for each in sorted(stated)}
    return {
        email: (each.account, each.signer)
        for email, each in of_email.items()
        if of_person[each.account, each.signer] == each
    }


def read_links(apis: Apis, emails: Sequence[str]) -> dict[str, tuple[str, str]]:
    links = {}
    for email in emails:
        answer = apis.send("POST", "/v1/lookups", "master", {"email": email})
        if answer.status_code == 200:
            data = answer.json()["data"]
            links[email] = (data["id"], data["attributes"]["signer"])
    return links


def test_an_address_is_never_linked_to_anybody_but_its_last_reader(
    apis: Apis, fault_round: int
) -> None:
    """Pre-hijacking: somebody states an address before, between or after its owner does."""
    first, second, third = (f"{name} of {fault_round}" for name in ("first", "second", "third"))
    people = [(first, first), (second, second), (second, third)]
    apis.miner.apply("master", create_account(first), create_account(second))
    apis.miner.apply(second, ManageSigner(CreateSigner(get_owner(third))))
    chance, now_ms, wrong = random.Random(fault_round), get_now_ms() - 3_600_000, []
    addresses = {name: get_address(get_key(name)) for pair in people for name in pair}
    for order in range(ORDERS):
        emails = [f"{name}{order}of{fault_round}@example.org" for name in ("a", "b", "c")]
        stated = [
            Stated(now_ms + order * 1_000 + number, chance.choice(emails), *chance.choice(people))
            for number in range(STATEMENTS)
        ]
        for each in chance.sample(stated, STATEMENTS):
            content = make_registration(
                apis.gateway, each.account, each.email, each.signer, each.at_ms
            )
            answer = apis.send("POST", "/v1/registrations", None, content, chance.randrange(2))
            assert answer.status_code in (201, 409), answer.text
        expected = {
            email: (addresses[account], addresses[signer])
            for email, (account, signer) in compute_links(stated).items()
        }
        if read_links(apis, emails) != expected:
            wrong.append(stated)
    assert wrong == []
