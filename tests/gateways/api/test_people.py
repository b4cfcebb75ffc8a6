"""Links, lookups, phones, users, settings, terms, invitations, export: rights and audit trail."""

import re
from typing import Any

import httpx2
import msgspec
import pytest

from gateways.client.keys import get_address
from schemas.generated.events import AccountRecipient
from schemas.generated.operations import CreateSigner, ManageSigner, RemoveSigner
from tests.gateways.api.support import TOKEN, Apis, add_administrator, make_registration
from tests.gateways.api.test_registrations import PHONE, find_kind
from tests.processors.notificator.support import World
from tests.support.network import create_account, get_account, get_key, get_owner, get_public_key


def get_path(name: str, rest: str) -> str:
    return f"/v1/accounts/{get_address(get_key(name))}/{rest}"


@pytest.fixture(scope="module", autouse=True)
def people(apis: Apis) -> None:
    for name in ("rita", "sven"):
        assert apis.register(name).status_code == 201
    add_administrator(apis, "auditor", "read-people", "manage-terms")


def allow(apis: Apis, name: str, *, is_found: bool) -> None:
    (link,) = apis.get(get_path(name, "links"), PHONE.format(name))
    path = get_path(name, f"links/{link['id']}")
    answer = apis.send("PATCH", path, PHONE.format(name), {"is_found": is_found})
    assert answer.status_code == 200, answer.text


def look_up(apis: Apis, by: str, **content: str) -> httpx2.Response:
    return apis.send("POST", get_path(by, "lookups"), PHONE.format(by), content)


def test_others_find_who_lets_them_and_only_by_the_exact_address(apis: Apis) -> None:
    assert look_up(apis, "sven", email="rita@example.org").status_code == 404
    allow(apis, "rita", is_found=True)
    found = look_up(apis, "sven", email=" Rita@Example.ORG")
    assert found.json()["data"]["id"] == get_address(get_key("rita"))
    assert found.json()["data"]["attributes"]["signer"] is None
    for email in ("rit@example.org", "rita@example.or", "%@example.org"):
        assert look_up(apis, "sven", email=email).status_code == 404
    allow(apis, "rita", is_found=False)
    hidden = look_up(apis, "sven", email="rita@example.org")
    unknown = look_up(apis, "sven", email="nobody@example.org")
    assert hidden.json()["detail"] == unknown.json()["detail"]
    assert hidden.status_code == unknown.status_code == 404


def test_a_lookup_needs_an_account_of_one_s_own(apis: Apis) -> None:
    """TokenD's GET /user_id?email and POST /details asked for no signature at all."""
    content = {"email": "rita@example.org"}
    assert apis.send("POST", get_path("rita", "lookups"), None, content).status_code == 401
    assert apis.send("POST", get_path("rita", "lookups"), "stranger", content).status_code == 403
    assert apis.send("POST", "/v1/lookups", PHONE.format("sven"), content).status_code == 403
    for path in ("/v1/users", get_path("rita", "links")):
        assert apis.send("GET", path, PHONE.format("sven")).status_code == 403


def test_guessing_addresses_is_limited_for_an_account(apis: Apis) -> None:
    assert apis.register("guesser").status_code == 201
    statuses = [
        look_up(apis, "guesser", email=f"{number}@example.org").status_code for number in range(40)
    ]
    assert statuses[:30] == [404] * 30
    assert 429 in statuses[30:]  # then one after every wait, which a slow machine sits out


def test_what_administrators_and_finders_saw_is_told(apis: Apis) -> None:
    allow(apis, "rita", is_found=True)
    look_up(apis, "sven", email="rita@example.org")
    assert apis.get("/v1/users?page[limit]=200", "auditor")
    path = get_path("rita", "accesses?page[limit]=200")
    seen = {
        (each["attributes"]["actor"], each["attributes"]["action"])
        for each in apis.get(path, PHONE.format("rita"))
    }
    assert (get_address(get_key(PHONE.format("sven"))), "lookup") in seen
    assert (get_address(get_key("auditor")), "users") in seen


def test_an_administrator_who_was_removed_reads_nothing_more(apis: Apis) -> None:
    add_administrator(apis, "former", "read-people")
    assert apis.send("GET", "/v1/users", "former").status_code == 200
    apis.miner.apply("master", ManageSigner(RemoveSigner(get_public_key("former"))))
    assert apis.send("GET", "/v1/users", "former").status_code == 403


