"""What accountants ask for: earlier balances, holders, statements, fees due, limits and what is
left of them, parts of an account."""

import csv
import io
import json
from typing import Any

import pytest
from msgspec.structs import replace

from schemas.generated.common import Amount, FeeRange, FeeType, LimitKind
from schemas.generated.operations import PutFeeRange, SetFees
from schemas.strkey import encode_account_id, encode_balance_id
from streams.ledger.values import AMOUNT_MAX, GENERAL_ROLE
from tests.gateways.support import Gateway
from tests.support.network import (
    accept_fees,
    create_asset,
    create_balance,
    get_account,
    issue,
    pay,
    put_limit,
    set_fee,
)

ALICE, BOB = encode_account_id(get_account("alice")), encode_account_id(get_account("bob"))


@pytest.fixture(scope="module")
def paid(gateway: Gateway) -> list[int]:
    """alice holds 10.00 GLD and pays bob 1.00, 2.00 and 3.00, with a fee of 0.05 each. The ledgers
    of the issuance and of the payments."""
    world, network = gateway.world, gateway.world.network
    world.apply("issuer", create_asset("GLD"))
    for name in ("alice", "bob"):
        world.apply(name, create_balance(name, "GLD"))
    ledgers = [world.apply("issuer", issue(network, "alice", "GLD", 1_000, "gld"))]
    world.apply("master", set_fee("GLD", 1, 5), put_limit(LimitKind.SPEND, "GLD", 700, 900))
    for amount in (100, 200, 300):
        body = pay(network, "alice", "bob", "GLD", amount)
        fees = accept_fees(5, 0)
        ledgers.append(world.apply("alice", replace(body, fee_data=fees)))
    return [each.header.sequence for each in ledgers]


def get_balance_id(gateway: Gateway, name: str) -> str:
    return encode_balance_id(gateway.world.network.get_balance_id(name, "GLD"))


def ask(gateway: Gateway, name: str, path: str, **parameters: str) -> Any:
    return gateway.stranger.get(path, params=parameters, auth=gateway.sign_as(name))


def test_a_balance_as_of_an_earlier_ledger(gateway: Gateway, paid: list[int]) -> None:
    path = f"/v3/balances/{get_balance_id(gateway, 'alice')}"

    def get(sequence: int) -> tuple[str, str]:
        found = ask(gateway, "alice", path, at_ledger=str(sequence)).json()["data"]["attributes"]
        return found["available"], found["changed_in"]

    assert [get(each) for each in (paid[0] - 1, *paid)] == [
        ("0.00", "0"),
        ("10.00", str(paid[0])),
        ("8.95", str(paid[1])),
        ("6.90", str(paid[2])),
        ("3.85", str(paid[3])),
    ]
    assert get(paid[2]) == ("6.90", str(paid[2]))
    future = ask(gateway, "alice", path, at_ledger="1000000")
    assert (future.status_code, future.json()["type"].endswith("not-found")) == (404, True)
    assert ask(gateway, "bob", path, at_ledger="5").status_code == 404


def test_holders_now_and_then_page_by_page(gateway: Gateway, paid: list[int]) -> None:
    path = "/v3/assets/GLD/holders"

    def walk(**parameters: str) -> dict[str, str]:
        found, url = {}, f"{path}?page[limit]=1"
        url += "".join(f"&{name}={value}" for name, value in parameters.items())
        while url:
            page = gateway.stranger.get(url, auth=gateway.sign_as("issuer")).json()
            for each in page["data"]:
                owner = each["relationships"]["owner"]["data"]["id"]
                found[owner] = each["attributes"]["available"]
            url = page["links"]["next"]
        return found

    master = encode_account_id(get_account("master"))
    assert walk() == {ALICE: "3.85", BOB: "6.00", master: "0.15"}
    assert walk(at_ledger=str(paid[1])) == {ALICE: "8.95", BOB: "1.00", master: "0.05"}
    assert walk(at_ledger=str(paid[0])) == {ALICE: "10.00"}
    assert walk(at_ledger=str(paid[0] - 1)) == {}
    assert ask(gateway, "alice", path).status_code == 404
    included = ask(gateway, "issuer", path, include="asset").json()["included"]
    assert [(each["type"], each["id"]) for each in included] == [("assets", "GLD")]


def test_an_owners_balances_as_of_a_ledger(gateway: Gateway, paid: list[int]) -> None:
    given = {"filter[account]": ALICE, "filter[asset]": "GLD", "at_ledger": str(paid[1])}
    [balance] = ask(gateway, "alice", "/v3/balances", **given).json()["data"]
    assert balance["attributes"]["available"] == "8.95"


def test_a_statement_as_csv(gateway: Gateway, paid: list[int]) -> None:
    path = f"/v3/balances/{get_balance_id(gateway, 'alice')}/statement.csv"
    response = ask(gateway, "alice", path)
    assert response.headers["content-type"].startswith("text/csv")
    lines = list(csv.DictReader(io.StringIO(response.text)))
    assert [(each["kind"], each["amount"], each["available"]) for each in lines] == [
        ("opening", "0.00", "0.00"),
        ("issued", "10.00", "10.00"),
        ("charged", "1.00", "8.95"),
        ("charged", "2.00", "6.90"),
        ("charged", "3.00", "3.85"),
        ("closing", "0.00", "3.85"),
    ]
    for line in lines[1:-1]:
        ledger = gateway.get(f"/v3/ledgers/{line['ledger']}")["data"]["attributes"]
        assert ledger["header_hash"] == line["ledger_hash"]
    assert ask(gateway, "bob", path).status_code == 404


