"""Asks this gateway's own core node, on its private port, for its status and for proofs."""

import asyncio
import time
from pathlib import Path
from typing import Any

import httpx2
import msgspec

from gateways.horizon.problems import CORE_UNAVAILABLE
from gateways.http.problems import NOT_FOUND, Problem

SECONDS = 3.0
STATUS_SECONDS = 1.0  # how old a status may be: /v3/info must not load the core


class EntryProof(msgspec.Struct, frozen=True):
    """An entry, or its absence. `proof`: StateProof bytes."""

    key: bytes
    entry: bytes | None
    proof: bytes


class Proof(msgspec.Struct, frozen=True):
    """What the core node's /proof answers, bytes in base64: entries under one certified header."""

    header: bytes
    certificate: bytes
    entries: tuple[EntryProof, ...]


class Simulation(msgspec.Struct, frozen=True):
    """What the core node's /simulate answers. With a `rejection` the rest is empty. `result`:
    TransactionResult bytes, `effects`: ParticipantEffect bytes each, in base64."""

    rejection: str | None = None
    sequence: int = 0
    close_time_ms: int = 0
    result: bytes = b""
    effects: tuple[bytes, ...] = ()


class CoreClient:
    """`token_file` is read at start; its content is never shown."""

    def __init__(self, url: str, token_file: str) -> None:
        token = Path(token_file).read_text(encoding="ascii").strip()
        self._client = httpx2.AsyncClient(
            base_url=url,
            headers={"Authorization": f"Bearer {token}"},
            timeout=SECONDS,
            trust_env=False,  # the token is for the node alone, not for a proxy
        )
        self._status: tuple[float, dict[str, Any]] | None = None
        self._lock = asyncio.Lock()

    async def stop(self) -> None:
        await self._client.aclose()

    async def get_status(self) -> dict[str, Any]:
        """The core node's status, at most a second old. Raises Problem."""
        async with self._lock:
            now = time.monotonic()
            if self._status is None or now - self._status[0] > STATUS_SECONDS:
                response = await self._ask("GET", "/status")
                self._status = (now, _decode(response, dict[str, Any]))
            return self._status[1]

    async def get_proof(self, *keys: bytes) -> Proof:
        """Of the entries under LedgerKey bytes `keys`, or of their absence. Raises Problem."""
        wanted = msgspec.json.encode({"keys": [key.hex() for key in keys]})
        proof: Proof = _decode(await self._ask("POST", "/proof", wanted), Proof)
        if [each.key for each in proof.entries] != list(keys):
            raise Problem(CORE_UNAVAILABLE, "it proves something else")
        return proof

    async def simulate(self, envelope: bytes) -> Simulation:
        """What would come of the transaction in unframed envelope bytes. Raises Problem."""
        simulation: Simulation = _decode(await self._ask("POST", "/simulate", envelope), Simulation)
        return simulation

    async def _ask(self, method: str, path: str, content: bytes | None = None) -> bytes:
        try:
            response = await self._client.request(method, path, content=content)
        except httpx2.HTTPError as error:
            raise Problem(CORE_UNAVAILABLE, f"no answer: {type(error).__name__}") from None
        if response.status_code == 404:
            raise Problem(NOT_FOUND, "the core node has no such resource")
        if response.status_code != 200:
            raise Problem(CORE_UNAVAILABLE, f"it answered {response.status_code}")
        return response.content


def _decode(data: bytes, kind: Any) -> Any:
    try:
        return msgspec.json.decode(data, type=kind)
    except ValueError:
        raise Problem(CORE_UNAVAILABLE, "its answer cannot be read") from None
