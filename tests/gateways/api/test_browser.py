"""A page in a real browser: preflight, a signed read by a key that cannot leave it, a PUT to S3."""

import functools
import threading
from collections.abc import Iterator
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import httpx2
import pytest
from playwright.sync_api import Page, sync_playwright

from gateways.client.keys import get_address
from infra.local.seaweedfs import CORS_RULE
from schemas.generated.common import PublicKey, SignerData
from schemas.generated.operations import CreateSigner, ManageSigner
from schemas.strkey import encode_account_id
from streams.ledger.values import DEFAULT_SIGNER_ROLE
from tests.gateways.api.support import Apis
from tests.support.network import create_account, get_key
from tests.support.object_store import ObjectStore

CHROMIUM = Path("/usr/bin/chromium")
SCRIPT = Path(__file__).with_name("page.js")


@pytest.fixture
def page(tmp_path: Path) -> Iterator[Page]:
    """An empty page of an origin of its own, with the script."""
    if not CHROMIUM.exists():
        pytest.skip("not run, for want of chromium")
    (tmp_path / "index.html").write_text("<!doctype html><title>a project's page</title>")
    handler = functools.partial(SimpleHTTPRequestHandler, directory=str(tmp_path))
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        with sync_playwright() as playwright:
            browser = playwright.chromium.launch(
                executable_path=str(CHROMIUM), args=["--no-sandbox"]
            )
            opened = browser.new_page()
            opened.goto(f"http://127.0.0.1:{server.server_port}/index.html")
            opened.add_script_tag(path=str(SCRIPT))
            yield opened
            browser.close()
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def test_a_page_signs_reads_and_uploads(apis: Apis, object_store: ObjectStore, page: Page) -> None:
    bucket = apis.documents.bucket
    rules: dict[str, Any] = {"CORSRules": [CORS_RULE]}
    object_store.client.put_bucket_cors(Bucket=bucket, CORSConfiguration=rules)
    kind = {"visibility": "private", "bytes_max": 1_000, "content_types": ["text/plain"]}
    assert apis.send("PUT", "/v1/blob-types/note", "master", kind).status_code == 200
    apis.miner.apply("master", create_account("surfer"))
    public = bytes.fromhex(page.evaluate("makeKey()"))
    data = SignerData(PublicKey(public), DEFAULT_SIGNER_ROLE, 1_000, 7, b"")
    apis.miner.apply("surfer", ManageSigner(CreateSigner(data)))
    account, signer = get_address(get_key("surfer")), encode_account_id(public)
    path = f"{apis.urls[0]}/v1/accounts/{account}/settings"
    call = "([method, address, signer, content]) => send(method, address, signer, content)"
    put = page.evaluate(call, ["PUT", f"{path}/theme", signer, {"dark": True}])
    assert put["status"] == 200
    read = page.evaluate(call, ["GET", path, signer, None])
    assert read["data"][0]["attributes"]["value"] == {"dark": True}
    arguments = [apis.urls[1], account, signer, "note", "from a page"]
    sent = page.evaluate("(given) => upload(...given)", arguments)
    assert sent == {"put": 200, "committed": 201, "content": "from a page"}


@pytest.mark.parametrize("header", ["signature", "signature-input", "content-digest"])
def test_pages_may_send_what_signing_needs(apis: Apis, header: str) -> None:
    asked = {
        "origin": "https://app.example",
        "access-control-request-method": "PUT",
        "access-control-request-headers": header,
    }
    answer = httpx2.options(f"{apis.urls[0]}/v1/info", headers=asked, trust_env=False)
    assert answer.status_code == 200
    assert answer.headers["access-control-allow-origin"] == "*"