def test_a_phone_is_linked_by_the_code_that_it_got(apis: Apis) -> None:
    signer, phone = PHONE.format("sven"), "+49 170 0000001"
    answer = apis.send("POST", get_path("sven", "phones"), signer, {"phone": phone})
    assert answer.status_code == 204, answer.text
    code = re.findall("[0-9]{6}", apis.wait_for_letter("+491700000001"))[0]
    path = get_path("sven", "phones/confirmations")
    wrong = f"{(int(code) + 1) % 10**6:06}"
    answer = apis.send("POST", path, signer, {"phone": phone, "code": wrong})
    assert find_kind(answer) == "code-wrong"
    other = apis.send("POST", path, signer, {"phone": "+491700000002", "code": code})
    assert find_kind(other) == "code-wrong"
    right = {"phone": phone, "code": code}
    assert apis.send("POST", path, signer, right, at=1).status_code == 204
    assert find_kind(apis.send("POST", path, signer, right)) == "code-wrong"
    kinds = {
        each["attributes"]["kind"]: each["attributes"]["address"]
        for each in apis.get(get_path("sven", "links"), signer)
    }
    assert kinds == {"email": "sven@example.org", "phone": "+491700000001"}


def test_the_private_port_tells_the_notificator_alone(apis: Apis) -> None:
    content = {"account": get_address(get_key("rita"))}
    url = f"{apis.private_urls[0]}/v1/contacts"
    assert apis.http.post(url, json=content).status_code == 401
    headers = {"Authorization": f"Bearer {TOKEN}"}
    found = apis.http.post(url, json=content, headers=headers).json()["contact"]
    assert found["email"] == "rita@example.org"
    nobody = {"account": get_address(get_key("nobody"))}
    assert apis.http.post(url, json=nobody, headers=headers).json() == {"contact": None}


def test_an_account_s_only_person_keeps_its_data_under_a_new_key(apis: Apis) -> None:
    assert apis.register("tina").status_code == 201
    allow(apis, "tina", is_found=True)
    old = PHONE.format("tina")
    answer = apis.send("PUT", get_path("tina", "settings/theme"), old, {"dark": True})
    assert answer.status_code == 200, answer.text
    apis.miner.apply(
        "tina",
        ManageSigner(RemoveSigner(get_public_key(old))),
        ManageSigner(CreateSigner(get_owner("tina's new phone"))),
    )
    assert look_up(apis, "sven", email="tina@example.org").status_code == 200
    assert apis.send("GET", get_path("tina", "settings"), old).status_code == 403
    (setting,) = apis.get(get_path("tina", "settings"), "tina's new phone")
    assert setting["attributes"]["value"] == {"dark": True}


def test_settings_are_a_person_s_own(apis: Apis) -> None:
    apis.miner.apply("rita", ManageSigner(CreateSigner(get_owner("rita's colleague"))))
    path = get_path("rita", "settings/currency")
    assert apis.send("PUT", path, PHONE.format("rita"), "EUR").status_code == 200
    assert apis.send("PUT", path, "rita's colleague", "USD").status_code == 200
    for signer, value in ((PHONE.format("rita"), "EUR"), ("rita's colleague", "USD")):
        (setting,) = apis.get(get_path("rita", "settings"), signer)
        assert setting["attributes"]["value"] == value
    assert apis.send("DELETE", path, "rita's colleague").status_code == 204
    assert apis.send("DELETE", path, "rita's colleague").status_code == 404


def test_terms_are_accepted_with_version_and_time(apis: Apis) -> None:
    content = {"url": "https://tokend.example/terms", "sha256": "ab" * 32}
    assert apis.send("PUT", "/v1/terms/2026-11", "auditor", content).status_code == 200
    changed = {**content, "sha256": "cd" * 32}
    assert apis.send("PUT", "/v1/terms/2026-11", "auditor", changed).status_code == 409
    assert apis.send("PUT", "/v1/terms/2026-12", PHONE.format("sven"), content).status_code == 403
    signer = PHONE.format("sven")
    unknown = apis.send("POST", get_path("sven", "terms"), signer, {"version": "1999"})
    assert find_kind(unknown) == "terms-unknown"
    accepted = [
        apis.send("POST", get_path("sven", "terms"), signer, {"version": "2026-11"}).json()["data"]
        for _ in range(2)
    ]
    assert accepted[0] == accepted[1]
    assert apis.get(get_path("sven", "terms"), signer) == [accepted[0]]


