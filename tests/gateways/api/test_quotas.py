"""What accounts may store: exact at any number of requests at once, and given back."""

import threading
import time
from typing import Any

import pytest

from gateways.client.keys import get_address
from tests.gateways.api.support import Apis
from tests.gateways.api.test_registrations import find_kind
from tests.support.network import create_account, get_account, get_key

MEBIBYTE = 1024 * 1024
USAGE = "select blobs, bytes from api.usage where account_id = %s"


@pytest.fixture(scope="module", autouse=True)
def types(apis: Apis) -> None:
    content = {
        "visibility": "private",
        "bytes_max": 64 * MEBIBYTE,
        "content_types": ["application/pdf"],
    }
    assert apis.send("PUT", "/v1/blob-types/large", "master", content).status_code == 200
    for name in ("hoarder", "quitter"):
        apis.miner.apply("master", create_account(name))


def announce(apis: Apis, name: str, mebibytes: int, number: int, at: int = 0) -> Any:
    content = {
        "type": "large",
        "content_type": "application/pdf",
        "bytes": mebibytes * MEBIBYTE,
        "sha256": f"{number:064x}",
    }
    path = f"/v1/accounts/{get_address(get_key(name))}/uploads"
    return apis.send("POST", path, name, content, at)


def test_announcements_at_once_do_not_pass_the_quota(apis: Apis) -> None:
    answers: list[Any] = []

    def run(number: int) -> None:
        answers.append(announce(apis, "hoarder", 30, number, number % 2))

    threads = [threading.Thread(target=run, args=(number,)) for number in range(10)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    good = [each for each in answers if each.status_code == 201]
    assert len(good) == 3  # of 100 MiB
    refused = {find_kind(each) for each in answers if each.status_code != 201}
    assert refused == {"quota-exceeded"}
    assert apis.query(USAGE, get_account("hoarder")) == [(3, 90 * MEBIBYTE)]


def test_what_was_never_sent_is_collected_and_its_room_given_back(apis: Apis) -> None:
    id_ = announce(apis, "quitter", 1, 1).json()["data"]["id"]
    apis.query(
        "update api.uploads set expires_at = now() - interval '5 minutes' where upload_id = %s", id_
    )
    deadline = time.monotonic() + 60
    while apis.query("select 1 from api.uploads where upload_id = %s", id_):
        assert time.monotonic() < deadline
        time.sleep(0.5)
    assert apis.query(USAGE, get_account("quitter")) == [(0, 0)]
