"""Private reads: who may read, that no request is replayed, and that no cache keeps answers."""

import asyncio
import random
import threading
import time
from collections.abc import Callable, Iterator
from typing import Any

import httpx2
import psycopg
import pytest

from gateways.client.request_signing import RequestSigner
from gateways.horizon.routes import ROUTES
from gateways.http.authentication import Authenticator
from gateways.http.nonces import Nonces
from gateways.http.routes import UNCACHED, Route
from gateways.http.signatures import Message
from gateways.http.store import Store
from schemas.generated.operations import CreateSigner, ManageSigner, RemoveSigner
from schemas.strkey import encode_account_id, encode_balance_id
from tests.gateways.horizon.reserve_history import add_reserves
from tests.gateways.http.tampering import KINDS, Signing, identify
from tests.gateways.support import Gateway
from tests.support.network import (
    create_account,
    create_asset,
    get_account,
    get_key,
    get_owner,
    get_public_key,
    pay,
)

GETS = [route for route in ROUTES if route.method == "GET"]
PRIVATE = [route for route in GETS if not route.is_public]
OWNED = [route for route in PRIVATE if not route.path.startswith("/v3/transfer")]  # those: by rules
ALICE, BOB = encode_account_id(get_account("alice")), encode_account_id(get_account("bob"))
ACCOUNT = {"filter[account]": ALICE}
FEES_DUE = {"asset": "EUR", "amount": "1.5", "fee_type": "issuance"}
STREAM = {"accept": "text/event-stream"}


@pytest.fixture(scope="module", autouse=True)
def carol(gateway: Gateway) -> None:
    """Carol has nothing to do with Alice's payments to Bob."""
    world, network = gateway.world, gateway.world.network
    world.apply("alice", pay(network, "alice", "bob", "EUR", 5))
    world.apply("master", create_account("carol"))
    world.apply("alice", create_asset("ALI"))
    add_reserves(world)


def get_target(gateway: Gateway, route: Route) -> tuple[str, dict[str, str]]:
    """An address of Alice's data."""
    world, operation = gateway.world, ""
    if route.path == "/v3/operations/{id}":
        page = gateway.get("/v3/operations", ACCOUNT)["data"]
        operation = next(e["id"] for e in page if e["attributes"]["type"] == "payment")
    balance = encode_balance_id(world.network.get_balance_id("alice", "EUR"))
    query = {"filter[requestor]": ALICE}
    values = {"accounts": ALICE, "balances": balance, "operations": operation}
    values["requests"] = ask(gateway, "alice", "/v3/requests", query).json()["data"][0]["id"]
    name = route.path.split("/")[2]
    if route.path.endswith("/calculated-fees"):
        return f"/v3/accounts/{ALICE}/calculated-fees", FEES_DUE
    if route.path.endswith("/holders"):
        return "/v3/assets/ALI/holders", {}
    is_list = "{" not in route.path
    filters = (query if name.endswith("requests") else ACCOUNT) if is_list else {}
    return route.path.replace("{id}", values.get(name, "")), filters


def ask(gateway: Gateway, name: str | None, path: str, query: Any = None, **more: Any) -> Any:
    auth = None if name is None else gateway.sign_as(name)
    return gateway.stranger.get(path, params=query, auth=auth, **more)


def get_owned(gateway: Gateway, route: Route) -> Callable[[str | None], Any]:
    path, query = get_target(gateway, route)
    return lambda name: ask(gateway, name, path, query)


@pytest.mark.parametrize("route", OWNED, ids=lambda route: str(route.path))
def test_only_the_owner_and_the_master_read(gateway: Gateway, route: Route) -> None:
    read = get_owned(gateway, route)
    refused = read(None)
    assert refused.status_code == 401
    assert refused.json()["type"].endswith("#problem-signature-required")
    assert '"@authority"' in refused.headers["accept-signature"]
    assert refused.headers["www-authenticate"]
    others = read("carol")
    assert others.status_code in (403, 404)
    assert others.json()["type"].endswith(("#problem-forbidden", "#problem-not-found"))
    assert read("master").status_code == 200
    assert read("alice").status_code == 200
    for response in (refused, others, read("master")):
        assert response.headers["cache-control"] == UNCACHED
        assert "signature" in response.headers["vary"]


