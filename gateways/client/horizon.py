# Made from asynchronous/horizon.py by `python -m gateways.client.generate`.
"""A client of Horizon's API, synchronous. It returns the API's own JSON.

It trusts the gateway that it uses; `gateways.client.proofs` verifies without trust.
"""

import json
import time
from collections.abc import Iterator, Mapping
from time import sleep
from typing import Self

import httpx2

from gateways.client.answers import Json, get_attributes, make_unavailable, read_document
from gateways.client.backoff import compute_pause
from gateways.client.errors import HorizonUnavailable, ProblemError
from gateways.client.keys import SigningKey
from gateways.client.proxies import environment_errors, is_outside
from gateways.client.request_signing import RequestSigner

TIMEOUT_SECONDS = 40.0  # a gateway holds `wait=result` for up to 30
RETRY_SECONDS = 0.5
SEND_PAUSE_MAX = 4.0
STREAM_PAUSE_MAX = 30.0
ASKED_PAUSE_MAX = 300.0  # a gateway that asks for longer pauses is not obeyed
PAGE_MAX = "200"
KIND = "a Horizon gateway"


class HorizonClient:
    """Uses the gateway at `url`, its public address. A context manager.

    With a `key` it signs its requests, so that it can read what that key may read. Without one it
    can submit, and read what is public. `http` may bring its own settings, also a RequestSigner.
    Proxies of the environment are used for outside addresses only.
    """

    def __init__(
        self, url: str, key: SigningKey | None = None, http: httpx2.Client | None = None
    ) -> None:
        with environment_errors():
            self._http = http or httpx2.Client(timeout=TIMEOUT_SECONDS, trust_env=is_outside(url))
        if key is not None:
            self._http.auth = RequestSigner(key)
        self._url = url.rstrip("/")

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._http.close()

    def get(self, path: str, parameters: Mapping[str, str] | None = None) -> Json:
        """The document at `path`, or at the address of a link. Raises ClientError."""
        return self._send("GET", path, parameters)

    def get_info(self) -> Json:
        """Attributes of /v3/info: the network, and how far these views are."""
        return get_attributes(self.get("/v3/info"))

    def get_network_time_ms(self) -> int:
        """The last close time, with which time bounds are compared."""
        return int((self.get_info())["latest_ledger_close_time_ms"])

    def get_account(self, address: str, include: str = "balances,signers") -> Json:
        """The whole document, with the included resources."""
        return self.get(f"/v3/accounts/{address}", {"include": include} if include else None)

    def get_balances(self, address: str) -> list[Json]:
        """All balances of an account, as resources."""
        filters = {"filter[account]": address, "order": "asc"}
        return [each for each in self.walk("/v3/balances", filters)]

    def get_balance(self, balance: str) -> Json:
        return get_attributes(self.get(f"/v3/balances/{balance}"))

    def get_asset(self, code: str) -> Json:
        return get_attributes(self.get(f"/v3/assets/{code}"))

    def get_proof(self, balance: str) -> Json:
        """Attributes of the proof, for `verify_balance_proof`."""
        return get_attributes(self.get(f"/v3/balances/{balance}/proof"))

    def get_statement(
        self, balance: str, from_ledger: int | None = None, to_ledger: int | None = None
    ) -> Iterator[Json]:
        """Every line of a balance's statement, from `opening` to `closing`; between them one for
        each movement. Raises HorizonUnavailable if it was cut off.
        """
        given = {"from_ledger": from_ledger, "to_ledger": to_ledger}
        parameters = {name: str(each) for name, each in given.items() if each is not None}
        address, kind = f"{self._url}/v3/balances/{balance}/statement.ndjson", ""
        try:
            with self._http.stream("GET", address, params=parameters) as response:
                _raise_problem(response)
                for text in response.iter_lines():
                    line: Json = json.loads(text)
                    kind = line["kind"]
                    yield line
        except httpx2.HTTPError as error:
            raise make_unavailable(self._url, error, "the gateway") from None
        if kind != "closing":
            raise HorizonUnavailable("the statement was cut off: ask for it again")

    def get_transaction(self, transaction_hash: str) -> Json:
        """Attributes. Raises ProblemError `not-found` while nothing is known of it."""
        return get_attributes(self.get(f"/v3/transactions/{transaction_hash}"))

    def walk(self, path: str, parameters: Mapping[str, str] | None = None) -> Iterator[Json]:
        """Every resource of a collection, page after page, until there is no next one."""
        page = self.get(path, {"page[limit]": PAGE_MAX, **(parameters or {})})
        while True:
            for resource in page["data"]:
                yield resource
            following = page["links"]["next"]
            if following is None:
                return
            page = self.get(following)

    def submit(self, envelope: bytes, wait: str = "result") -> Json:
        """Attributes of the transaction. Raises ProblemError if it was rejected or has failed.

        `wait`: "ingest" (durable) or "result". After HorizonUnavailable send the same envelope
        again, here or elsewhere: it is applied only once.
        """
        return get_attributes(self._send(*_get_submission(envelope, wait)))

    def simulate(self, envelope: bytes) -> Json:
        """Attributes of what the transaction would do now, signed or not. Nothing is submitted.

        The client's key must sign for every source account, or may read transactions. Raises
        ProblemError, also if the transaction could not enter a ledger.
        """
        headers = {"Content-Type": "application/avro"}
        path = "/v3/transactions/simulate"
        return get_attributes(self._send("POST", path, None, envelope, headers))

    def submit_until_final(self, envelope: bytes, seconds: float = 120.0) -> Json:
        """Attributes once a ledger has it, however many requests that takes.

        Raises ProblemError if it is rejected or fails, HorizonUnavailable after `seconds`.
        """
        deadline = time.monotonic() + seconds
        document = self._send_until(deadline, *_get_submission(envelope, "result"))
        while get_attributes(document)["status"] == "pending":
            if time.monotonic() > deadline:
                raise HorizonUnavailable("it is still pending: ask for its status again later")
            sleep(RETRY_SECONDS)
            document = self._send_until(deadline, "GET", document["links"]["self"])
        if get_attributes(document)["status"] != "success":
            return self.submit(envelope)  # the first result again, as the problem that it is
        return get_attributes(document)

    def stream(
        self, path: str, parameters: Mapping[str, str] | None = None, after: str | None = None
    ) -> Iterator[tuple[str, Json]]:
        """(id, resource) of everything after `after` (now if None), for ever, each once.

        A stream that ends is resumed, after the pause that the gateway asks for, or longer if it
        ends again and again. Raises ProblemError.
        """
        position, retry_seconds, failures = after, RETRY_SECONDS, 0
        while True:
            headers = {} if position is None else {"Last-Event-ID": position}
            pause = 0.0
            try:
                with self._http.sse(
                    self._url + path, params=parameters, headers=headers, timeout=TIMEOUT_SECONDS
                ) as events:
                    _raise_problem(events.response)
                    for event in events:
                        position = event.id or position
                        retry_seconds = _read_retry(event, retry_seconds)
                        if event.data:
                            failures = 0
                            yield event.id, event.json()  # type: ignore[misc]
            except httpx2.TransportError:
                pause = 0.0
            except HorizonUnavailable as unavailable:
                pause = unavailable.retry_seconds
            sleep(max(pause, compute_pause(retry_seconds, failures, STREAM_PAUSE_MAX)))
            failures += 1

    def _send_until(
        self,
        deadline: float,
        method: str,
        path: str,
        parameters: Mapping[str, str] | None = None,
        content: bytes | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> Json:
        """Again and again until there is an answer."""
        failures = 0
        while True:
            try:
                return self._send(method, path, parameters, content, headers)
            except HorizonUnavailable as unavailable:
                left = deadline - time.monotonic()
                if left < 0:
                    raise
                pause = max(
                    unavailable.retry_seconds,
                    compute_pause(RETRY_SECONDS, failures, SEND_PAUSE_MAX),
                )
                sleep(min(pause, left + RETRY_SECONDS))
                failures += 1

    def _send(
        self,
        method: str,
        path: str,
        parameters: Mapping[str, str] | None = None,
        content: bytes | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> Json:
        address = path if path.startswith("http") else self._url + path
        try:
            response = self._http.request(
                method, address, params=parameters, content=content, headers=headers
            )
        except httpx2.HTTPError as error:
            raise make_unavailable(self._url, error, "the gateway") from None
        _raise_problem(response)
        return read_document(response, KIND)


def _read_retry(event: httpx2.ServerSentEvent, known: float) -> float:
    """The pause that the gateway asks for before a stream is resumed, in seconds."""
    return known if event.retry is None else min(event.retry / 1_000, ASKED_PAUSE_MAX)


def _get_submission(
    envelope: bytes, wait: str
) -> tuple[str, str, Mapping[str, str], bytes, Mapping[str, str]]:
    headers = {"Content-Type": "application/avro"}
    return "POST", "/v3/transactions", {"wait": wait}, envelope, headers


def _raise_problem(response: httpx2.Response) -> None:
    if response.status_code < 300:
        return
    response.read()
    problem = read_document(response, KIND)
    if response.status_code in (429, 502, 503, 504):
        retry = response.headers.get("retry-after", "")
        seconds = float(retry) if retry.isdecimal() and len(retry) < 6 else 0.0
        raise HorizonUnavailable(f"try again: {ProblemError(problem)}", seconds)
    raise ProblemError(problem)
