"""Sealed documents and forms: sent, checked, handed in, opened; and everything that is refused."""

import json
from hashlib import sha256
from pathlib import Path
from typing import Any

import httpx2
import pytest

from gateways.api import documents
from gateways.api.objects import Objects
from gateways.client.errors import ClientError, ProblemError
from gateways.client.keys import get_address
from gateways.client.papers import (
    SwapNoticed,
    fetch_paper,
    iter_pieces,
    open_paper,
    verify_submission,
)
from gateways.client.request_signing import RequestSigner
from tests.gateways.kyc.support import FORM, PAPERS, SCHEMA, Kyc
from tests.gateways.support import wait_until
from tests.support.network import get_key

pytestmark = pytest.mark.servers
PNG = b"\x89PNG\r\n\x1a\n" + bytes(3_000)
CANARY = "a canary of Klara"


def announce(kyc: Kyc, name: str, content: bytes, **changes: Any) -> Any:
    """An announcement as a client makes it, of bytes that need not be sealed."""
    pieces = range(0, len(content), documents.PART_BYTES)
    hashes = [sha256(content[at : at + documents.PART_BYTES]).hexdigest() for at in pieces]
    given = {
        "class": "kyc-document",
        "key_id": "ab" * 16,
        "public_key": "cd" * 32,
        "bytes": len(content),
        "sha256": sha256(content).hexdigest(),
        "parts": hashes if len(hashes) > 1 else [],
        **changes,
    }
    return kyc.apis.send("POST", get_path(name), name, given)


def get_path(name: str, rest: str = "") -> str:
    return f"/v1/accounts/{get_address(get_key(name))}/documents{rest}"


def put(part: Any, content: bytes) -> int:
    piece = content[part["offset"] : part["offset"] + part["bytes"]]
    return httpx2.put(part["url"], content=piece, headers=part["headers"]).status_code


def commit(kyc: Kyc, name: str, document_id: str, at: int = 0) -> httpx2.Response:
    return kyc.apis.send("POST", get_path(name, f"/{document_id}/commit"), name, at=at)


def list_objects(kyc: Kyc) -> list[str]:
    return kyc.object_store.list_keys(kyc.apis.documents)


def test_what_is_handed_in_is_what_a_reviewer_opens(kyc: Kyc, tmp_path: Path) -> None:
    address = kyc.add_person("klara")
    kyc.add_reviewer("rita")
    fields = {"first_name": CANARY, "last_name": "Example"}
    handed = kyc.hand_in("klara", {"photo_id_front": PNG}, fields)
    with kyc.open("rita") as api, kyc.open_keychain("rita", at=1) as keychain:
        attributes = api.get_submission(address, handed.commitment.hex())
        shown = verify_submission(attributes, address, handed.commitment, handed.schema_id)
        private = keychain.open_key(shown.form.key_id)
        form = b"".join(open_paper(shown.form, private, iter([shown.sealed_form])))
        assert json.loads(form) == fields
        (paper,) = shown.documents
        fetch_paper(api, paper, tmp_path / "sealed")
        private = keychain.open_key(paper.key_id)
        opened = open_paper(paper, private, iter_pieces(tmp_path / "sealed"))
        assert b"".join(opened) == PNG
    accesses = kyc.apis.get(f"/v1/accounts/{address}/accesses", "klara")
    assert [each["attributes"]["action"] for each in accesses] == ["submission"]
    dump = repr(kyc.apis.query("select * from api.submissions"))
    assert CANARY not in dump
    assert attributes["salt"] not in dump


def test_others_see_nothing(kyc: Kyc) -> None:
    address = kyc.add_person("nora")
    handed = kyc.hand_in("nora", {"photo_id_front": PNG})
    kyc.add_person("mallory")
    (document,) = kyc.apis.get(get_path("nora"), "nora")
    for path in (
        get_path("nora"),
        get_path("nora", f"/{document['id']}"),
        f"/v1/accounts/{address}/submissions",
        f"/v1/accounts/{address}/submissions/{handed.commitment.hex()}",
    ):
        assert kyc.apis.send("GET", path, "mallory").status_code == 403
        assert kyc.apis.send("GET", path).status_code == 401
    path = get_path("mallory", f"/{document['id']}")
    assert kyc.apis.send("GET", path, "mallory").status_code == 404
    assert kyc.apis.send("DELETE", path, "mallory").status_code == 404


