"""Registration: a statement makes an account once, and links an e-mail to who was proven last."""

import threading
from typing import Any

import pytest

from gateways.client.keys import get_address
from schemas.generated.operations import CreateSigner, ManageSigner, RemoveSigner
from streams.ledger.values import OWNER_SIGNER_ROLE
from tests.gateways.api.support import Apis, get_now_ms, make_registration
from tests.support.network import create_account, get_account, get_key, get_owner, get_public_key

PHONE = "{}'s phone"


def find_kind(answer: Any) -> str:
    return str(answer.json()["type"]).rpartition("#problem-")[2]


def look_up(apis: Apis, email: str) -> str | None:
    """As an administrator sees it; the master may do everything."""
    answer = apis.send("POST", "/v1/lookups", "master", {"email": email})
    if answer.status_code == 404:
        return None
    assert answer.status_code == 200, answer.text
    return str(answer.json()["data"]["id"])


def test_a_statement_makes_the_account_and_links_the_e_mail(apis: Apis) -> None:
    answer = apis.register("ann", "Ann@Example.org")
    assert answer.status_code == 201, answer.text
    assert answer.json()["data"]["attributes"]["state"] == "CREATED"
    state = apis.gateway.world.network.ledger.state
    assert state.get_account(get_account("ann")) is not None
    owner = state.get_signer(get_account("ann"), get_public_key("ann"))
    daily = state.get_signer(get_account("ann"), get_public_key(PHONE.format("ann")))
    assert owner is not None
    assert daily is not None
    assert owner.data.role_id == OWNER_SIGNER_ROLE != daily.data.role_id
    (link,) = apis.get(f"/v1/accounts/{get_address(get_key('ann'))}/links", PHONE.format("ann"))
    assert link["attributes"]["address"] == "ann@example.org"
    assert not link["attributes"]["is_found"]


def test_again_it_answers_the_same_at_any_instance(apis: Apis) -> None:
    content = make_registration(apis.gateway, "again", "again@example.org")
    answers = [apis.send("POST", "/v1/registrations", None, content, at) for at in (0, 1, 0)]
    assert [each.status_code for each in answers] == [201, 201, 201]
    assert len({each.text.split('"links"')[0] for each in answers}) == 1
    created = apis.gateway.world.network.ledger.state.get_account(get_account("again"))
    assert created is not None


def test_many_at_once_make_one_account(apis: Apis) -> None:
    content = make_registration(apis.gateway, "crowd", "crowd@example.org")
    statuses: list[int] = []

    def post(at: int) -> None:
        statuses.append(apis.send("POST", "/v1/registrations", None, content, at).status_code)

    threads = [threading.Thread(target=post, args=(number % 2,)) for number in range(12)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert statuses == [201] * 12
    rows = apis.query(
        "select tries from api.registrations where account_id = %s", get_account("crowd")
    )
    assert len(rows) == 1


@pytest.mark.parametrize("what", ["signature", "email", "key", "network", "bytes"])
def test_what_the_keyserver_did_not_say_is_refused(apis: Apis, what: str) -> None:
    content = make_registration(apis.gateway, "forger", "forger@example.org")
    if what == "signature":
        content["signature"] = content["signature"][:-8] + "AAAAAA=="
    if what == "email":
        content["email"] = "other@example.org"
    if what == "key":
        content = make_registration(
            apis.gateway, "forger", "forger@example.org", key=get_key("forger")
        )
    if what == "network":
        content["signature"] = "A" * 86 + "=="
    if what == "bytes":
        content["statement"] = "AAAA" + content["statement"][4:]
    answer = apis.send("POST", "/v1/registrations", None, content)
    assert (answer.status_code, find_kind(answer)) == (400, "statement-invalid")
    rows = apis.query(
        "select 1 from api.registrations where account_id = %s", get_account("forger")
    )
    assert rows == []


def test_an_old_statement_is_refused(apis: Apis) -> None:
    old = get_now_ms() - 25 * 3_600_000
    content = make_registration(apis.gateway, "late", "late@example.org", issued_at_ms=old)
    answer = apis.send("POST", "/v1/registrations", None, content)
    assert (answer.status_code, find_kind(answer)) == (409, "statement-stale")


def test_somebody_else_s_account_is_not_linked(apis: Apis) -> None:
    apis.miner.apply("master", create_account("victim"))
    content = make_registration(apis.gateway, "victim", "thief@example.org", signer="thief")
    answer = apis.send("POST", "/v1/registrations", None, content)
    assert (answer.status_code, find_kind(answer)) == (409, "account-taken")
    assert look_up(apis, "thief@example.org") is None


def test_an_account_asked_for_by_two_is_the_first_one_s(apis: Apis) -> None:
    first = make_registration(apis.gateway, "wanted", "first@example.org", signer="first")
    second = make_registration(apis.gateway, "wanted", "second@example.org", signer="second")
    assert apis.send("POST", "/v1/registrations", None, first).status_code == 201
    answer = apis.send("POST", "/v1/registrations", None, second)
    assert (answer.status_code, find_kind(answer)) == (409, "account-taken")
    assert look_up(apis, "second@example.org") is None


def test_a_new_key_of_the_same_account_keeps_the_link(apis: Apis) -> None:
    assert apis.register("rotating").status_code == 201
    account = get_address(get_key("rotating"))
    path = f"/v1/accounts/{account}/links"
    (link,) = apis.get(path, PHONE.format("rotating"))
    apis.send("PATCH", f"{path}/{link['id']}", PHONE.format("rotating"), {"is_found": True})
    apis.miner.apply(
        "rotating",
        ManageSigner(RemoveSigner(get_public_key(PHONE.format("rotating")))),
        ManageSigner(CreateSigner(get_owner("new phone"))),
    )
    content = make_registration(
        apis.gateway, "rotating", "rotating@example.org", signer="new phone"
    )
    assert apis.send("POST", "/v1/registrations", None, content).status_code == 201
    (link,) = apis.get(path, "new phone")
    assert link["attributes"]["is_found"]
    assert link["attributes"]["signer"] == get_address(get_key("new phone"))


def test_a_new_e_mail_takes_the_place_of_the_old_one(apis: Apis) -> None:
    assert apis.register("moving", "old@example.org").status_code == 201
    assert apis.register("moving", "new@example.org").status_code == 201
    assert look_up(apis, "old@example.org") is None
    assert look_up(apis, "new@example.org") == get_address(get_key("moving"))


def test_the_registration_is_shown_to_its_own_key_alone(apis: Apis) -> None:
    assert apis.register("shown").status_code == 201
    path = f"/v1/registrations/{get_address(get_key('shown'))}"
    assert apis.send("GET", path, PHONE.format("shown")).status_code == 200
    assert apis.send("GET", path, "stranger").status_code == 404
    assert apis.send("GET", path).status_code == 401