LISTS = [route for route in PRIVATE if "{" not in route.path and route.path != "/v3/history"]


@pytest.mark.parametrize("route", LISTS, ids=lambda route: str(route.path))
def test_only_the_master_reads_a_whole_collection(gateway: Gateway, route: Route) -> None:
    assert ask(gateway, "alice", route.path).status_code == 403
    assert ask(gateway, "master", route.path).status_code == 200
    if route.streams:
        assert ask(gateway, "alice", route.path, headers=STREAM).status_code == 403
        assert ask(gateway, None, route.path, headers=STREAM).status_code == 401


def test_a_cursor_gives_no_access(gateway: Gateway) -> None:
    """A cursor carries its filter: Bob's shows Bob's data, so only Bob may use it."""
    page = ask(gateway, "bob", "/v3/movements", {"filter[account]": BOB, "page[limit]": "1"})
    cursor = dict(httpx2.URL(page.json()["links"]["next"]).params)["page[cursor]"]
    assert ask(gateway, "bob", "/v3/movements", {"page[cursor]": cursor}).status_code == 200
    assert ask(gateway, "alice", "/v3/movements", {"page[cursor]": cursor}).status_code == 403


def test_the_owner_of_a_balance_and_of_a_transaction(gateway: Gateway) -> None:
    balance = encode_balance_id(gateway.world.network.get_balance_id("bob", "EUR"))
    query = {"filter[balance]": balance}
    assert ask(gateway, "bob", "/v3/movements", query).status_code == 200
    assert ask(gateway, "alice", "/v3/movements", query).status_code == 403
    operations = ask(gateway, "bob", "/v3/operations", {"filter[account]": BOB}).json()["data"]
    paid = next(each for each in operations if each["attributes"]["type"] == "payment")
    assert ask(gateway, "bob", f"/v3/operations/{paid['id']}").status_code == 200
    of_transaction = {"filter[transaction]": paid["attributes"]["transaction_hash"]}
    assert ask(gateway, "alice", "/v3/operations", of_transaction).status_code == 200
    assert ask(gateway, "carol", "/v3/operations", of_transaction).status_code == 403


def test_other_peoples_data_answers_like_missing_data(gateway: Gateway) -> None:
    network = gateway.world.network
    pairs = [
        (f"/v3/accounts/{BOB}", f"/v3/accounts/{encode_account_id(get_account('nobody'))}"),
        tuple(
            f"/v3/balances/{encode_balance_id(network.get_balance_id('bob', asset))}"
            for asset in ("EUR", "USD")
        ),
    ]
    for theirs, nothing in pairs:
        answers = [ask(gateway, "alice", each).json() for each in (theirs, nothing)]
        for each in answers:
            del each["instance"]
        assert answers[0] == answers[1]
        assert answers[0]["status"] == 404


def test_public_routes_need_no_signature(gateway: Gateway) -> None:
    transaction = gateway.get("/v3/transactions")["data"][0]["id"]
    by_hash = gateway.stranger.get(f"/v3/transactions/{transaction}")
    assert by_hash.status_code == 200
    assert by_hash.headers["cache-control"] == UNCACHED
    for path in ("/v3/info", "/v3/ledgers", "/v3/ledgers/2", "/v3/assets", "/v3/assets/EUR"):
        response = gateway.stranger.get(path)
        assert response.status_code == 200
        assert response.headers["cache-control"] == "no-cache"


