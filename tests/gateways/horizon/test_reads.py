"""Reading Horizon: every route by its declared schema, pages, cursors, consistency, refusals."""

import concurrent.futures
import json
from typing import Any

import httpx2
import msgspec
import pytest

from gateways.horizon.routes import ROUTES
from gateways.http import rendered
from gateways.http.routes import Route
from schemas.generated.common import LimitKind, Price
from schemas.generated.operations import (
    CreateAssetPair,
    ManageAssetHalt,
    ManageAssetPair,
    ManageKeyValue,
    PutKeyValue,
    StringValue,
    U32Value,
    U64Value,
    U128Value,
)
from schemas.strkey import encode_account_id, encode_balance_id
from tests.gateways.horizon.border_history import add_border_history
from tests.gateways.horizon.reserve_history import add_reserves
from tests.gateways.support import Gateway
from tests.support.network import (
    create_account,
    create_asset,
    create_balance,
    get_account,
    issue,
    pay,
    put_limit,
    set_fee,
)
from tests.support.requests import put_policy

KEY_VALUES: dict[str, U32Value | U64Value | StringValue] = {
    "payment_tasks:*": U32Value(0),
    "account_role:test": U64Value((1 << 64) - 1),
    "free:key%?": StringValue("text \0 é"),
}
GETS = [route for route in ROUTES if route.method == "GET"]
ALICE, BOB = encode_account_id(get_account("alice")), encode_account_id(get_account("bob"))
FEES_DUE = {"asset": "EUR", "amount": "1.5", "fee_type": "payment", "subtype": "1"}
NEEDED = {
    "/v3/history": {"filter[account]": ALICE},
    "/v3/accounts/{id}/calculated-fees": FEES_DUE,
    "/v3/rates/{pair}/candles": {"interval": "1h"},
}
EMPTY = "-requests"  # of most kinds there are none here


@pytest.fixture(scope="module", autouse=True)
def history(gateway: Gateway) -> None:
    """Payments, a refused one, an asset with 18 decimals."""
    world, network = gateway.world, gateway.world.network
    add_border_history(world)
    for number in range(30):
        world.apply("alice", pay(network, "alice", "bob", "EUR", 100 + number, f"r{number}"))
    world.apply("alice", pay(network, "alice", "bob", "EUR", 10**9, "too much"))
    world.apply("bob", pay(network, "bob", "alice", "EUR", 7))
    world.apply("issuer", create_asset("WEI", maximum=10**30, digits=18))
    world.apply("alice", create_balance("alice", "WEI"))
    quoted_at_ms = network.ledger.header.close_time_ms
    pair = CreateAssetPair(Price(3, 1), 1, quoted_at_ms, 60_000, 0)
    world.apply("master", ManageAssetPair("EUR", "WEI", pair), set_fee("WEI", 1, 5))
    world.apply("master", put_limit(LimitKind.SPEND, "WEI", 10), put_policy("issuance", 2))
    world.apply("master", ManageKeyValue("issuance_cap:WEI", PutKeyValue(U128Value(10**18))))
    world.apply("issuer", issue(network, "alice", "WEI", 5, "wei"))
    world.apply("master", ManageAssetHalt("WEI", True, None))
    world.apply("master", *(ManageKeyValue(key, PutKeyValue(v)) for key, v in KEY_VALUES.items()))
    add_reserves(world)


def get_keys(gateway: Gateway) -> dict[str, str]:
    page = gateway.get("/v3/operations", {"page[limit]": "1"})["data"][0]
    return {
        "{hash}": page["attributes"]["transaction_hash"],
        "{sequence}": "3",
        "{code}": "EUR",
        "{key}": "payment_tasks:*",
        "/operations/{id}": f"/operations/{page['id']}",
        "/requests/{id}": "/requests/1",
        "/transfers/{id}": "/transfers/2",
        "/asset-pairs/{id}": "/asset-pairs/EUR:WEI",
        "-roles/{id}": "-roles/1",
        "-rules/{id}": "-rules/1",
        "/accounts/{id}": f"/accounts/{ALICE}",
        "/balances/{id}": f"/balances/{get_balance(gateway, 'alice')}",
        "{pair}": "EUR:WEI",
    }


def get_balance(gateway: Gateway, name: str, asset: str = "EUR") -> str:
    return encode_balance_id(gateway.world.network.get_balance_id(name, asset))