def test_an_address_takes_exactly_what_was_announced(kyc: Kyc) -> None:
    kyc.add_person("otto")
    content = b"sealed" * 100
    made = announce(kyc, "otto", content).json()["data"]
    (part,) = made["attributes"]["parts"]
    assert put(part, content[:-1] + b"x") in (400, 403)
    assert httpx2.put(part["url"], content=content + b"!", headers=part["headers"]).is_error
    assert httpx2.put(part["url"], content=content).is_error
    refused = commit(kyc, "otto", made["id"])
    assert (refused.status_code, find_kind(refused)) == (409, "upload-incomplete")
    assert put(part, content) == 200
    assert put(part, content) == 412  # the address is good for one time
    answers = [commit(kyc, "otto", made["id"], at) for at in (0, 1, 0)]
    assert [each.status_code for each in answers] == [200, 200, 200]
    stored = httpx2.get(answers[0].json()["data"]["attributes"]["download_url"])
    assert stored.content == content
    assert stored.headers["content-disposition"] == "attachment"


def find_kind(answer: httpx2.Response) -> str:
    return str(answer.json()["type"]).partition("#problem-")[2]


def test_an_announcement_that_is_sent_again_is_one_document(kyc: Kyc) -> None:
    kyc.add_person("omar")
    content = {"class": "kyc-document", "key_id": "ab" * 16, "public_key": "cd" * 32, "parts": []}

    def send(length: int) -> httpx2.Response:
        return kyc.apis.http.post(
            kyc.apis.urls[0] + get_path("omar"),
            json={**content, "bytes": length, "sha256": "ef" * 32},
            headers={"idempotency-key": "passport-of-omar"},
            auth=RequestSigner(get_key("omar")),
        )

    answers = [send(100), send(100)]
    assert [each.status_code for each in answers] == [201, 201]
    assert answers[0].json() == answers[1].json()
    assert find_kind(send(101)) == "idempotency-key-reused"
    rows = "select count(*) from api.documents where account_id = %s"
    assert kyc.apis.query(rows, bytes(get_key("omar").verify_key)) == [(1,)]