def test_a_removed_signer_reads_nothing(gateway: Gateway) -> None:
    world, network = gateway.world, gateway.world.network
    world.apply("alice", ManageSigner(CreateSigner(get_owner("helper", weight=1))))
    assert ask(gateway, "helper", f"/v3/accounts/{ALICE}").status_code == 200
    ended = threading.Event()

    def follow() -> None:
        signer = gateway.sign_as("helper")
        with gateway.stranger.stream(
            "GET", "/v3/movements", params=ACCOUNT, headers=STREAM, auth=signer
        ) as response:
            assert response.status_code == 200
            for _ in response.iter_lines():
                begun.set()
        ended.set()

    begun = threading.Event()
    following = threading.Thread(target=follow)
    following.start()
    assert begun.wait(20)
    world.apply("alice", ManageSigner(RemoveSigner(get_public_key("helper"))))
    world.apply("alice", pay(network, "alice", "bob", "EUR", 1))
    assert ended.wait(20)
    following.join()
    assert ask(gateway, "helper", f"/v3/accounts/{ALICE}").status_code == 404


class Replayer(httpx2.Auth):
    """Signs the first request, and sends its headers with all the others."""

    def __init__(self, key: Any) -> None:
        self.signer = RequestSigner(key)
        self.headers: dict[str, str] = {}

    def auth_flow(self, request: httpx2.Request) -> Any:
        if not self.headers:
            self.signer._sign(request)
            names = ("content-digest", "signature-input", "signature")
            self.headers = {name: request.headers[name] for name in names}
        request.headers.update(self.headers)
        yield request


def test_a_replayed_request_is_never_answered(gateway: Gateway) -> None:
    replayer = Replayer(get_key("alice"))
    answers = [
        gateway.stranger.get(f"/v3/accounts/{ALICE}", auth=replayer).status_code for _ in range(200)
    ]
    assert answers == [200] + [401] * 199


def test_a_refused_signer_leaves_no_nonce(gateway: Gateway) -> None:
    """Anybody can make a key, so keys without rights must not fill a table."""

    def count() -> int:
        with psycopg.connect(gateway.store_url) as connection:
            row = connection.execute("select count(*) from gateway.nonces").fetchone()
        assert row is not None
        return int(row[0])

    before = count()
    assert ask(gateway, "carol", f"/v3/accounts/{ALICE}").status_code == 404
    assert ask(gateway, "nobody", "/v3/operations").status_code == 403
    assert ask(gateway, "nobody", "/v3/operations", {"order": "up"}).status_code == 400
    assert count() == before


def test_tampered_requests_over_the_wire(gateway: Gateway) -> None:
    chance = random.Random(11)
    for kind, tamper in KINDS.items():
        for _ in range(3):
            bad = tamper(make_good(gateway.url.removeprefix("http://"), chance), chance)
            query = f"?{bad.message.query}" if bad.message.query else ""
            response = gateway.stranger.request(
                bad.message.method,
                f"{gateway.url}{bad.message.path}{query}",
                content=bad.message.content,
                headers=[*bad.headers.items(), *bad.more],
            )
            assert response.status_code in (401, 404, 405), (kind, response.text)


def make_good(authority: str, chance: random.Random) -> Signing:
    query = f"filter%5Baccount%5D={ALICE}&order=asc"
    message = Message("GET", authority, "/v3/movements", query, chance.randbytes(20))
    return Signing(message, get_key("alice"), int(time.time()), chance.randbytes(16).hex()).sign()


@pytest.fixture
def store_url(gateway: Gateway) -> Iterator[str]:
    yield gateway.store_url
    with psycopg.connect(gateway.store_url) as connection:
        (count,) = connection.execute("select count(*) from gateway.nonces").fetchone() or (0,)
    assert count


async def with_authenticators(
    url: str, count: int, use: Callable[[list[Authenticator]], Any]
) -> Any:
    """Authenticators as `count` processes of one gateway would have them."""
    stores = [Store(url) for _ in range(count)]
    for store in stores:
        await store.start()
    try:
        return await use([Authenticator("http://gate.example", Nonces(store)) for store in stores])
    finally:
        for store in stores:
            await store.stop()


def test_a_thousand_replays_at_all_processes(store_url: str) -> None:
    chance = random.Random(12)
    good = [make_good("gate.example", chance) for _ in range(100)]

    async def replay(authenticators: list[Authenticator]) -> list[str]:
        said = [await identify(authenticators[0], each) for each in good]
        for turn in range(10):
            again = (identify(authenticators[turn % 2], each) for each in good)
            said += await asyncio.gather(*again)
        return said

    said = asyncio.run(with_authenticators(store_url, 2, replay))
    assert said == ["in"] * 100 + ["signature-replayed"] * 1_000