@pytest.mark.parametrize("route", GETS, ids=lambda route: str(route.path))
def test_every_route_answers_what_it_declares(gateway: Gateway, route: Route) -> None:
    path = route.path
    for key, value in get_keys(gateway).items():
        path = path.replace(key, value)
    response = gateway.client.get(path, params=NEEDED.get(route.path))
    assert response.status_code == 200, response.text
    assert response.headers["content-type"].partition(";")[0] == route.media_type.partition(";")[0]
    if route.path.startswith("/v3/") and route.response is not None:
        assert response.headers["latest-ledger"] == response.json()["meta"]["latest_ledger"]
        answer = msgspec.json.decode(response.content, type=route.response)
        assert answer.links.self_.startswith(f"{gateway.url}{path}")
        if isinstance(answer.data, list) and not route.path.endswith(EMPTY):
            assert answer.data


def test_the_openapi_document_is_whole(gateway: Gateway) -> None:
    document = gateway.get("/openapi.json")
    assert document["openapi"] == "3.1.0"
    declared = {(path, method) for path, rows in document["paths"].items() for method in rows}
    assert declared == {(route.path, route.method.lower()) for route in ROUTES}
    schemas = document["components"]["schemas"]
    text = json.dumps(document)
    references = {part.partition('"')[0] for part in text.split("#/components/schemas/")[1:]}
    assert references <= schemas.keys()
    ids = [row["operationId"] for rows in document["paths"].values() for row in rows.values()]
    assert len(set(ids)) == len(ids)
    for route in ROUTES:
        row = document["paths"][route.path][route.method.lower()]
        assert {p["name"] for p in row["parameters"] if p["in"] == "path"} == {
            part.strip("{}") for part in route.path.split("/") if part.startswith("{")
        }
        assert row.get("x-private", False) is not route.is_public


def test_the_docs_page_needs_nothing_else(gateway: Gateway) -> None:
    response = gateway.client.get("/docs")
    page = response.text
    assert "default-src 'none'" in response.headers["content-security-policy"]
    assert "<script" not in page
    assert "http://" not in page
    assert all(route.path in page for route in ROUTES)


def test_an_account_with_included_resources(gateway: Gateway) -> None:
    document = gateway.get(f"/v3/accounts/{ALICE}", {"include": "balances,signers"})
    balances = {
        each["attributes"]["asset"]: each["attributes"]["available"]
        for each in document["included"]
        if each["type"] == "balances"
    }
    network = gateway.world.network
    assert balances["WEI"] == f"0.{'0' * 18}"
    assert int(balances["EUR"].replace(".", "")) == network.get_amount("alice", "EUR")
    (signer,) = [each for each in document["included"] if each["type"] == "signers"]
    assert (signer["attributes"]["weight"], signer["attributes"]["details"]) == (1000, None)
    assert balances.keys() == {"ETH", "EUR", "WEI"}
    assert len(document["data"]["relationships"]["balances"]["data"]) == 3
    assert "included" not in gateway.get(f"/v3/accounts/{ALICE}")


def test_a_failed_operation_says_why(gateway: Gateway) -> None:
    page = gateway.get("/v3/operations", {"filter[account]": ALICE, "page[limit]": "200"})
    (failed,) = [
        each["attributes"] for each in page["data"] if not each["attributes"]["is_successful"]
    ]
    assert (failed["code"], failed["result"]) == ("UNDERFUNDED", None)
    assert failed["details"]["amount"] == "10000000.00"
    transaction = gateway.get(f"/v3/transactions/{failed['transaction_hash']}")["data"]
    assert transaction["attributes"]["status"] == "failed"
    assert transaction["attributes"]["operations"] == [
        {"index": 0, "type": "payment", "code": "UNDERFUNDED"}
    ]


def test_history_shows_effects(gateway: Gateway) -> None:
    page = gateway.get("/v3/history", {"filter[account]": BOB, "page[limit]": "200"})
    last = page["data"][0]["attributes"]
    assert last["account"] == BOB
    (effect,) = last["effects"]
    assert (effect["kind"], effect["amount"], effect["asset"]) == ("charged", "0.07", "EUR")
    kinds = [e["kind"] for each in page["data"] for e in each["attributes"]["effects"]]
    assert kinds.count("funded") == 30
    movements = gateway.get("/v3/movements", {"filter[account]": BOB, "page[limit]": "200"})
    assert [each["attributes"]["kind"] for each in movements["data"]] == kinds


FILTERS: list[tuple[str, dict[str, str]]] = [
    ("/v3/ledgers", {}),
    ("/v3/transactions", {}),
    ("/v3/transactions", {"filter[account]": ALICE}),
    ("/v3/transactions", {"filter[account]": BOB, "filter[ledger]": "7"}),
    ("/v3/operations", {"filter[account]": ALICE}),
    ("/v3/history", {"filter[account]": ALICE}),
    ("/v3/movements", {"filter[asset]": "EUR", "filter[account]": ALICE}),
    ("/v3/balances", {"filter[asset]": "EUR"}),
    ("/v3/assets", {}),
    ("/v3/key-values", {}),
]