def invite(apis: Apis, email: str) -> tuple[Any, str]:
    content = {"email": email, "role_id": "3"}
    answer = apis.send("POST", get_path("firm", "invitations"), "firm", content)
    assert answer.status_code == 201, answer.text
    return answer.json()["data"], re.findall("[0-9a-f]{32}", apis.wait_for_letter(email))[0]


@pytest.fixture(scope="module")
def firm(apis: Apis, people: None) -> None:
    apis.miner.apply("master", create_account("firm"))


def accept(
    apis: Apis, code: str, email: str, signer: str, *, by: str | None = None, factor: bool = True
) -> httpx2.Response:
    content = make_registration(apis.gateway, "firm", email, signer=signer, factor=factor)
    return apis.send("POST", "/v1/invitations/accept", by or signer, {**content, "code": code})


def test_an_invitation_wants_the_second_factor_and_is_accepted_once(apis: Apis, firm: None) -> None:
    invitation, code = invite(apis, "uwe@example.org")
    without = accept(apis, code, "uwe@example.org", "uwe", factor=False)
    assert find_kind(without) == "second-factor-needed"
    assert accept(apis, code, "uwe@example.org", "uwe", by="thief").status_code == 403
    wrong = [
        accept(apis, "0" * 32, "uwe@example.org", "uwe"),
        accept(apis, code, "other@example.org", "uwe"),
    ]
    assert [find_kind(each) for each in wrong] == ["invitation-invalid"] * 2
    for _ in range(2):
        assert accept(apis, code, "uwe@example.org", "uwe").status_code == 200
    assert find_kind(accept(apis, code, "uwe@example.org", "thief")) == "invitation-invalid"
    path = get_path("firm", f"invitations/{invitation['id']}")
    shown = apis.get(path, "firm")["attributes"]
    assert (shown["state"], shown["signer"]) == ("ACCEPTED", get_address(get_key("uwe")))
    assert apis.send("GET", path, "uwe").status_code == 403
    apis.miner.apply("firm", ManageSigner(CreateSigner(get_owner("uwe"))))
    assert apis.send("GET", path, "uwe").status_code == 200


def test_a_withdrawn_invitation_is_worth_nothing(apis: Apis, firm: None) -> None:
    invitation, code = invite(apis, "vera@example.org")
    path = get_path("firm", f"invitations/{invitation['id']}")
    assert apis.send("DELETE", path, "firm").json()["data"]["attributes"]["state"] == "WITHDRAWN"
    assert find_kind(accept(apis, code, "vera@example.org", "vera")) == "invitation-invalid"


def test_the_export_has_everything_of_the_person_and_nothing_of_others(apis: Apis) -> None:
    name = "wanda"
    assert apis.register(name).status_code == 201
    signer = PHONE.format(name)
    apis.send("PUT", get_path(name, "settings/language"), signer, "pl")
    apis.miner.apply(name, ManageSigner(CreateSigner(get_owner("wanda's colleague"))))
    apis.send("PUT", get_path(name, "settings/language"), "wanda's colleague", "canary")
    apis.send("POST", "/v1/lookups", "auditor", {"email": "wanda@example.org"})
    answer = apis.send("GET", get_path(name, "export"), signer)
    attributes = answer.json()["data"]["attributes"]
    assert [each["address"] for each in attributes["links"]] == ["wanda@example.org"]
    assert attributes["settings"]["language"]["value"] == "pl"
    assert "canary" not in answer.text
    actors = {each["actor"] for each in attributes["seen_by"]}
    assert actors == {get_address(get_key("auditor"))}
    assert apis.send("GET", get_path(name, "export"), "auditor").status_code == 403


