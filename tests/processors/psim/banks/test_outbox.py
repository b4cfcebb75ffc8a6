"""Payment files are laid once for ever, and statements are read from a bucket as from a folder."""

import asyncio
from collections.abc import Callable
from pathlib import Path

import httpx2
import pytest

from infra.sandbox.accounts import GIRO
from infra.sandbox.server import make_app
from processors.psim.banks import store as store_module
from processors.psim.banks.outbox import BucketOutbox, FolderOutbox, HttpOutbox, Outbox
from processors.psim.banks.store import BucketStore, FolderStore
from processors.psim.chains.source import ChainContradiction, ChainUnavailable
from schemas.settings import Secret
from tests.support.object_store import ObjectStore, object_store

__all__ = ["object_store"]
NAME, CONTENT = "abc-1.xml", b"<Document/>"


def check_once(outbox: Outbox, again: Callable[[], Outbox], take: Callable[[], None]) -> None:
    """Also by another process, and once the bank has taken it away."""
    assert asyncio.run(outbox.put(NAME, CONTENT)) is True
    assert asyncio.run(outbox.put(NAME, CONTENT)) is False
    assert asyncio.run(again().put(NAME, CONTENT)) is False
    take()
    assert asyncio.run(again().put(NAME, CONTENT)) is False
    assert asyncio.run(again().put("abc-2.xml", CONTENT)) is True


def test_a_folder(tmp_path: Path) -> None:
    def take() -> None:
        assert (tmp_path / NAME).read_bytes() == CONTENT
        assert sorted(tmp_path.glob("*")) == [tmp_path / ".begun", tmp_path / NAME]
        (tmp_path / NAME).unlink()

    check_once(FolderOutbox(tmp_path), lambda: FolderOutbox(tmp_path), take)
    with pytest.raises(ChainUnavailable):
        asyncio.run(FolderOutbox(tmp_path / "nowhere").put(NAME, CONTENT))


def test_a_crash_between_mark_and_file_is_not_repaired(tmp_path: Path) -> None:
    (tmp_path / ".begun").mkdir()
    (tmp_path / ".begun" / NAME).touch()
    assert asyncio.run(FolderOutbox(tmp_path).put(NAME, CONTENT)) is False
    assert not (tmp_path / NAME).exists()


def test_a_bucket(object_store: ObjectStore) -> None:
    bucket = object_store.create_bucket("bank")
    name = f"out/{NAME}"

    def take() -> None:
        assert name in object_store.list_keys(bucket)
        object_store.client.delete_object(Bucket=bucket.bucket, Key=name)

    check_once(BucketOutbox(bucket, "out/"), lambda: BucketOutbox(bucket, "out/"), take)


def test_of_two_that_begin_at_once_none_goes_on(object_store: ObjectStore) -> None:
    bucket = object_store.create_bucket("bank")
    object_store.client.put_object(Bucket=bucket.bucket, Key=f".begun/{NAME}/other", Body=b"")
    assert asyncio.run(BucketOutbox(bucket, "").put(NAME, CONTENT)) is False
    assert NAME not in object_store.list_keys(bucket)


def test_a_bank_s_own_address(tmp_path: Path) -> None:
    """As the sandbox's: a name counts once, whatever was answered."""
    outbox = HttpOutbox(f"http://bank/{GIRO}/payouts", Secret("key"))
    transport = httpx2.ASGITransport(app=make_app(tmp_path, "token", "key"))
    outbox._client = httpx2.AsyncClient(
        transport=transport, headers={"authorization": "Bearer key"}
    )
    with pytest.raises(ChainUnavailable):
        asyncio.run(outbox.put(NAME, CONTENT))  # it is no payment file


def test_statements_lie_in_a_bucket(
    object_store: ObjectStore, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """More than a page of them, and what is no statement beside them."""
    monkeypatch.setattr(store_module, "PAGE", 3)
    bucket = object_store.create_bucket("bank")
    names = [f"in/{number:06}.xml" for number in range(8)]
    for name in [*names, "in/partial.tmp", "other/1.xml"]:
        object_store.client.put_object(Bucket=bucket.bucket, Key=name, Body=name.encode())
    store = BucketStore(bucket, "in/")
    assert asyncio.run(store.list()) == names
    assert asyncio.run(store.read(names[7])) == names[7].encode()
    with pytest.raises(ChainContradiction):
        asyncio.run(store.read("in/none.xml"))
    wrong = BucketStore(type(bucket)(bucket.url, "none", bucket.access_key, bucket.secret_key), "")
    with pytest.raises(ChainUnavailable):
        asyncio.run(wrong.list())
    for name in ("1.xml", "2.tmp"):
        (tmp_path / name).write_bytes(CONTENT)
    folder = FolderStore(tmp_path)
    assert asyncio.run(folder.list()) == ["1.xml"]
    assert asyncio.run(folder.read("1.xml")) == CONTENT
