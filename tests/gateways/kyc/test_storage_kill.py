"""S3 is killed among uploads: nothing that is said to be kept is missing, and what nobody keeps is
collected. 100 documents a round (`--faults` says how many rounds).
"""

import secrets
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from botocore.exceptions import ClientError as StoreError

from gateways.client.errors import ClientError
from gateways.client.keys import get_address
from gateways.client.kyc import KycClient
from tests.gateways.kyc.support import DOCUMENT, Kyc
from tests.gateways.support import wait_until
from tests.support.network import get_key

pytestmark = [pytest.mark.servers, pytest.mark.faults]
DOCUMENTS, WORKERS, KILL_AFTER, PATIENCE_S = 100, 4, 30, 90.0
ROWS = "select object_key, bytes, upload_key, tried_keys from api.documents where account_id = %s"


def upload(kyc: Kyc, name: str, file: Path, at: int) -> None:
    """Like a user who tries again until it is done."""
    deadline = time.monotonic() + PATIENCE_S
    key = {"id": secrets.token_hex(16), "public_key": secrets.token_hex(32)}
    with KycClient(kyc.apis.urls[at], get_key(name)) as api:
        while True:
            try:
                api.upload_document(get_address(get_key(name)), DOCUMENT, key, file)
            except ClientError:
                if time.monotonic() > deadline:
                    raise
                time.sleep(0.3)
            else:
                return


def test_no_row_without_its_object_and_no_object_without_its_row(
    kyc: Kyc, tmp_path: Path, fault_round: int
) -> None:
    name = f"sender {fault_round}"
    kyc.add_person(name)
    account_id = bytes(get_key(name).verify_key)
    files = [tmp_path / str(number) for number in range(DOCUMENTS)]
    for file in files:
        file.write_bytes(secrets.token_bytes(20_000))
    done, is_killed = [0], threading.Event()

    def work(number: int) -> None:
        upload(kyc, name, files[number], number % 2)
        done[0] += 1
        if done[0] >= KILL_AFTER and not is_killed.is_set():
            is_killed.set()
            kyc.object_store.kill()

    with ThreadPoolExecutor(WORKERS) as pool:
        list(pool.map(work, range(DOCUMENTS)))
    assert is_killed.is_set()
    rows = kyc.apis.query(ROWS, account_id)
    kept = {key: length for key, length, *_ in rows if key is not None}
    assert len(kept) >= DOCUMENTS
    bucket, client = kyc.apis.documents.bucket, kyc.object_store.client
    for key, length in kept.items():
        assert client.head_object(Bucket=bucket, Key=key)["ContentLength"] == length
    named = {key for _, _, upload_key, tried in rows for key in (upload_key, *tried)}
    kyc.apis.query(
        "update api.documents set expires_at = now() - interval '1 hour'"
        " where account_id = %s and object_key is null",
        account_id,
    )
    kyc.apis.query(
        "update api.documents set created_at = now() - interval '1 day' where account_id = %s",
        account_id,
    )
    left = "select 1 from api.documents where account_id = %s and"
    orphans, spare = f"{left} object_key is null", f"{left} upload_key is not null"
    wait_until(lambda: not kyc.apis.query(orphans, account_id), 60)
    wait_until(lambda: not kyc.apis.query(spare, account_id), 60)
    for key in named - set(kept):
        with pytest.raises(StoreError):
            client.head_object(Bucket=bucket, Key=key)
