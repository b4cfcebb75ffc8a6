"""Entitlement, in numbers: random signers with random rules get what a plain model says, and a
revocation that races with releases is never followed by one.

50 cases a round, each with two revocations (`--faults` says how many rounds).
"""

import random
import threading
from typing import Any, NamedTuple

import pytest

from schemas.generated.common import AccessRule, Action, AnyResource, SignerResource
from schemas.generated.operations import ManageSignerRole, UpdateSignerRole
from tests.gateways.keychain.support import KeyChains, allow, apply, forbid, freshen
from tests.gateways.support import wait_until
from tests.support.network import create_account, get_public_key

pytestmark = [pytest.mark.servers, pytest.mark.faults]
CASES, RACERS, CLASS = 50, 3, "passport"
ANYTHING = AccessRule(AnyResource(), Action.ANY, forbids=False)
SIGNERS = AccessRule(SignerResource(None), Action.ANY, forbids=False)
RULES = (
    allow(f"keychain:{CLASS}", "open"),
    allow(f"keychain:{CLASS}", None),
    allow("keychain:selfie", "open"),
    allow(f"keychain:{CLASS}", "erase"),
    allow(None, "open"),
    forbid(f"keychain:{CLASS}", "open"),
    forbid("keychain:selfie", None),
    ANYTHING,
    SIGNERS,
)
GIVES, FORBIDS = RULES[:2], (RULES[5],)
OWNERS = (*GIVES, RULES[4], ANYTHING)  # an owner's signer needs a rule that allows it at all


class Case(NamedTuple):
    """Somebody who signs for the owner, or for the operator, by these rules."""

    name: str
    is_owners: bool
    rules: tuple[AccessRule, ...]

    @property
    def is_entitled(self) -> bool:
        """As people would say it, without the ledger's code."""
        enough = OWNERS if self.is_owners else GIVES
        is_forbidden = any(each in FORBIDS for each in self.rules)
        return any(each in enough for each in self.rules) and not is_forbidden


def make_cases(seed: int) -> list[Case]:
    chance = random.Random(seed)
    cases = []
    for number in range(CASES):
        rules = tuple(chance.sample(RULES, chance.randint(1, 3)))
        if number % 5 == 0:
            rules = (SIGNERS,)  # a recovery key
        elif number % 5 == 1:
            rules = (*chance.sample(GIVES, 1), RULES[2])
        cases.append(Case(f"case {seed} {number}", bool(number % 2), rules))
    return cases


def release_again_and_again(
    keychains: KeyChains, key_id: str, name: str, at: int, stop: threading.Event, seen: list[int]
) -> None:
    """Notes the ledger on which each release was judged."""
    content = {"recipient": "ab" * 31 + "0a"}
    while not stop.is_set():
        answer = keychains.send_now("POST", f"/v1/keys/{key_id}/release", name, content, at)
        if answer.status_code == 200:
            seen.append(int(answer.json()["ledger"]))
        elif answer.status_code not in (404, 503):
            seen.append(-answer.status_code)


def revoke(keychains: KeyChains, account: str, case: Case, kind: str) -> int:
    """The ledger that takes it away: the signer, or the rules of its role."""
    world = keychains.world
    if kind == "signer":
        keychains.remove_signer(account, case.name)
        return int(world.network.ledger.header.sequence)
    role_id = world.network.ledger.state.get_access_counters().signer_role
    role = world.network.ledger.state.get_signer_role(role_id)
    assert role is not None
    update = UpdateSignerRole(role_id, f"{role.name}-gone", (), b"", None)
    return int(apply(world, "master", ManageSignerRole(update)).header.sequence)


def test_no_wrong_release_and_none_after_a_revocation(
    keychains: KeyChains, fault_round: int
) -> None:
    wrong: list[Any] = []
    owner = f"owner of round {fault_round}"
    apply(keychains.world, "master", create_account(owner))
    made = keychains.create(owner, f"passport/{fault_round}", CLASS)
    for case in make_cases(fault_round):
        account = owner if case.is_owners else "master"
        for kind in ("signer", "role"):
            name = f"{case.name} {kind}"
            each = case._replace(name=name)
            keychains.add_signer(account, name, *each.rules)
            raise_bulk(keychains, name)
            status, _ = keychains.release(made["id"], name)
            if (status == 200) is not each.is_entitled:
                wrong.append((each, status))
            if each.is_entitled:
                wrong += race(keychains, made["id"], account, each, kind)
            else:
                revoke(keychains, account, each, kind)
            status, _ = keychains.release(made["id"], name)
            if status == 200:
                wrong.append((each, "after the revocation"))
            if kind == "role":
                keychains.remove_signer(account, name)
    assert wrong == []


def race(keychains: KeyChains, key_id: str, account: str, case: Case, kind: str) -> list[Any]:
    """Releases that were judged on the ledger of the revocation, or a later one."""
    stop, seen = threading.Event(), list[int]()
    arguments = [(keychains, key_id, case.name, n % 2, stop, seen) for n in range(RACERS)]
    threads = [threading.Thread(target=release_again_and_again, args=each) for each in arguments]
    freshen(keychains.world)
    for thread in threads:
        thread.start()
    wait_until(lambda: len(seen) >= RACERS)
    ledger = revoke(keychains, account, case, kind)
    stop.set()
    for thread in threads:
        thread.join(30)
    return [(case, kind, found, ledger) for found in seen if not 0 < found < ledger]


def raise_bulk(keychains: KeyChains, name: str) -> None:
    """So many releases need a second person's word, which is given here."""
    approve = "insert into keychain.approvals values (%s, %s, 1000000, now() + interval '1 hour')"
    keychains.query(approve, bytes(get_public_key(name)), bytes(32))