def test_a_large_document_goes_in_parts_and_goes_on_after_a_break(kyc: Kyc) -> None:
    kyc.add_person("paula")
    content = b"0123456789abcdef" * (documents.PART_BYTES // 16 * 2 + 1)
    made = announce(kyc, "paula", content).json()["data"]
    first, _, third = made["attributes"]["parts"]
    assert put(first, content) == put(third, content) == 200
    assert find_kind(commit(kyc, "paula", made["id"])) == "upload-incomplete"
    again = kyc.apis.get(get_path("paula", f"/{made['id']}/upload"), "paula")
    assert [each["number"] for each in again["attributes"]["parts"]] == [2]
    assert put(again["attributes"]["parts"][0], content) == 200
    answer = commit(kyc, "paula", made["id"])
    assert answer.status_code == 200, answer.text
    assert httpx2.get(answer.json()["data"]["attributes"]["download_url"]).content == content


@pytest.mark.parametrize(
    ("changes", "kind"),
    [
        ({"parts": ["ab" * 32]}, "bad-request"),
        ({"bytes": 20 * 1024 * 1024}, "bad-request"),
        ({"bytes": 0}, "bad-request"),
        ({"bytes": documents.SEALED_BYTES_MAX + 1}, "bad-request"),
        ({"class": "Kyc"}, "bad-request"),
        ({"key_id": "zz"}, "bad-request"),
        ({"more": 1}, "bad-request"),
    ],
)
def test_bad_announcements_are_refused(kyc: Kyc, changes: dict[str, Any], kind: str) -> None:
    kyc.add_person("quentin")
    assert find_kind(announce(kyc, "quentin", b"x", **changes)) == kind


def test_what_is_abandoned_is_collected(kyc: Kyc) -> None:
    kyc.add_person("rolf")
    account = get_path("rolf")
    unsent = announce(kyc, "rolf", b"never sent").json()["data"]["id"]
    sent = announce(kyc, "rolf", b"sent, not committed").json()["data"]
    put(sent["attributes"]["parts"][0], b"sent, not committed")
    kept = announce(kyc, "rolf", b"committed, not used").json()["data"]
    put(kept["attributes"]["parts"][0], b"committed, not used")
    assert commit(kyc, "rolf", kept["id"]).status_code == 200
    large = bytes(documents.PART_BYTES + 1)
    begun = announce(kyc, "rolf", large).json()["data"]
    put(begun["attributes"]["parts"][0], large)
    ids = [unsent, sent["id"], kept["id"], begun["id"]]
    query = "select upload_key, tried_keys from api.documents where document_id::text = any(%s)"
    keys = {k for upload, tried in kyc.apis.query(query, ids) for k in (upload, *tried)}
    assert keys & set(list_objects(kyc))
    past = "update api.documents set expires_at = now() - interval '1 hour'"
    kyc.apis.query(f"{past} where document_id::text = any(%s)", ids)
    wait_until(lambda: not kyc.apis.query(query, ids), 60)
    assert not keys & set(list_objects(kyc))
    assert kyc.apis.get(account, "rolf") == []
    usage = "select blobs, bytes from api.usage where account_id = %s"
    rows = kyc.apis.query(usage, bytes(get_key("rolf").verify_key))
    assert all(row == (0, 0) for row in rows)


def test_a_submission_needs_what_its_form_says(kyc: Kyc) -> None:
    kyc.add_person("sara")
    with pytest.raises(ClientError, match="last_name"):
        kyc.hand_in("sara", {"photo_id_front": PNG}, {"first_name": "Sara"})
    with pytest.raises(ProblemError) as caught:
        kyc.hand_in("sara", {})
    assert caught.value.kind == "submission-invalid"
    with pytest.raises(ClientError, match="no document selfie"):
        kyc.hand_in("sara", {"selfie": PNG})
    with pytest.raises(ProblemError) as caught:
        kyc.hand_in("sara", {"photo_id_front": PNG}, valid_until="2020-01-01")
    assert caught.value.kind == "submission-invalid"


def test_a_document_that_was_handed_in_stays(kyc: Kyc) -> None:
    kyc.add_person("tara")
    kyc.hand_in("tara", {"photo_id_front": PNG})
    (document,) = kyc.apis.get(get_path("tara"), "tara")
    assert document["attributes"]["is_submitted"] is True
    refused = kyc.apis.send("DELETE", get_path("tara", f"/{document['id']}"), "tara")
    assert find_kind(refused) == "document-in-use"


def test_forms_are_versioned_and_only_administrators_publish(kyc: Kyc) -> None:
    form = {"role_id": "77", "schema": SCHEMA, "class": FORM, "documents": PAPERS}
    kyc.add_person("ulf")
    assert kyc.apis.send("POST", "/v1/forms", "ulf", form).status_code == 403
    with kyc.open("master") as api:
        first = api.publish_form(form)
        second = api.publish_form({**form, "days_valid": 365})
        assert (first["attributes"]["version"], second["attributes"]["version"]) == (1, 2)
        assert api.find_form("77")["id"] == second["id"]
        assert api.get_form(first["id"])["days_valid"] is None
    for schema in ({"type": "array"}, {"type": "object", "$ref": "http://127.0.0.1:1/x"}, {}):
        refused = kyc.apis.send("POST", "/v1/forms", "master", {**form, "schema": schema})
        assert find_kind(refused) == "form-invalid"


@pytest.mark.parametrize(
    "change", ["form", "document", "salt", "slot", "key", "validity", "account"]
)
def test_a_swap_is_noticed(kyc: Kyc, change: str) -> None:
    address = kyc.add_person(f"vera-{change}")
    handed = kyc.hand_in(f"vera-{change}", {"photo_id_front": PNG})
    with kyc.open(f"vera-{change}") as api:
        shown = api.get_submission(address, handed.commitment.hex())
    paper = shown["documents"]["photo_id_front"]
    match change:
        case "form":
            shown["form"] = shown["form"][:-8] + "AAAAAAA="
        case "document":
            paper["sha256"] = "0" * 64
        case "salt":
            shown["salt"] = "0" * 64
        case "slot":
            shown["documents"] = {"proof_of_address": paper}
        case "key":
            paper["key_id"] = "0" * 32
        case "validity":
            shown["valid_until"] = "2040-01-01"
        case "account":
            address = get_address(get_key("somebody else"))
    with pytest.raises(SwapNoticed):
        verify_submission(shown, address, handed.commitment, handed.schema_id)


def test_an_address_for_users_is_reached_from_inside_by_another_way(
    kyc: Kyc, tmp_path: Path
) -> None:
    settings = kyc.apis.documents
    store = Objects(settings, "http://documents.example:9000")
    kyc.object_store.client.put_object(Bucket=settings.bucket, Key="inside", Body=PNG)
    with kyc.open("wanda") as api:
        address = store.presign_get("inside")
        api.fetch_sealed(address, tmp_path / "sealed", len(PNG), server=settings.url)
    store.close()
    assert (tmp_path / "sealed").read_bytes() == PNG


def test_bytes_that_were_exchanged_in_the_bucket_are_noticed(kyc: Kyc, tmp_path: Path) -> None:
    address = kyc.add_person("wanda")
    handed = kyc.hand_in("wanda", {"photo_id_front": PNG})
    query = "select object_key, bytes from api.documents where account_id = %s"
    account_id = bytes(get_key("wanda").verify_key)
    ((key, length),) = kyc.apis.query(query, account_id)
    client, bucket = kyc.object_store.client, kyc.apis.documents.bucket
    client.put_object(Bucket=bucket, Key=key, Body=bytes(length))
    with kyc.open("wanda") as api:
        attributes = api.get_submission(address, handed.commitment.hex())
        shown = verify_submission(attributes, address, handed.commitment, handed.schema_id)
        with pytest.raises(SwapNoticed):
            fetch_paper(api, shown.documents[0], tmp_path / "sealed")