def test_of_a_hundred_at_once_one_is_accepted(store_url: str) -> None:
    good = make_good("gate.example", random.Random(13))

    async def rush(authenticators: list[Authenticator]) -> list[str]:
        return await asyncio.gather(*(identify(authenticators[n % 3], good) for n in range(100)))

    said = asyncio.run(with_authenticators(store_url, 3, rush))
    assert sorted(said) == ["in"] + ["signature-replayed"] * 99


def test_no_tampered_request_is_accepted(store_url: str) -> None:
    assert len(KINDS) >= 25
    chance = random.Random(14)

    async def tamper(authenticators: list[Authenticator]) -> set[str]:
        said = set()
        for kind in KINDS.values():
            for _ in range(200):
                good = make_good("gate.example", chance)
                bad = kind(good, chance)
                assert bad != good
                said.add(await identify(authenticators[0], bad))
            assert await identify(authenticators[0], make_good("gate.example", chance)) == "in"
        return said

    said = asyncio.run(with_authenticators(store_url, 1, tamper))
    assert said == {"signature-required", "signature-invalid", "signature-expired"}


def test_old_nonces_are_forgotten(gateway: Gateway, monkeypatch: pytest.MonkeyPatch) -> None:
    from gateways.http import nonces

    monkeypatch.setattr(nonces, "KEEP_SECONDS", 0)

    async def prune() -> int:
        store = Store(gateway.store_url)
        await store.start()
        nonces_ = Nonces(store)
        assert await nonces_.claim(get_public_key("alice"), "x" * 22)
        try:
            await nonces_.prune()
            ((count,),) = await store.execute("select count(*) from gateway.nonces")
            return int(count)
        finally:
            await store.stop()

    assert asyncio.run(asyncio.wait_for(prune(), 20)) == 0


@pytest.mark.parametrize("offset", [-3_600, 0, 86_400])
def test_a_client_with_a_wrong_clock_adopts_the_gateways_clock(
    gateway: Gateway, offset: int
) -> None:
    signer = RequestSigner(get_key("alice"), lambda: time.time() + offset)
    with httpx2.Client(base_url=gateway.url, auth=signer) as client:
        for _ in range(2):
            assert client.get(f"/v3/accounts/{ALICE}").status_code == 200


def test_a_gateway_reached_by_another_address(gateway: Gateway) -> None:
    elsewhere = gateway.url.replace("127.0.0.1", "localhost")
    path = f"{elsewhere}/v3/accounts/{ALICE}"
    key = get_key("alice")
    assert gateway.stranger.get(path, auth=RequestSigner(key)).status_code == 401
    knowing = RequestSigner(key, public_url=gateway.url)
    assert gateway.stranger.get(path, auth=knowing).status_code == 200


def test_behind_a_proxy_that_removes_a_path(store_url: str) -> None:
    async def ask_both() -> list[str]:
        store = Store(store_url)
        await store.start()
        authenticator = Authenticator("https://Gate.example:443/horizon/", Nonces(store))
        message = Message("GET", "gate.example", "/horizon/v3/ledgers", "")
        good = Signing(message, get_key("alice"), int(time.time()), "0123456789" * 3).sign()
        try:
            here = good.with_message(path="/v3/ledgers")
            return [await identify(authenticator, good), await identify(authenticator, here)]
        finally:
            await store.stop()

    assert asyncio.run(ask_both()) == ["signature-invalid", "in"]


def test_without_its_store_signed_requests_are_unavailable(gateway: Gateway) -> None:
    async def identify_without() -> str:
        store = Store("postgresql://nobody@127.0.0.1:1/nothing")
        await store.start()
        authenticator = Authenticator("http://gate.example", Nonces(store))
        try:
            return await identify(authenticator, make_good("gate.example", random.Random(15)))
        finally:
            await store.stop()

    assert asyncio.run(identify_without()) == "store-unavailable"