def test_a_dump_of_the_database_tells_no_address(apis: Apis) -> None:
    """Everything personal is sealed or hashed under keys that are not in it."""
    tables = [
        name for (name,) in apis.query("select tablename from pg_tables where schemaname = 'api'")
    ]
    for table in tables:
        for (row,) in apis.query(f"select t::text from api.{table} t"):  # noqa: S608
            text = row.lower()
            for canary in ("example.org", b"example.org".hex(), "+4917", b"+4917".hex()):
                assert canary not in text, table
    assert len(tables) > 10


def test_an_account_chooses_what_it_is_told_of(apis: Apis) -> None:
    path, signer = get_path("sven", "notifications"), PHONE.format("sven")
    assert apis.get(path, signer)["attributes"]["types"] == []
    answer = apis.send("PUT", path, signer, {"types": ["payment_received"]})
    assert answer.json()["data"]["attributes"]["types"] == ["payment_received"]
    refused = apis.send("PUT", path, signer, {"types": ["alarm"]})
    assert find_kind(refused) == "notification-refused"
    assert apis.send("GET", path, PHONE.format("rita")).status_code == 403


def test_a_message_has_the_link_by_which_its_kind_ends(apis: Apis) -> None:
    """A scanner that follows it changes nothing; a mail program posts, without any key of ours."""
    path, signer = get_path("sven", "notifications"), PHONE.format("sven")
    chosen = {"types": ["issued", "payment_received"]}
    assert apis.send("PUT", path, signer, chosen).status_code == 200
    data = {"amount": "1", "asset": "EUR", "ledger": "1", "account": "G"}
    request = apis.notificator.request(
        type="payment_received",
        recipient=AccountRecipient(get_account("sven")),
        data=msgspec.json.encode(data),
    )
    apis.notificator.produce(request)
    apis.notificator.wait_for(request.token, "SENT")
    (letter,) = [e for e in apis.sandbox.letters if e.fields.get("o:tag") == request.type]
    assert letter.fields["h:List-Unsubscribe-Post"] == "List-Unsubscribe=One-Click"
    link = letter.fields["h:List-Unsubscribe"].partition(">")[0].removeprefix("<")
    assert apis.http.get(link).status_code == 200
    assert apis.get(path, signer)["attributes"]["types"] == chosen["types"]
    forged = link[:-1] + ("0" if link[-1] != "0" else "1")
    assert find_kind(apis.http.post(forged)) == "not-found"
    one_click = {"List-Unsubscribe": "One-Click"}
    assert apis.http.post(link, data=one_click).status_code == 200
    assert apis.get(path, signer)["attributes"]["types"] == ["issued"]


def test_a_webhook_is_its_owner_s_alone_and_tells_of_no_other_account(apis: Apis) -> None:
    path, signer = get_path("sven", "subscriptions"), PHONE.format("sven")
    content = {"url": f"{apis.sandbox.url}/hook", "types": ["payment_received"]}
    made = apis.send("POST", path, signer, content)
    assert made.status_code == 201, made.text
    subscription = made.json()["data"]
    assert subscription["attributes"]["secret"].startswith("whsec_")
    (shown,) = apis.get(path, signer)
    assert shown["id"] == subscription["id"]
    assert "secret" not in shown["attributes"] or shown["attributes"]["secret"] is None
    own, other = f"{path}/{shown['id']}", get_path("rita", f"subscriptions/{shown['id']}")
    for method, rest in (("GET", ""), ("DELETE", "")):
        assert apis.send(method, other + rest, PHONE.format("rita")).status_code == 404
    again = apis.send("POST", f"{own}/redeliver", signer, {"from_ledger": 1})
    assert again.json()["data"]["attributes"]["state"] == "ACTIVE"
    inside = apis.send("POST", path, signer, {"url": "http://169.254.169.254/latest"})
    assert find_kind(inside) == "notification-refused"
    assert apis.send("DELETE", own, signer).status_code == 204
    assert apis.get(path, signer) == []


def test_the_notificator_gets_addresses_from_api(apis: Apis, notificator: World) -> None:
    """Whose address no file names is asked for at API's private port."""
    request = notificator.request()
    recipient = AccountRecipient(get_account("rita"))
    notificator.produce(msgspec.structs.replace(request, recipient=recipient))
    assert notificator.wait_for(request.token, "SENT", "DEAD") == ("SENT", "")
    assert "T" in apis.wait_for_letter("rita@example.org")