@pytest.mark.parametrize(("path", "filters"), FILTERS)
@pytest.mark.parametrize("order", ["asc", "desc"])
def test_pages_forward_and_back_have_everything_once(
    gateway: Gateway, path: str, filters: dict[str, str], order: str
) -> None:
    whole = gateway.get(path, {**filters, "order": order, "page[limit]": "200"})
    expected = [each["id"] for each in whole["data"]]
    assert whole["links"]["next"] is None
    assert whole["links"]["prev"] is None
    pages, link = [], f"{gateway.url}{path}"
    page = gateway.get(path, {**filters, "order": order, "page[limit]": "7"})
    pages.append([each["id"] for each in page["data"]])
    while (link := page["links"]["next"]) is not None:
        page = gateway.get(link)
        pages.append([each["id"] for each in page["data"]])
    assert [each for one in pages for each in one] == expected
    for ids in reversed(pages[:-1]):
        page = gateway.get(page["links"]["prev"])
        assert [each["id"] for each in page["data"]] == ids
    assert page["links"]["prev"] is None or len(pages) == 1


def test_a_cursor_carries_its_filter_and_order(gateway: Gateway) -> None:
    page = gateway.get(
        "/v3/movements", {"filter[account]": ALICE, "order": "asc", "page[limit]": "3"}
    )
    cursor = dict(httpx2.URL(page["links"]["next"]).params)["page[cursor]"]
    alone = gateway.get("/v3/movements", {"page[cursor]": cursor, "page[limit]": "3"})
    assert [each["id"] for each in alone["data"]] == [
        each["id"] for each in gateway.get(page["links"]["next"])["data"]
    ]
    for other in ({"filter[account]": BOB}, {"filter[asset]": "EUR"}, {"order": "desc"}):
        refused = gateway.client.get("/v3/movements", params={"page[cursor]": cursor, **other})
        assert refused.status_code == 400
        assert refused.json()["type"].endswith("#problem-bad-cursor")
    elsewhere = gateway.client.get("/v3/operations", params={"page[cursor]": cursor})
    assert elsewhere.json()["type"].endswith("#problem-bad-cursor")


REFUSED: list[tuple[str, int, str]] = [
    ("/v3/nothing", 404, "not-found"),
    ("/v3/ledgers/", 404, "not-found"),
    ("/v3/ledgers/999", 404, "not-found"),
    ("/v3/ledgers/x", 400, "bad-request"),
    ("/v3/transactions/" + "0" * 64, 404, "not-found"),
    ("/v3/transactions/xyz", 400, "bad-request"),
    ("/v3/operations/12", 404, "not-found"),
    ("/v3/accounts/GABC", 400, "bad-request"),
    ("/v3/accounts/" + encode_account_id(bytes(32)), 404, "not-found"),
    (f"/v3/accounts/{ALICE}?include=secrets", 400, "bad-request"),
    ("/v3/balances/" + encode_balance_id(bytes(32)), 404, "not-found"),
    ("/v3/assets/USD", 404, "not-found"),
    ("/v3/key-values/none", 404, "not-found"),
    ("/v3/key-values/" + "k" * 257, 400, "bad-request"),
    ("/v3/history", 400, "bad-request"),
    ("/v3/ledgers?page[limit]=0", 400, "bad-request"),
    ("/v3/ledgers?page[limit]=1&page[limit]=2", 400, "bad-request"),
    ("/v3/ledgers?filter[account]=x", 400, "bad-request"),
    ("/v3/ledgers?page[cursor]=nonsense", 400, "bad-cursor"),
    ("/v3/ledgers?page[cursor]=W10", 400, "bad-cursor"),
    ("/v3/ledgers?order=" + "x" * 5000, 414, "uri-too-long"),
]


@pytest.mark.parametrize(("path", "status", "slug"), REFUSED)
def test_refusals_are_problem_details(gateway: Gateway, path: str, status: int, slug: str) -> None:
    response = gateway.client.get(path)
    assert response.status_code == status
    assert response.headers["content-type"] == "application/problem+json"
    problem = response.json()
    assert problem["type"] == f"{gateway.url}/docs#problem-{slug}"
    assert problem["status"] == status
    assert problem["instance"] == f"urn:request:{response.headers['x-request-id']}"


def test_key_values_are_public(gateway: Gateway) -> None:
    page = gateway.stranger.get("/v3/key-values", params={"order": "asc"}).json()["data"]
    shown = {each["id"]: each["attributes"]["value"] for each in page}
    assert shown.items() >= {key: str(each.value) for key, each in KEY_VALUES.items()}.items()
    one = gateway.stranger.get("/v3/key-values/account_role:test").json()["data"]["attributes"]
    assert (one["kind"], one["value"]) == ("u64", str((1 << 64) - 1))


