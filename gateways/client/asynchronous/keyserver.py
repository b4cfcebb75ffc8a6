"""A client of the KeyServer, asynchronous. Secrets and keys stay here; the server sees neither.

Deriving keys takes half a second of the processor, and nothing else happens meanwhile.
"""

import base64
import json
import time
from asyncio import sleep
from collections.abc import Callable, Mapping
from typing import Any, Self

import httpx2

from gateways.client.answers import Json, get_attributes, make_unavailable, read_document
from gateways.client.devices import prove_device
from gateways.client.errors import HorizonUnavailable, ProblemError
from gateways.client.keys import SigningKey, generate_key, get_address
from gateways.client.proxies import environment_errors, is_outside
from gateways.client.request_signing import RequestSigner
from gateways.client.transactions import compute_envelope_transaction_hash
from gateways.client.wallet_keys import (
    UNKNOWN_VERSION,
    Content,
    Derivation,
    SecretKeys,
    derive_keys,
    make_content,
    open_envelope,
    read_derivation,
    seal_envelope,
)
from gateways.client.wallets import (
    Change,
    Credentials,
    OpenWallet,
    Rotate,
    Signup,
    Statement,
)

TIMEOUT_SECONDS = 20.0
PAUSE_SECONDS = 0.5
FIRST_VERSION = 1


