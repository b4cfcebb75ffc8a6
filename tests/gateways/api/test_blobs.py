"""Blobs: owners, administrators and strangers; schemas, quotas; large ones by presigned PUT."""

import hashlib
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import httpx2
import pytest

from gateways.client.keys import get_address
from tests.gateways.api.support import Apis, add_administrator
from tests.gateways.api.test_registrations import find_kind
from tests.gateways.support import wait_until
from tests.support.network import create_account, get_account, get_key
from tests.support.object_store import ObjectStore

PROFILE = {
    "type": "object",
    "properties": {"name": {"type": "string", "maxLength": 20}},
    "required": ["name"],
    "additionalProperties": False,
}
PNG = b"\x89PNG\r\n\x1a\n" + bytes(5_000)


@pytest.fixture(scope="module", autouse=True)
def types(apis: Apis) -> None:
    for visibility in ("private", "administrators", "public"):
        content: dict[str, Any] = {
            "visibility": visibility,
            "bytes_max": 1_000,
            "schema": PROFILE,
        }
        answer = apis.send("PUT", f"/v1/blob-types/{visibility}-profile", "master", content)
        assert answer.status_code == 200, answer.text
    content = {"visibility": "public", "bytes_max": 100_000, "content_types": ["image/png"]}
    assert apis.send("PUT", "/v1/blob-types/picture", "master", content).status_code == 200
    for name in ("olga", "paul"):
        apis.miner.apply("master", create_account(name))
    add_administrator(apis, "clerk", "read-blobs")


def get_path(name: str, rest: str = "") -> str:
    return f"/v1/accounts/{get_address(get_key(name))}/blobs{rest}"


def store(apis: Apis, name: str, type_: str, content: Any, at: int = 0) -> httpx2.Response:
    return apis.send("POST", get_path(name, f"?type={type_}"), name, content, at)


def test_the_same_content_is_the_same_blob_and_comes_back_byte_for_byte(apis: Apis) -> None:
    answers = [store(apis, "olga", "private-profile", {"name": "Olga"}, at) for at in (0, 1)]
    assert [each.status_code for each in answers] == [201, 200]
    first, second = (each.json()["data"] for each in answers)
    assert first == second
    path = get_path("olga", f"/{first['id']}/content")
    content = apis.send("GET", path, "olga")
    assert content.content == b'{"name":"Olga"}'
    assert content.headers["x-content-type-options"] == "nosniff"
    other = store(apis, "paul", "private-profile", {"name": "Olga"}).json()["data"]
    assert other["id"] != first["id"]


@pytest.mark.parametrize("visibility", ["private", "administrators", "public"])
def test_who_sees_a_blob(apis: Apis, visibility: str) -> None:
    blob = store(apis, "olga", f"{visibility}-profile", {"name": "seen"}).json()["data"]["id"]
    path = get_path("olga", f"/{blob}/content")
    is_shown = visibility != "private"
    assert apis.send("GET", path, "olga").status_code == 200
    assert apis.send("GET", path, "clerk").status_code == (200 if is_shown else 404)
    assert apis.send("GET", path, "paul").status_code == 403
    assert apis.send("GET", path, "stranger").status_code == 403
    assert apis.send("GET", path).status_code == 401
    public = apis.send("GET", f"/v1/blobs/{blob}/content")
    assert public.status_code == (200 if visibility == "public" else 404)


def test_a_blob_is_not_reached_by_another_owner_s_path(apis: Apis) -> None:
    """TokenD looked at the address in the path alone, not at whose the blob was."""
    blob = store(apis, "olga", "private-profile", {"name": "mine"}).json()["data"]["id"]
    for rest in (f"/{blob}", f"/{blob}/content"):
        assert apis.send("GET", get_path("paul", rest), "paul").status_code == 404
    assert apis.send("DELETE", get_path("paul", f"/{blob}"), "paul").status_code == 404
    assert apis.send("GET", get_path("olga", f"/{blob}"), "olga").status_code == 200


def test_what_administrators_read_is_in_the_audit_trail(apis: Apis) -> None:
    store(apis, "olga", "administrators-profile", {"name": "audited"})
    shown = apis.get(get_path("olga"), "clerk")
    assert "private" not in {each["attributes"]["visibility"] for each in shown}
    path = f"/v1/accounts/{get_address(get_key('olga'))}/accesses"
    actors = {each["attributes"]["actor"] for each in apis.get(path, "olga")}
    assert get_address(get_key("clerk")) in actors
    assert apis.send("GET", path, "clerk").status_code == 403


@pytest.mark.parametrize(
    "content", [{"name": 1}, {}, [], {"name": "x" * 21}, {"name": "a", "b": 1}]
)
def test_content_that_the_schema_refuses(apis: Apis, content: Any) -> None:
    answer = store(apis, "olga", "private-profile", content)
    assert (answer.status_code, find_kind(answer)) == (400, "content-invalid")