def test_limits_of_headers_and_methods(gateway: Gateway) -> None:
    many = gateway.client.get("/v3/ledgers", headers={f"x-{i}": "1" for i in range(80)})
    assert many.status_code == 431
    large = gateway.client.get("/v3/ledgers", headers={"x-large": "1" * 20_000})
    assert large.status_code == 431
    method = gateway.client.delete("/v3/ledgers")
    assert method.status_code == 405
    assert "GET" in method.headers["allow"]
    stream = gateway.client.get("/v3/assets", headers={"accept": "text/event-stream"})
    assert stream.status_code == 406


def test_request_ids_are_taken_over_only_if_harmless(gateway: Gateway) -> None:
    good = gateway.client.get("/health", headers={"x-request-id": "abc-12345678"})
    assert good.headers["x-request-id"] == "abc-12345678"
    bad = gateway.client.get("/health", headers={"x-request-id": 'a"b\\c d e f g'})
    assert len(bad.headers["x-request-id"]) == 16


def test_concurrent_point_reads_get_each_their_own(gateway: Gateway) -> None:
    addresses = [ALICE, BOB, encode_account_id(bytes(32)), encode_account_id(get_account("issuer"))]

    def ask(number: int) -> tuple[str, Any]:
        address = addresses[number % 4]
        return address, gateway.client.get(f"/v3/accounts/{address}")

    with concurrent.futures.ThreadPoolExecutor(16) as pool:
        answers = list(pool.map(ask, range(200)))
    for address, response in answers:
        if address == addresses[2]:
            assert response.status_code == 404
        else:
            assert response.json()["data"]["id"] == address


def test_info_describes_the_network_and_the_core(gateway: Gateway) -> None:
    info = gateway.get("/v3/info")["data"]["attributes"]
    network = gateway.world.network
    assert info["network_id"] == network.network_id.hex()
    assert info["genesis_hash"] == network.genesis_hash.hex()
    assert info["latest_ledger"] == str(network.ledger.header.sequence)
    assert info["latest_header_hash"] == network.ledger.header_hash.hex()
    assert info["settings"]["heartbeat_ms"] == "5000"
    assert len(info["validators"]) == 4
    assert info["core"]["is_healthy"] is True
    assert info["core_problem"] is None


def test_an_account_of_the_last_ledger_is_found_at_once(gateway: Gateway) -> None:
    gateway.world.apply("master", create_account("carol"))
    carol = encode_account_id(get_account("carol"))
    response = gateway.client.get(f"/v3/accounts/{carol}")
    assert response.status_code == 200
    assert response.headers["latest-ledger"] == str(gateway.world.network.ledger.header.sequence)


def test_rows_are_the_same_however_few_are_kept(
    gateway: Gateway, monkeypatch: pytest.MonkeyPatch
) -> None:
    """JSON of rows is kept; what does not fit is made again."""
    paths = [f"/v3/{each}" for each in ("operations", "transactions", "movements", "ledgers")]
    whole = {path: gateway.get(path, {"page[limit]": "30"})["data"] for path in paths}
    monkeypatch.setattr(rendered, "BYTES_MAX", 10_000)
    with concurrent.futures.ThreadPoolExecutor(8) as pool:
        asked = [paths[number % 4] for number in range(80)]
        answers = pool.map(lambda path: gateway.get(path, {"page[limit]": "30"})["data"], asked)
        for path, answer in zip(asked, answers, strict=True):
            assert answer == whole[path]


def test_the_transactions_of_an_account(gateway: Gateway) -> None:
    """Each once, however many operations of it concern the account; the others not at all."""
    world, network = gateway.world, gateway.world.network
    closed = [
        world.apply("alice", *(pay(network, "alice", "bob", "EUR", 1) for _ in range(7)))
        for _ in range(3)
    ]
    world.apply("issuer", create_asset("NONE"))
    asked = {"filter[account]": BOB, "page[limit]": "2"}
    page = gateway.get("/v3/transactions", asked)
    sequences = [str(each.header.sequence) for each in reversed(closed)]
    shown = [each["attributes"]["ledger_sequence"] for each in page["data"]]
    page = gateway.get(page["links"]["next"])
    shown += [each["attributes"]["ledger_sequence"] for each in page["data"]]
    assert shown[:3] == sequences
    assert len(shown) == 4
    operations = gateway.get("/v3/operations", {"filter[account]": BOB, "page[limit]": "200"})
    hashes = {each["attributes"]["transaction_hash"] for each in operations["data"]}
    found = gateway.get("/v3/transactions", {"filter[account]": BOB, "page[limit]": "200"})
    assert {each["id"] for each in found["data"]} == hashes
    one = {"filter[account]": BOB, "filter[ledger]": sequences[0]}
    assert [each["id"] for each in gateway.get("/v3/transactions", one)["data"]] == [
        found["data"][0]["id"]
    ]