class AsyncKeyServerClient:
    """Uses the KeyServer at `url`, its public address. A context manager."""

    def __init__(self, url: str, http: httpx2.AsyncClient | None = None) -> None:
        with environment_errors():
            self._http = http or httpx2.AsyncClient(
                timeout=TIMEOUT_SECONDS, trust_env=is_outside(url)
            )
        self._url = url.rstrip("/")

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._http.aclose()

    async def get_info(self) -> Json:
        """Attributes of /v1/info: the network, and the key of statements."""
        return get_attributes(await self._send("GET", "/v1/info"))

    async def get_derivations(self, email: str) -> tuple[bytes, list[Derivation]]:
        """Salt and live derivations, newest first. Raises WeakDerivation."""
        found = get_attributes(await self._send("POST", "/v1/kdf", {"email": email}))
        return base64.b64decode(found["salt"]), [read_derivation(each) for each in found["kdfs"]]

    async def derive(self, email: str, secret: str) -> SecretKeys:
        """By the newest derivation."""
        salt, derivations = await self.get_derivations(email)
        return derive_keys(secret, email, salt, derivations[0])

    async def sign_up(
        self, email: str, secret: str, locale: str = "", key: SigningKey | None = None
    ) -> Signup:
        """`key`: the wallet's; a new one unless given. A code is mailed. Show the recovery seed."""
        keys = await self.derive(email, secret)
        recovery = generate_key()
        content = make_content(key or generate_key(), recovery)
        body = {
            "email": email,
            "account": content.account,
            "signer": get_address(content.key),
            "recovery": content.recovery,
            "locale": locale,
            **_describe(keys, content, FIRST_VERSION),
        }
        document = await self._send("POST", "/v1/signups", body)
        return Signup(document["data"]["id"], email, content, recovery)

    async def resend(self, signup: Signup) -> None:
        """Another code; the one before is over."""
        body = {"id": signup.id, "email": signup.email}
        await self._send("POST", "/v1/signups/resend", body)

    async def confirm(self, signup: Signup, code: str) -> Statement:
        """By the mailed code and the wallet's key."""
        body = {"id": signup.id, "code": code}
        key = signup.content.key
        return _read_statement(
            get_attributes(await self._send("POST", "/v1/signups/confirm", body, key))
        )

    async def unlock(
        self, given: Credentials, *, register: str | None = None, remember: bool = False
    ) -> OpenWallet:
        """`register`: makes the device a known one, by that name. `remember`: no second factor on
        it for 30 days. Raises ProblemError.
        """
        more: Json = {"remember": remember}
        if register is not None:
            more["register"] = {"name": register}
        keys, document = await self._enter("/v1/unlock", given, lambda _: more)
        found = get_attributes(document)
        envelope = base64.b64decode(found["envelope"])
        return OpenWallet(
            content=open_envelope(keys, envelope, found["account"], found["version"]),
            keys=keys,
            version=found["version"],
            signer=found["signer"],
            has_second_factor=found["has_second_factor"],
            device=found["device"],
            statement=_read_statement(found["statement"]),
        )

    async def ask_lane(self, email: str) -> None:
        """Mails a code for tries that are counted for themselves."""
        await self._send("POST", "/v1/lanes", {"email": email})

    async def begin_second_factor(self, given: Credentials) -> Json:
        """Attributes: the secret, as text, URI and QR code (SVG)."""
        _, document = await self._enter("/v1/second-factor/enrolments", given)
        return get_attributes(document)

    async def turn_on_second_factor(self, given: Credentials, code: str) -> list[str]:
        """Recovery codes, shown this once. `code`: of the secret that was shown."""
        path = "/v1/second-factor/on"
        _, document = await self._enter(path, given, lambda _: {"code": code})
        codes: list[str] = get_attributes(document)["recovery_codes"]
        return codes

    async def turn_off_second_factor(self, given: Credentials) -> None:
        """`given` has a code of it."""
        await self._enter("/v1/second-factor/off", given)

    async def is_derivation_old(self, email: str, wallet: OpenWallet) -> bool:
        """Whether the server knows a newer one than the secret has gone through."""
        _, derivations = await self.get_derivations(email)
        return wallet.keys.derivation != derivations[0]

    async def renew_derivation(self, given: Credentials, wallet: OpenWallet) -> None:
        """The newest derivation for the same secret and key."""
        keys = await self.derive(given.email, given.secret)
        following = _describe_next(keys, wallet.content, wallet.version + 1)
        await self._enter("/v1/derivation", given, lambda _: {"next": following})

    async def change_password(
        self, given: Credentials, content: Content, version: int, secret: str, rotate: Rotate
    ) -> Change:
        """Begins it: the new secret opens the wallet once a ledger has the transaction. `content`,
        `version`: of the wallet as it is.
        """
        change, following = await self._prepare(given.email, secret, content, version + 1, rotate)
        await self._enter("/v1/password", given, lambda _: {"next": following})
        return change

    async def recover(
        self, email: str, secret: str, account: str, recovery: SigningKey, rotate: Rotate
    ) -> Change:
        """A new secret by the recovery seed. `rotate` is given the recovery key to sign with."""
        old = Content(account, recovery, get_address(recovery))
        change, following = await self._prepare(email, secret, old, UNKNOWN_VERSION, rotate)
        body = {"email": email, "next": following}
        await self._send("POST", "/v1/recoveries", body, recovery)
        return change

    async def wait_for_change(self, given: Credentials, seconds: float = 120.0) -> OpenWallet:
        """Until the new secret opens the wallet. Raises ProblemError if it never will."""
        deadline = time.monotonic() + seconds
        while True:
            try:
                return await self.unlock(given)
            except ProblemError as error:
                if error.kind != "change-undecided" or time.monotonic() > deadline:
                    raise
            await sleep(PAUSE_SECONDS)

    async def change_email(self, given: Credentials, wallet: OpenWallet, email: str) -> str:
        """The id of the change: a code is mailed to the new address."""
        keys = await self.derive(email, given.secret)
        following = _describe_next(keys, wallet.content, wallet.version + 1)
        more = {"new_email": email, "next": following}
        _, document = await self._enter("/v1/email-changes", given, lambda _: more)
        id_: str = document["data"]["id"]
        return id_

    async def confirm_email(self, id_: str, email: str, secret: str, code: str) -> Statement:
        """`email`: the new address."""
        keys = await self.derive(email, secret)
        body = {"id": id_, "code": code}
        document = await self._send("POST", "/v1/email-changes/confirm", body, keys.auth)
        return _read_statement(get_attributes(document))

    async def get_devices(self, device: SigningKey) -> list[Json]:
        """Resources. `device`: the key of a known one."""
        resources: list[Json] = (await self._send("GET", "/v1/devices", None, device))["data"]
        return resources

    async def rename_device(self, device: SigningKey, id_: str, name: str) -> None:
        await self._send("PATCH", f"/v1/devices/{id_}", {"name": name}, device)

    async def revoke_device(self, device: SigningKey, id_: str) -> None:
        """Also `device` itself: that is how somebody logs out."""
        await self._send("DELETE", f"/v1/devices/{id_}", None, device)

    async def get_history(self, device: SigningKey) -> list[Json]:
        """Resources, the newest first."""
        resources: list[Json] = (await self._send("GET", "/v1/history", None, device))["data"]
        return resources

    async def _prepare(
        self, email: str, secret: str, old: Content, version: int, rotate: Rotate
    ) -> tuple[Change, Json]:
        keys = await self.derive(email, secret)
        content = Content(old.account, generate_key(), old.recovery)
        transaction = rotate(old, content.key)
        following = {
            **_describe_next(keys, content, version),
            "signer": get_address(content.key),
            "transaction": base64.b64encode(transaction).decode(),
        }
        transaction_hash = compute_envelope_transaction_hash(transaction).hex()
        return Change(transaction, transaction_hash, content), following

    async def _enter(
        self,
        path: str,
        given: Credentials,
        get_more: Callable[[SecretKeys], Mapping[str, Any]] = lambda _: {},
    ) -> tuple[SecretKeys, Json]:
        """A request that proves the secret, by each live derivation in turn."""
        salt, derivations = await self.get_derivations(given.email)
        for position, derivation in enumerate(derivations):
            keys = derive_keys(given.secret, given.email, salt, derivation)
            body = {"email": given.email, **get_more(keys)}
            if given.second_factor is not None:
                body["second_factor"] = given.second_factor
            if given.lane is not None:
                body["lane"] = given.lane
            if given.device is not None:
                body["device"] = prove_device(given.device, self._url, keys.auth)
            try:
                return keys, await self._send("POST", path, body, keys.auth)
            except ProblemError as error:
                if error.kind != "secret-wrong" or position == len(derivations) - 1:
                    raise
        raise HorizonUnavailable(f"{self._url} names no key derivation")

    async def _send(
        self,
        method: str,
        path: str,
        body: Mapping[str, Any] | None = None,
        key: SigningKey | None = None,
    ) -> Json:
        content = None if body is None else json.dumps(body).encode()
        headers = {} if body is None else {"Content-Type": "application/json"}
        try:
            response = await self._http.request(
                method,
                self._url + path,
                content=content,
                headers=headers,
                auth=None if key is None else RequestSigner(key),
            )
        except httpx2.HTTPError as error:
            raise make_unavailable(self._url, error, "it") from None
        return _read(response)


def _read(response: httpx2.Response) -> Json:
    if response.status_code == 204:
        return {}
    document = read_document(response, "a KeyServer")
    if response.status_code < 300:
        return document
    if response.status_code in (502, 503, 504):
        raise HorizonUnavailable(f"try again: {ProblemError(document)}")
    raise ProblemError(document)


def _describe(keys: SecretKeys, content: Content, version: int) -> Json:
    """A version of a wallet, as the server takes it."""
    return {
        "kdf": keys.derivation.version,
        "verifier": get_address(keys.auth),
        "envelope": base64.b64encode(seal_envelope(keys, content, version)).decode(),
    }


def _describe_next(keys: SecretKeys, content: Content, version: int) -> Json:
    return {"version": version, **_describe(keys, content, version)}


def _read_statement(found: Json) -> Statement:
    return Statement(base64.b64decode(found["body"]), base64.b64decode(found["signature"]))