@pytest.mark.parametrize(
    "schema",
    [
        {"$ref": "http://127.0.0.1:9/schema"},
        {"$ref": "file:///etc/passwd"},
        {"type": "nothing"},
        {"pattern": "(?=a)"},
    ],
)
def test_a_schema_that_fetches_or_is_none_is_refused(apis: Apis, schema: Any) -> None:
    content = {"visibility": "private", "bytes_max": 100, "schema": schema}
    answer = apis.send("PUT", "/v1/blob-types/strange", "master", content)
    assert (answer.status_code, find_kind(answer)) == (400, "content-invalid")


def test_types_are_made_by_administrators_and_stay_while_they_are_used(apis: Apis) -> None:
    content = {"visibility": "public", "bytes_max": 100, "schema": {}}
    for signer in ("olga", "clerk"):
        assert apis.send("PUT", "/v1/blob-types/own", signer, content).status_code == 403
    store(apis, "olga", "private-profile", {"name": "one"})
    answer = apis.send("PUT", "/v1/blob-types/private-profile", "master", content)
    assert (answer.status_code, find_kind(answer)) == (409, "type-in-use")


def announce(apis: Apis, content: bytes, name: str = "olga", **changes: Any) -> httpx2.Response:
    body = {
        "type": "picture",
        "content_type": "image/png",
        "bytes": len(content),
        "sha256": hashlib.sha256(content).hexdigest(),
        **changes,
    }
    path = f"/v1/accounts/{get_address(get_key(name))}/uploads"
    return apis.send("POST", path, name, body)


def put(announced: httpx2.Response, content: bytes, **headers: str) -> httpx2.Response:
    attributes = announced.json()["data"]["attributes"]
    given = {**attributes["headers"], **headers}
    return httpx2.put(attributes["url"], content=content, headers=given, trust_env=False)


def commit(
    apis: Apis, announced: httpx2.Response, name: str = "olga", at: int = 0
) -> httpx2.Response:
    id_ = announced.json()["data"]["id"]
    path = f"/v1/accounts/{get_address(get_key(name))}/uploads/{id_}/commit"
    return apis.send("POST", path, name, at=at)


def test_a_large_content_is_sent_to_the_bucket(apis: Apis) -> None:
    announced = announce(apis, PNG)
    assert announced.status_code == 201, announced.text
    assert find_kind(commit(apis, announced)) == "upload-incomplete"
    assert put(announced, PNG).status_code == 200
    assert commit(apis, announced, "paul").status_code == 404
    answers = [commit(apis, announced) for _ in range(2)]
    assert [each.status_code for each in answers] == [201, 201]
    attributes = answers[0].json()["data"]["attributes"]
    fetched = httpx2.get(attributes["download_url"], trust_env=False)
    assert fetched.content == PNG
    assert fetched.headers["content-disposition"] == "attachment"


def test_commits_at_once_make_one_blob_of_one_object(apis: Apis, object_store: ObjectStore) -> None:
    before = set(object_store.list_keys(apis.documents))
    content = PNG + b"at once"
    announced = announce(apis, content)
    assert put(announced, content).status_code == 200
    with ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(lambda n: commit(apis, announced, at=n % 2), range(8)))
    assert [each.status_code for each in answers] == [201] * 8
    fetched = httpx2.get(answers[0].json()["data"]["attributes"]["download_url"], trust_env=False)
    assert fetched.content == content
    past = "update api.uploads set expires_at = now() - interval '1 hour' where upload_id = %s"
    apis.query(past, announced.json()["data"]["id"])
    wait_until(lambda: len(set(object_store.list_keys(apis.documents)) - before) == 1)


@pytest.mark.parametrize("what", ["longer", "shorter", "other", "type", "checksum"])
def test_the_address_takes_exactly_what_was_announced(apis: Apis, what: str) -> None:
    content = PNG + what.encode()
    announced = announce(apis, content)
    sent = {"longer": content + b"x", "shorter": content[:-1], "other": b"x" + content[1:]}
    headers = {"type": {"content-type": "text/html"}, "checksum": {"x-amz-checksum-sha256": "AA="}}
    answer = put(announced, sent.get(what, content), **headers.get(what, {}))
    assert answer.status_code in (400, 403), answer.text
    assert find_kind(commit(apis, announced)) == "upload-incomplete"


def test_an_upload_of_another_kind_is_not_announced(apis: Apis) -> None:
    assert find_kind(announce(apis, PNG, content_type="text/html")) == "content-invalid"
    assert announce(apis, PNG, bytes=100_001).status_code == 413
    assert announce(apis, PNG, type="nothing").status_code == 404


def test_a_deleted_file_gives_its_room_back_once(apis: Apis) -> None:
    apis.miner.apply("master", create_account("quentin"))
    announced = announce(apis, PNG, "quentin")
    put(announced, PNG)
    blob = commit(apis, announced, "quentin").json()["data"]["id"]
    account = get_account("quentin")
    usage = "select blobs, bytes from api.usage where account_id = %s"
    assert apis.query(usage, account) == [(1, len(PNG))]
    assert apis.send("DELETE", get_path("quentin", f"/{blob}"), "quentin").status_code == 204
    assert apis.query(usage, account) == [(0, 0)]
    (row,) = apis.query("select is_kept, has_room from api.uploads where account_id = %s", account)
    assert row == (False, False)
