"""What the KeyChain knows of the ledger: only what its own Horizon proves, certified and new.

The first header that it trusts is the genesis; it follows changes of the quorum set from there, and
remembers how far in its database, with the highest ledger that any instance has seen. What is
older than that, or than three heartbeats, is refused.
"""

import asyncio
import base64
import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import httpx2
import msgspec
from nacl.signing import SigningKey

from gateways.client.errors import ProofError, ProofFault
from gateways.client.proofs import (
    Anchor,
    ProvedHeader,
    get_proof_attributes,
    get_quorum_set_hash,
    move_anchor,
    verify_entry,
    verify_header,
)
from gateways.client.request_signing import RequestSigner
from gateways.http.problems import Problem
from gateways.http.store import Store
from gateways.keychain.entitlement import Proved
from gateways.keychain.problems import LEDGER_UNPROVED
from gateways.keychain.settings import HorizonSettings
from schemas.codec import Malformed, decode, encode
from schemas.generated import keys
from schemas.generated.common import Hash
from schemas.generated.consensus import QuorumSet
from schemas.generated.entries import NetworkSettings, Validators
from schemas.generated.keys import Entry, KeyBytes
from schemas.generated.ledger import LedgerEntry
from streams.ledger.hashes import compute_hash

ANSWER_SECONDS = 5.0
TRIES, PAUSE_SECONDS = 3, 0.3  # one Horizon may be a ledger behind another
UNREADABLE = (httpx2.HTTPError, OSError, ValueError, KeyError, TypeError, Malformed)
HEARTBEATS = 3
AHEAD_MS = 10_000  # what a node may close ahead of this clock
ROUNDS_MAX = 5
KNOWN_MAX = 10_000
CHANGES_MAX = 16  # of the quorum set, followed in one request
READ = "select sequence, anchor, header_hash, quorum_set from keychain.ledger"
BEGIN = (
    "insert into keychain.ledger (sequence, anchor, header_hash, quorum_set)"
    " values (%s, %s, %s, %s) on conflict do nothing"
)
MOVE = "update keychain.ledger set anchor = %s, header_hash = %s, quorum_set = %s where anchor < %s"
RAISE = (
    "update keychain.ledger set sequence = greatest(sequence, %s) returning sequence, sequence = %s"
)


@dataclass(frozen=True, slots=True)
class Evidence:
    """Entries of one ledger, and its header."""

    header: ProvedHeader
    state: Proved


