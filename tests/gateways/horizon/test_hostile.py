"""Hostile input is answered with a problem, never with an internal error."""

import base64
import json
import random
import string
from collections.abc import Callable
from urllib.parse import quote

import httpx2
import msgspec
from msgspec.structs import replace

from gateways.horizon.routes import ROUTES
from schemas.codec import decode
from schemas.generated.transactions import TransactionEnvelope
from schemas.strkey import encode_account_id
from tests.gateways.support import Gateway
from tests.support.network import create_asset, get_account, pay

FIXED = ("", "\0", "'; drop schema horizon; --", "%s%(x)s{}", "G" + "A" * 55, "EUR", "1")
MADE: tuple[Callable[[random.Random], str], ...] = (
    lambda chance: "9" * chance.randint(1, 60),
    lambda chance: "-" + "1" * chance.randint(1, 20),
    lambda chance: chance.randbytes(chance.randint(1, 40)).hex(),
    lambda chance: "".join(chr(chance.randint(1, 0xD7FF)) for _ in range(chance.randint(1, 30))),
    lambda chance: "".join(chance.choices(string.printable, k=chance.randint(1, 60))),
    lambda chance: encode_account_id(chance.randbytes(32)),
)


def test_paths_and_parameters(gateway: Gateway) -> None:
    chance = random.Random(7)
    answered: dict[int, int] = {}
    for _ in range(600):
        route = chance.choice([each for each in ROUTES if each.method == "GET"])
        path = route.path
        for parameter in route.path_parameters:
            path = path.replace(f"{{{parameter.name}}}", quote(get_word(chance), safe=""))
        names = [each.name for each in route.parameters] or ["x"]
        query = "&".join(
            f"{quote(chance.choice(names))}={quote(get_word(chance))}"
            for _ in range(chance.randint(0, 3))
        )
        response = gateway.client.get(f"{path}?{query}" if query else path)
        assert response.status_code in (200, 400, 404), (path, query, response.text)
        answered[response.status_code] = answered.get(response.status_code, 0) + 1
    assert set(answered) == {200, 400, 404}


def get_word(chance: random.Random) -> str:
    if chance.random() < 0.5:
        return chance.choice(FIXED)
    return chance.choice(MADE)(chance)


def test_cursors_that_were_changed(gateway: Gateway) -> None:
    chance = random.Random(8)
    account = encode_account_id(get_account("alice"))
    page = gateway.get("/v3/movements", {"filter[account]": account, "page[limit]": "1"})
    gateway.world.apply("alice", pay(gateway.world.network, "alice", "bob", "EUR", 1))
    page = gateway.get("/v3/movements", {"filter[account]": account, "page[limit]": "1"})
    cursor = page["links"]["next"].partition("cursor%5D=")[2]
    raw = base64.urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4))
    for _ in range(300):
        at = chance.randrange(len(raw))
        changed = raw[:at] + bytes([chance.randrange(256)]) + raw[at + chance.randrange(2) :]
        text = base64.urlsafe_b64encode(changed).decode().rstrip("=")
        response = gateway.client.get("/v3/movements", params={"page[cursor]": text})
        assert response.status_code in (200, 400), response.text
    fields = json.loads(raw)
    for number, value in ((1, "up"), (2, 1), (3, "x"), (4, {"filter[secret]": "1"})):
        other = [*fields[:number], value, *fields[number + 1 :]]
        text = base64.urlsafe_b64encode(msgspec.json.encode(other)).decode().rstrip("=")
        response = gateway.client.get("/v3/movements", params={"page[cursor]": text})
        assert response.status_code == 400


def test_envelopes_with_any_byte_changed(gateway: Gateway) -> None:
    chance = random.Random(9)
    network = gateway.world.network
    body = pay(network, "alice", "bob", "EUR", 1)
    good = network.sign(network.build("alice", body), "alice")
    decode(TransactionEnvelope, good)
    for _ in range(200):
        at = chance.randrange(len(good))
        changed = good[:at] + bytes([good[at] ^ (1 << chance.randrange(8))]) + good[at + 1 :]
        response = gateway.client.post(
            "/v3/transactions", content=changed, headers={"content-type": "application/avro"}
        )
        assert response.status_code == 400, response.text
        assert "code" in response.json()


def test_free_text_is_shown_unchanged(gateway: Gateway) -> None:
    """NUL, line breaks and scripts in memos, subjects and details; also through a stream."""
    world, network = gateway.world, gateway.world.network
    memo = "a\0b\n</script>\u2028é"
    payment = pay(network, "alice", "bob", "EUR", 1)
    world.close(network.prepare("alice", payment, memo=memo))
    asset = create_asset("ODD", digits=0)
    details = b'{\r\n "x": "\\u0000",\n "big": 123456789012345678901234567890\r}'
    action = replace(asset.action, creator_details=details)
    world.apply("issuer", replace(asset, action=action))
    (transaction,) = gateway.get("/v3/transactions", {"page[limit]": "2"})["data"][1:]
    assert transaction["attributes"]["memo"] == memo
    assert gateway.get("/v3/assets/ODD")["data"]["attributes"]["details"] == json.loads(details)
    newest = gateway.get("/v3/operations", {"page[limit]": "2"})["data"]
    after = str(int(newest[1]["id"]) - 1)
    with gateway.client.sse("/v3/operations", headers={"last-event-id": after}) as events:
        shown = [event.json() for event in take(events, 2)]
    assert shown == newest[::-1]


def take(events: httpx2.EventSource, count: int) -> list[httpx2.ServerSentEvent]:
    found = []
    for event in events:
        if event.data:
            found.append(event)
        if len(found) == count:
            break
    return found
