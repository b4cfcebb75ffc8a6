"""Payout accounts: registered by their owners, sealed, and released to who pays out, on record."""

import asyncio
from typing import Any

import pytest

from gateways.client.api import ApiClient
from gateways.client.errors import ClientError
from gateways.client.keys import get_address
from gateways.client.payouts import check_payout_account
from processors.psim.banks.payees import ApiPayees, PayeeSettings
from schemas.generated.common import Hash
from schemas.settings import Secret
from tests.gateways.api.support import PAYOUT_TOKEN, TOKEN, Apis
from tests.gateways.api.test_people import get_path
from tests.gateways.api.test_registrations import PHONE
from tests.support.network import get_key

IBAN, HOLDER = "DE75512108001245126199", "Petra Müller"
KNOWN = PHONE.format("petra")


@pytest.fixture(scope="module", autouse=True)
def petra(apis: Apis) -> None:
    assert apis.register("petra").status_code == 201


def add(apis: Apis, **changes: Any) -> Any:
    content = {"iban": "de75 5121 0800 1245 1261 99", "holder": f"  {HOLDER} ", **changes}
    answer = apis.send("POST", get_path("petra", "payout-accounts"), KNOWN, content)
    assert answer.status_code == 200, answer.text
    return answer.json()["data"]


def make_payees(apis: Apis, token: str = PAYOUT_TOKEN) -> ApiPayees:
    return ApiPayees(PayeeSettings(tuple(apis.private_urls), Secret(token)), "psim1")


def ask(payees: ApiPayees, account_hash: str) -> Any:
    found = Hash(bytes.fromhex(account_hash))
    asyncio.run(payees.ask([(found, 7)]))
    return payees.get(found)


def test_an_account_is_registered_sealed_and_checked_by_its_owner(apis: Apis) -> None:
    made = add(apis)
    assert made["attributes"]["iban"] == IBAN
    assert made["attributes"]["holder"] == HOLDER
    assert add(apis)["id"] != made["id"]  # another salt
    with ApiClient(apis.urls[0], get_key(KNOWN)) as client:
        own = get_address(get_key("petra"))
        listed = client.list_payout_accounts(own)
        assert made in listed
        client.remove_payout_account(own, listed[-1]["id"])
        assert client.list_payout_accounts(own) == listed[:-1]
    rows = apis.query("select sealed from api.payout_accounts")
    assert rows
    assert all(IBAN.encode() not in bytes(sealed) for (sealed,) in rows)
    exported = apis.get(get_path("petra", "export"), KNOWN)["attributes"]["payout_accounts"]
    assert exported[made["id"]] == made["attributes"]
    made["attributes"]["holder"] = "Mallory"
    with pytest.raises(ClientError):
        check_payout_account(made)


@pytest.mark.parametrize(
    "changes",
    [
        {"iban": "DE75512108001245126198"},
        {"iban": ""},
        {"bic": "DNB"},
        {"holder": ""},
        {"holder": "  "},
        {"holder": "a\u0007b"},
        {"holder": "ä" * 36},
    ],
)
def test_what_is_no_account_is_refused(apis: Apis, changes: dict[str, str]) -> None:
    content = {"iban": IBAN, "holder": HOLDER, **changes}
    answer = apis.send("POST", get_path("petra", "payout-accounts"), KNOWN, content)
    assert answer.status_code == 400, answer.text


def test_others_neither_see_nor_add_any(apis: Apis) -> None:
    content = {"iban": IBAN, "holder": HOLDER}
    path = get_path("petra", "payout-accounts")
    assert apis.send("POST", path, "stranger", content).status_code == 403
    assert apis.send("GET", path, "stranger").status_code == 403
    assert apis.send("DELETE", f"{path}/{'00' * 32}", KNOWN).status_code == 404


def test_a_payee_is_released_on_record_to_who_pays_out(apis: Apis) -> None:
    made = add(apis, bic="COBADEFF")
    found = ask(make_payees(apis), made["id"])
    assert (found.iban, found.bic, found.holder) == (IBAN, "COBADEFF", HOLDER)
    (seen,) = [
        each["attributes"]
        for each in apis.get(get_path("petra", "accesses"), KNOWN)
        if each["attributes"]["action"] == "payout"
    ]
    assert (seen["actor"], seen["request_id"]) == ("psim1", "withdrawal 7")


def test_nobody_else_is_told(apis: Apis) -> None:
    made = add(apis)
    payees = make_payees(apis, TOKEN)  # the Notificator's
    assert ask(payees, made["id"]) is None
    assert payees.problem
    unknown = make_payees(apis)
    assert ask(unknown, "11" * 32) is None
    assert "request 7" in unknown.problem
    url, headers = f"{apis.private_urls[0]}/v1/payees", {"Authorization": f"Bearer {PAYOUT_TOKEN}"}
    for content in ({}, {"account_hash": "x", "instance": "psim1", "purpose": "p"}, "x" * 2_000):
        assert apis.http.post(url, json=content, headers=headers).status_code == 400


def test_who_has_too_many_is_told(apis: Apis) -> None:
    ((count,),) = apis.query("select count(*) from api.payout_accounts")
    for _ in range(100 - count):
        add(apis)
    content = {"iban": IBAN, "holder": HOLDER}
    answer = apis.send("POST", get_path("petra", "payout-accounts"), KNOWN, content)
    assert answer.json()["type"].endswith("quota-exceeded")