class LedgerEvidence:
    """`first`: the anchor of the genesis. `start` opens what it asks with."""

    def __init__(
        self, store: Store, horizons: Sequence[HorizonSettings], reader: SigningKey, first: Anchor
    ) -> None:
        self._store = store
        self._horizons = tuple(horizons)
        self._reader = reader
        self._first = first
        self._client = httpx2.AsyncClient(timeout=ANSWER_SECONDS, trust_env=False)
        self._known: dict[tuple[KeyBytes, ...], list[KeyBytes]] = {}

    async def stop(self) -> None:
        await self._client.aclose()

    async def prove(self, wanted: Sequence[KeyBytes]) -> Evidence:
        """`wanted` and whatever follows from it, by the first Horizon that does. Raises Problem."""
        detail = "the settings name no Horizon"
        for tries in range(TRIES):
            await asyncio.sleep(tries * PAUSE_SECONDS)
            for horizon in self._horizons:
                try:
                    return await self._prove(horizon, wanted)
                except ProofError as error:
                    detail = f"{horizon.url}: {error}"
                except UNREADABLE as error:
                    detail = f"{horizon.url}: {type(error).__name__}"
        raise Problem(LEDGER_UNPROVED, detail)

    async def _prove(self, horizon: HorizonSettings, first: Sequence[KeyBytes]) -> Evidence:
        """Everything under one header: what turns out to be missing is asked with all the rest."""
        wanted = self._known.get(tuple(first)) or [*first, keys.NETWORK_SETTINGS]
        for _ in range(ROUNDS_MAX):
            answer = await self._ask(horizon, wanted)
            header = await self._verify(horizon, answer)
            entries = {
                key: verify_entry(each, header, key)
                for key, each in zip(wanted, answer["entries"], strict=True)
            }
            state = Proved(entries)
            missing = state.get_missing()
            if not missing:
                self._require_fresh(header, entries[keys.NETWORK_SETTINGS])
                await self._require_newest(header)
                self._remember(tuple(first), wanted)
                return Evidence(header, state)
            wanted = [*wanted, *missing]
        raise ProofError(ProofFault.UNREADABLE, "the proof has no end")

    def _remember(self, first: tuple[KeyBytes, ...], wanted: list[KeyBytes]) -> None:
        """What was needed the last time is asked for at once the next time."""
        while len(self._known) >= KNOWN_MAX:
            del self._known[next(iter(self._known))]
        self._known[first] = wanted

    async def _ask(self, horizon: HorizonSettings, wanted: list[KeyBytes]) -> dict[str, Any]:
        path = "/v3/access-proofs"
        content = msgspec.json.encode({"keys": [each.hex() for each in wanted]})
        signer = RequestSigner(self._reader, public_url=horizon.public_url)
        headers = signer.sign_request("POST", horizon.url + path, content)
        answer = await self._client.post(
            horizon.url + path,
            content=content,
            headers={**headers, "Content-Type": "application/json"},
        )
        if answer.status_code != 200:
            raise ProofError(ProofFault.UNREADABLE, f"Horizon answered {answer.status_code}")
        return dict(get_proof_attributes(answer.json()))

    async def _verify(self, horizon: HorizonSettings, answer: dict[str, Any]) -> ProvedHeader:
        anchor = await self._get_anchor()
        for _ in range(CHANGES_MAX):
            try:
                return verify_header(answer, anchor)
            except ProofError as error:
                if error.fault not in (ProofFault.QUORUM_SET_CHANGED, ProofFault.BAD_CERTIFICATE):
                    raise
                anchor = await self._follow(horizon, anchor, int(answer["sequence"]))
        raise ProofError(ProofFault.QUORUM_SET_CHANGED, "the quorum set changed too often since")

    async def _get_anchor(self) -> Anchor:
        rows = await self._store.execute(READ)
        if not rows:
            first = self._first
            quorum_set = encode(first.quorum_set)
            values = (first.sequence, first.sequence, first.header_hash, quorum_set)
            await self._store.execute(BEGIN, values)
            rows = await self._store.execute(READ)
        ((_, sequence, header_hash, quorum_set),) = rows
        return Anchor(
            self._first.network_id, decode(QuorumSet, quorum_set), sequence, Hash(header_hash)
        )

    async def _follow(self, horizon: HorizonSettings, anchor: Anchor, sequence: int) -> Anchor:
        """The anchor of a ledger that changed the set, which the old set has certified."""
        old = compute_hash(encode(anchor.quorum_set))
        first, last = anchor.sequence, sequence
        while last - first > 1:  # the set changed in one of (first, last]
            middle = (first + last) // 2
            found = get_quorum_set_hash(await self._get_ledger(horizon, middle))
            first, last = (middle, last) if found == old else (first, middle)
        ledger = await self._get_ledger(horizon, last)
        validators = await self._get_validators(horizon)
        moved = move_anchor(ledger, anchor, validators.quorum_set)
        values = (moved.sequence, moved.header_hash, encode(moved.quorum_set), moved.sequence)
        await self._store.execute(MOVE, values)
        return moved

    async def _get_validators(self, horizon: HorizonSettings) -> Validators:
        """As Horizon says; the hash in a certified header shows whether it is true."""
        answer = await self._ask(horizon, [KeyBytes(keys.VALIDATORS)])
        entry = base64.b64decode(answer["entries"][0]["entry"] or "", validate=True)
        found = decode(LedgerEntry, entry).data
        if not isinstance(found, Validators):
            raise ProofError(ProofFault.WRONG_ENTRY, "Horizon shows no validators")
        return found

    async def _get_ledger(self, horizon: HorizonSettings, sequence: int) -> dict[str, Any]:
        answer = await self._client.get(f"{horizon.url}/v3/ledgers/{sequence}")
        if answer.status_code != 200:
            raise ProofError(ProofFault.UNREADABLE, f"Horizon answered {answer.status_code}")
        return dict(get_proof_attributes(answer.json()))

    def _require_fresh(self, header: ProvedHeader, settings: Entry | None) -> None:
        if not isinstance(settings, NetworkSettings):
            raise ProofError(ProofFault.WRONG_ENTRY, "the ledger has no settings")
        age_ms = time.time_ns() // 1_000_000 - header.close_time_ms
        if not -AHEAD_MS <= age_ms <= HEARTBEATS * settings.heartbeat_ms:
            text = f"ledger {header.sequence} is {age_ms} ms old by this service's clock"
            raise ProofError(ProofFault.WRONG_LEDGER, text)

    async def _require_newest(self, header: ProvedHeader) -> None:
        """Not below what any instance was shown: an older state could be before a revocation."""
        rows = await self._store.execute(RAISE, (header.sequence, header.sequence))
        ((highest, is_newest),) = rows
        if not is_newest:
            text = f"ledger {header.sequence} is behind {highest}, which was seen before"
            raise ProofError(ProofFault.WRONG_LEDGER, text)
