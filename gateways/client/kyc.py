# Made from asynchronous/kyc.py by `python -m gateways.client.generate`.
"""A client of API's KYC part, synchronous: forms, sealed documents, submissions, cases.

It sends and fetches sealed bytes; sealing and opening is `gateways.client.papers`.
"""

from collections.abc import Mapping
from hashlib import sha256
from pathlib import Path

import httpx2

from gateways.client.answers import Json, get_attributes, make_unavailable
from gateways.client.api import ApiClient
from gateways.client.errors import ClientError, HorizonUnavailable

PART_BYTES = 8 * 1024 * 1024
TRIES = 5
PAGE_MAX = "200"
DONE = (200, 412)  # 412: it was carried out before


class KycClient(ApiClient):
    """The same gateway and key, with more verbs."""

    def find_form(self, role_id: str) -> Json:
        """The newest form of an account role, as a resource. Raises ClientError without one."""
        found = self._send("GET", "/v1/forms", parameters={"filter[role_id]": role_id})
        if not found["data"]:
            raise ClientError(f"no form is published for the role {role_id}")
        form: Json = found["data"][0]
        return form

    def get_form(self, schema_id: str) -> Json:
        """Attributes of a form of any version."""
        return get_attributes(self._send("GET", f"/v1/forms/{schema_id}"))

    def publish_form(self, content: Json) -> Json:
        """For administrators: the new form, as a resource."""
        form: Json = (self._send("POST", "/v1/forms", content))["data"]
        return form

    def upload_document(self, account: str, class_: str, key: Json, sealed: Path) -> Json:
        """The document, as a resource. `key`: of the KeyChain, `sealed`: a file sealed to it. What
        a broken connection has left out is sent again. Raises ClientError.
        """
        length = sealed.stat().st_size
        whole, hashes = _hash_file(sealed)
        announced = {
            "class": class_,
            "key_id": key["id"],
            "public_key": key["public_key"],
            "bytes": length,
            "sha256": whole,
            "parts": hashes if length > PART_BYTES else [],
        }
        path = f"/v1/accounts/{account}/documents"
        made = (self._send("POST", path, announced))["data"]
        place, parts = f"{path}/{made['id']}", made["attributes"]["parts"]
        for tries in range(TRIES):
            try:
                for part in parts:
                    self._put_part(part, sealed)
                break
            except HorizonUnavailable:
                if tries == TRIES - 1:
                    raise
            parts = get_attributes(self._send("GET", f"{place}/upload"))["parts"]
        document: Json = (self._send("POST", f"{place}/commit"))["data"]
        return document

    def _put_part(self, part: Json, sealed: Path) -> None:
        """Raises ClientError."""
        with sealed.open("rb") as file:
            file.seek(part["offset"])
            content = file.read(part["bytes"])
        try:
            answer = self._http.put(part["url"], content=content, headers=part["headers"])
        except httpx2.HTTPError as error:
            raise make_unavailable(part["url"], error, "the object store") from None
        if answer.status_code >= 500:
            raise HorizonUnavailable(f"the object store answers {answer.status_code}")
        if answer.status_code not in DONE:
            raise ClientError(f"the object store refuses the document: {answer.status_code}")

    def list_documents(self, account: str) -> list[Json]:
        found: list[Json] = (self._send("GET", f"/v1/accounts/{account}/documents"))["data"]
        return found

    def delete_document(self, account: str, document: str) -> None:
        self._send("DELETE", f"/v1/accounts/{account}/documents/{document}")

    def submit_form(self, account: str, content: Json) -> Json:
        """What was handed in, as a resource whose id is the commitment."""
        path = f"/v1/accounts/{account}/submissions"
        made: Json = (self._send("POST", path, content))["data"]
        return made

    def get_submission(self, account: str, commitment: str) -> Json:
        """Attributes: all that the commitment is over."""
        path = f"/v1/accounts/{account}/submissions/{commitment}"
        return get_attributes(self._send("GET", path))

    def fetch_sealed(self, url: str, target: Path, length: int, server: str | None = None) -> None:
        """Sealed bytes, of an address that API gave, into a file. `server`: where the address's
        server is reached, if by another way (inside a cluster, say). Raises ClientError.
        """
        named = httpx2.URL(url)
        reached = url if server is None else f"{server.rstrip('/')}{named.raw_path.decode()}"
        host = {"host": named.netloc.decode()}  # which the address's signature covers
        try:
            with self._http.stream("GET", reached, headers=host) as answer:
                if answer.status_code != 200:
                    raise ClientError(f"the object store refuses: {answer.status_code}")
                with target.open("wb") as file:
                    for piece in answer.iter_bytes():
                        length -= len(piece)
                        if length < 0:
                            raise ClientError("the object store sends more than API says")
                        file.write(piece)
        except httpx2.HTTPError as error:
            raise make_unavailable(url, error, "the object store") from None
        if length:
            raise HorizonUnavailable("the object store sends less than API says")

    def list_cases(
        self, account: str | None = None, filters: Mapping[str, str] | None = None
    ) -> list[Json]:
        """The newest 200, as resources; without an account all, for administrators."""
        path = "/v1/cases" if account is None else f"/v1/accounts/{account}/cases"
        parameters = {"page[limit]": PAGE_MAX, **(filters or {})}
        found: list[Json] = (self._send("GET", path, parameters=parameters))["data"]
        return found

    def get_case(self, number: str) -> Json:
        """Attributes of a case, by the number of its request; for administrators."""
        return get_attributes(self._send("GET", f"/v1/cases/{number}"))

    def ask_for_erasure(self, account: str) -> Json:
        """Of everything that is known of the account's people. Attributes of the tombstone."""
        return get_attributes(self._send("POST", f"/v1/accounts/{account}/erasure"))

    def get_erasure(self, account: str) -> Json:
        return get_attributes(self._send("GET", f"/v1/accounts/{account}/erasure"))

    def hold(self, account: str, reason: str, until: str) -> Json:
        """For administrators: what the law keeps until a day is not erased before."""
        content = {"reason": reason, "until": until}
        return get_attributes(self._send("PUT", f"/v1/accounts/{account}/hold", content))

    def release_hold(self, account: str) -> None:
        self._send("DELETE", f"/v1/accounts/{account}/hold")


def _hash_file(file: Path) -> tuple[str, list[str]]:
    """SHA-256 of all of it, and of each part."""
    whole, parts = sha256(), []
    with file.open("rb") as opened:
        while piece := opened.read(PART_BYTES):
            whole.update(piece)
            parts.append(sha256(piece).hexdigest())
    return whole.hexdigest(), parts