def test_a_statement_of_a_range_as_ndjson(gateway: Gateway, paid: list[int]) -> None:
    path = f"/v3/balances/{get_balance_id(gateway, 'alice')}/statement.ndjson"
    given = {"from_ledger": str(paid[1]), "to_ledger": str(paid[2])}
    lines = [json.loads(each) for each in ask(gateway, "alice", path, **given).text.splitlines()]
    assert [(each["kind"], each["available"], each["ledger"]) for each in lines] == [
        ("opening", "10.00", str(paid[1] - 1)),
        ("charged", "8.95", str(paid[1])),
        ("charged", "6.90", str(paid[2])),
        ("closing", "6.90", str(paid[2])),
    ]
    wrong = ask(gateway, "alice", path, from_ledger="9", to_ledger="8")
    assert (wrong.status_code, wrong.json()["parameter"]) == (400, "from_ledger")


def test_fees_that_are_due(gateway: Gateway, paid: list[int]) -> None:
    path = f"/v3/accounts/{ALICE}/calculated-fees"
    given = {"asset": "GLD", "amount": "2.5", "fee_type": "payment", "subtype": "1"}

    def get() -> Any:
        return ask(gateway, "alice", path, **given).json()["data"]["attributes"]

    assert (get()["fixed"], get()["calculated_percent"], get()["total"]) == ("0.05", "0.00", "0.05")
    put = PutFeeRange(FeeRange(Amount(0), AMOUNT_MAX, Amount(1), 1_000_000))
    own = SetFees(get_account("alice"), None, "GLD", FeeType.PAYMENT, 1, put)
    gateway.world.apply("master", own)
    assert (get()["fixed"], get()["calculated_percent"], get()["total"]) == ("0.01", "0.03", "0.04")
    wrong = ask(gateway, "alice", path, **{**given, "subtype": "3"})
    assert (wrong.status_code, wrong.json()["parameter"]) == (400, "subtype")
    missing = ask(gateway, "alice", path, asset="GLD", amount="1")
    assert (missing.status_code, missing.json()["parameter"]) == (400, "fee_type")
    assert ask(gateway, "alice", path, **{**given, "amount": "1.001"}).status_code == 400
    assert ask(gateway, "alice", path, **{**given, "asset": "NONE"}).status_code == 404
    assert ask(gateway, "bob", path, **given).status_code == 404


def test_limits_with_what_is_counted_and_left(gateway: Gateway, paid: list[int]) -> None:
    found = ask(gateway, "alice", f"/v3/accounts/{ALICE}/limits").json()["data"]["attributes"]
    [limit] = [each for each in found["limits"] if each["asset"] == "GLD"]
    assert (limit["owner"], limit["kind"], limit["is_convert_needed"]) == ("global", "spend", False)
    assert (limit["limit"]["daily"], limit["counted"]["daily"]) == ("7.00", "6.00")
    assert (limit["left"]["daily"], limit["left"]["weekly"]) == ("1.00", "3.00")
    gateway.world.apply("master", put_limit(LimitKind.SPEND, "GLD", 800, account="alice"))
    found = ask(gateway, "alice", f"/v3/accounts/{ALICE}/limits").json()["data"]["attributes"]
    [limit] = [each for each in found["limits"] if each["asset"] == "GLD"]
    assert (limit["owner"], limit["left"]["daily"]) == ("account", "2.00")


def test_parts_of_an_account(gateway: Gateway, paid: list[int]) -> None:
    world = gateway.world
    put = PutFeeRange(FeeRange(Amount(0), Amount(9), Amount(1), 0))
    world.apply(
        "master",
        SetFees(get_account("bob"), None, "GLD", FeeType.PAYMENT, 2, put),
        put_limit(LimitKind.PAYMENT_OUT, "GLD", 5, account="bob"),
    )
    include = "balances,fees,kyc,limits,role,signers"
    document = ask(gateway, "bob", f"/v3/accounts/{BOB}", include=include).json()
    related = document["data"]["relationships"]
    assert related["role"]["data"] == {"type": "account-roles", "id": str(GENERAL_ROLE)}
    assert related["kyc"]["data"] is None
    by_type = {each["type"]: each for each in document["included"]}
    assert by_type["fees"]["attributes"]["entry"]["ranges"][0]["upper"] == "0.09"
    assert by_type["limits"]["attributes"]["entry"]["limits"][0]["amounts"]["daily"] == "0.05"
    assert by_type["account-roles"]["attributes"]["entry"]["name"] == "general"
    assert len(related["fees"]["data"]) == 1
    plain = ask(gateway, "bob", f"/v3/accounts/{BOB}").json()["data"]["relationships"]
    assert set(plain) == {"referrer"}


def test_requests_of_one_kind(gateway: Gateway) -> None:
    gateway.world.apply("issuer", create_asset("ASK", tasks=16))
    issuer = encode_account_id(get_account("issuer"))
    given = {"filter[requestor]": issuer, "filter[state]": "PENDING", "include": "asset"}
    page = ask(gateway, "issuer", "/v3/create-asset-requests", **given).json()
    assert [each["attributes"]["asset"] for each in page["data"]] == ["ASK"]
    page = ask(gateway, "issuer", "/v3/issuance-requests", **{"filter[requestor]": issuer}).json()
    assert {each["attributes"]["kind"] for each in page["data"]} == {"issuance"}
    assert ask(gateway, "alice", "/v3/issuance-requests").status_code == 403
