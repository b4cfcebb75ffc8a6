"""A client of API, asynchronous: registration, links, blobs, settings, invitations, export.

Requests are signed by the key of a signer of the account that a method names.
"""

import json
from collections.abc import Mapping
from hashlib import sha256
from typing import Any, Self

import httpx2

from gateways.client.answers import Json, get_attributes, make_unavailable, read_document
from gateways.client.errors import ClientError, HorizonUnavailable, ProblemError
from gateways.client.keys import SigningKey
from gateways.client.payouts import check_payout_account
from gateways.client.proxies import environment_errors, is_outside
from gateways.client.request_signing import RequestSigner
from gateways.client.statements import encode_registration

TIMEOUT_SECONDS = 40.0  # a registration is answered when a ledger has it, for up to 15
PAGE_MAX = "200"
KIND = "an API gateway"


class AsyncApiClient:
    """Uses the API gateway at `url`; `public_url`: its public address, if that is another one. A
    context manager."""

    def __init__(
        self,
        url: str,
        key: SigningKey | None = None,
        http: httpx2.AsyncClient | None = None,
        public_url: str | None = None,
    ) -> None:
        with environment_errors():
            self._http = http or httpx2.AsyncClient(
                timeout=TIMEOUT_SECONDS, trust_env=is_outside(url)
            )
        self._auth = httpx2.Auth() if key is None else RequestSigner(key, public_url=public_url)
        self._url = url.rstrip("/")

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._http.aclose()

    async def register(
        self, statement: bytes, signature: bytes, email: str, locale: str = ""
    ) -> Json:
        """Attributes of the registration: PENDING, or CREATED once a ledger has the account. Send
        the same again until it is. Raises ClientError.
        """
        content = encode_registration(statement, signature, email, locale)
        return get_attributes(await self._send("POST", "/v1/registrations", content))

    async def list_links(self, account: str) -> list[Json]:
        """The addresses of the account's people, as resources."""
        return _get_all(await self._send("GET", f"/v1/accounts/{account}/links"))

    async def allow_finding(self, account: str, link: str, is_found: bool) -> Json:
        """Whether others who know the address find the account by it."""
        path = f"/v1/accounts/{account}/links/{link}"
        return get_attributes(await self._send("PATCH", path, {"is_found": is_found}))

    async def remove_link(self, account: str, link: str) -> None:
        await self._send("DELETE", f"/v1/accounts/{account}/links/{link}")

    async def find_account(self, own: str, email: str) -> str:
        """The account, G..., of somebody who lets others find it. `own`: the one who asks. Raises
        ProblemError `not-found`.
        """
        path = f"/v1/accounts/{own}/lookups"
        address = {"email" if "@" in email else "phone": email}
        return str(_get_one(await self._send("POST", path, address))["id"])

    async def ask_for_phone_code(self, account: str, phone: str, locale: str = "") -> None:
        content = {"phone": phone, "locale": locale}
        await self._send("POST", f"/v1/accounts/{account}/phones", content)

    async def confirm_phone(self, account: str, phone: str, code: str) -> None:
        content = {"phone": phone, "code": code}
        await self._send("POST", f"/v1/accounts/{account}/phones/confirmations", content)

    async def list_blob_types(self) -> list[Json]:
        return _get_all(await self._send("GET", "/v1/blob-types"))

    async def put_blob_type(self, name: str, content: Json) -> Json:
        """For administrators. `content`: visibility, bytes_max, and schema or content_types."""
        return get_attributes(await self._send("PUT", f"/v1/blob-types/{name}", content))

    async def list_blobs(self, account: str) -> list[Json]:
        """All of them, as resources."""
        parameters: Mapping[str, str] | None = {"page[limit]": PAGE_MAX}
        path, found = f"/v1/accounts/{account}/blobs", []
        while True:
            page = await self._send("GET", path, parameters=parameters)
            found += page["data"]
            if page["links"]["next"] is None:
                return found
            path, parameters = page["links"]["next"], None

    async def put_blob(self, account: str, type_: str, content: bytes) -> Json:
        """The resource. `content`: JSON, kept byte for byte."""
        path, parameters = f"/v1/accounts/{account}/blobs", {"type": type_}
        return _get_one(await self._send("POST", path, content, parameters=parameters))

    async def upload_blob(
        self, account: str, type_: str, content_type: str, content: bytes
    ) -> Json:
        """The resource. A large content goes to the object store directly. Raises ClientError."""
        announced = {
            "type": type_,
            "content_type": content_type,
            "bytes": len(content),
            "sha256": sha256(content).hexdigest(),
        }
        path = f"/v1/accounts/{account}/uploads"
        upload = _get_one(await self._send("POST", path, announced))
        attributes = upload["attributes"]
        try:
            answer = await self._http.put(
                attributes["url"], content=content, headers=attributes["headers"]
            )
        except httpx2.HTTPError as error:
            raise make_unavailable(attributes["url"], error, "API") from None
        if answer.status_code != 200:
            raise ClientError(f"the object store refuses the content: {answer.status_code}")
        return _get_one(await self._send("POST", f"{path}/{upload['id']}/commit"))

    async def get_blob(self, account: str, blob: str) -> bytes:
        """The content."""
        path = f"/v1/accounts/{account}/blobs/{blob}"
        url = get_attributes(await self._send("GET", path))["download_url"]
        if url is None:
            return (await self._request("GET", f"{path}/content")).content
        try:
            answer = await self._http.get(url)
        except httpx2.HTTPError as error:
            raise make_unavailable(url, error, "API") from None
        if answer.status_code != 200:
            raise ClientError(f"the object store refuses: {answer.status_code}")
        return answer.content

    async def remove_blob(self, account: str, blob: str) -> None:
        await self._send("DELETE", f"/v1/accounts/{account}/blobs/{blob}")

    async def list_settings(self, account: str) -> Json:
        """Values by key."""
        found = _get_all(await self._send("GET", f"/v1/accounts/{account}/settings"))
        return {each["id"]: each["attributes"]["value"] for each in found}

    async def put_setting(self, account: str, key: str, value: Any) -> None:
        await self._send("PUT", f"/v1/accounts/{account}/settings/{key}", value)

    async def add_payout_account(self, account: str, iban: str, holder: str, bic: str = "") -> Json:
        """Registers a bank account; the resource's id is what withdrawals name. Raises ClientError,
        also where that is no hash of what was registered.
        """
        content = {"iban": iban, "holder": holder, "bic": bic}
        path = f"/v1/accounts/{account}/payout-accounts"
        return check_payout_account(_get_one(await self._send("POST", path, content)))

    async def list_payout_accounts(self, account: str) -> list[Json]:
        found = _get_all(await self._send("GET", f"/v1/accounts/{account}/payout-accounts"))
        return [check_payout_account(each) for each in found]

    async def remove_payout_account(self, account: str, account_hash: str) -> None:
        await self._send("DELETE", f"/v1/accounts/{account}/payout-accounts/{account_hash}")

    async def accept_terms(self, account: str, version: str) -> Json:
        path = f"/v1/accounts/{account}/terms"
        return get_attributes(await self._send("POST", path, {"version": version}))

    async def choose_notifications(self, account: str, types: list[str]) -> Json:
        """Of which events of the ledger the account is told."""
        path = f"/v1/accounts/{account}/notifications"
        return get_attributes(await self._send("PUT", path, {"types": types}))

    async def invite(self, account: str, email: str, role_id: str, locale: str = "") -> Json:
        """The invitation, as a resource."""
        content = {"email": email, "role_id": role_id, "locale": locale}
        return _get_one(await self._send("POST", f"/v1/accounts/{account}/invitations", content))

    async def list_invitations(self, account: str) -> list[Json]:
        return _get_all(await self._send("GET", f"/v1/accounts/{account}/invitations"))

    async def accept_invitation(
        self, code: str, statement: bytes, signature: bytes, email: str
    ) -> Json:
        """`statement`: of the KeyServer, which says that the second factor is on."""
        content = {**encode_registration(statement, signature, email), "code": code}
        return get_attributes(await self._send("POST", "/v1/invitations/accept", content))

    async def export(self, account: str) -> Json:
        """Everything that is known of the person, and who saw it."""
        return get_attributes(await self._send("GET", f"/v1/accounts/{account}/export"))

    async def list_users(self) -> list[Json]:
        """For administrators: the newest 200."""
        return _get_all(await self._send("GET", "/v1/users", parameters={"page[limit]": PAGE_MAX}))

    async def _send(
        self,
        method: str,
        path: str,
        content: Any = None,
        parameters: Mapping[str, str] | None = None,
    ) -> Json:
        response = await self._request(method, path, content, parameters)
        return read_document(response, KIND) if response.content else {}

    async def _request(
        self,
        method: str,
        path: str,
        content: Any = None,
        parameters: Mapping[str, str] | None = None,
    ) -> httpx2.Response:
        """`content`: JSON's own bytes, or what becomes JSON. Raises ClientError."""
        address = path if path.startswith("http") else self._url + path
        body = content if isinstance(content, bytes) else json.dumps(content).encode()
        given = {} if content is None else {"Content-Type": "application/json"}
        request = self._http.build_request(
            method,
            address,
            params=parameters,
            headers=given,
            content=b"" if content is None else body,
        )
        try:
            response = await self._http.send(request, auth=self._auth)
        except httpx2.HTTPError as error:
            raise make_unavailable(self._url, error, "API") from None
        if response.status_code in (429, 502, 503, 504):
            raise HorizonUnavailable(f"try again: {ProblemError(read_document(response, KIND))}")
        if response.status_code >= 300:
            raise ProblemError(read_document(response, KIND))
        return response


def _get_one(document: Json) -> Json:
    resource: Json = document["data"]
    return resource


def _get_all(document: Json) -> list[Json]:
    resources: list[Json] = document["data"]
    return resources
