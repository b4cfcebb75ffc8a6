"""What API knows of the ledger, by the client library from a Horizon gateway, as any member would.

Requests are signed by the registrar's key, a signer of the master account. Signers of an account
are asked anew every time, so that one who was removed is nobody from the next ledger on; roles and
rules are kept for `RULES_SECONDS`.
"""

import asyncio
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

import httpx2
from nacl.signing import SigningKey

from gateways.api.problems import LEDGER_UNAVAILABLE
from gateways.api.settings import HorizonSettings
from gateways.client.asynchronous.horizon import AsyncHorizonClient
from gateways.client.errors import HorizonUnavailable, ProblemError
from gateways.client.request_signing import RequestSigner
from gateways.http.problems import Problem
from schemas.generated.common import AccessRule
from schemas.readable import Scales, read_value
from schemas.strkey import encode_account_id
from streams.ledger.access.requirements import Requirement
from streams.ledger.access.rules import RoleRules

Result = TypeVar("Result")
RULES_SECONDS = 5.0
ANSWER_SECONDS = 35.0
NEVER = (1 << 64) - 1


@dataclass(frozen=True, slots=True)
class LedgerAccount:
    """`signers`: roles by key, G..."""

    role_id: int
    signers: Mapping[str, int]


class LedgerReader:
    """Asks the gateways of the settings in their order. `start` opens them."""

    def __init__(self, horizons: Sequence[HorizonSettings], key: SigningKey) -> None:
        self._horizons = tuple(horizons)
        self._key = key
        self._clients: list[AsyncHorizonClient] = []
        self._roles: dict[tuple[str, int], tuple[float, RoleRules]] = {}

    async def start(self) -> None:
        for each in self._horizons:
            auth = RequestSigner(self._key, public_url=each.public_url)
            http = httpx2.AsyncClient(timeout=ANSWER_SECONDS, trust_env=False, auth=auth)
            self._clients.append(AsyncHorizonClient(each.url, http=http))

    async def stop(self) -> None:
        for client in self._clients:
            await client.__aexit__()

    async def ask(self, question: Callable[[AsyncHorizonClient], Awaitable[Result]]) -> Result:
        """By the first gateway that answers. Raises Problem if none does, ProblemError if one
        refuses.
        """
        for client in self._clients:
            try:
                return await question(client)
            except HorizonUnavailable:
                continue
        raise Problem(LEDGER_UNAVAILABLE, "no Horizon gateway answers")

    async def get_account(self, account: str) -> LedgerAccount | None:
        """None if no ledger has it. Raises Problem."""
        document = await self._find(lambda client: client.get_account(account, "signers"))
        if document is None:
            return None
        signers = {
            each["relationships"]["public_key"]["data"]["id"]: int(each["attributes"]["role_id"])
            for each in document.get("included", ())
        }
        return LedgerAccount(int(document["data"]["attributes"]["role_id"]), signers)

    async def is_signer(self, account: str, key: bytes) -> bool:
        """Whether `key` signs for `account`. Raises Problem."""
        found = await self.get_account(account)
        return found is not None and encode_account_id(key) in found.signers

    async def may(self, account: str, key: bytes, requirement: Requirement) -> bool:
        """Whether `key` signs for `account`, with roles of both that allow it. Raises Problem."""
        found = await self.get_account(account)
        role_id = None if found is None else found.signers.get(encode_account_id(key))
        if found is None or role_id is None:
            return False
        now_ms = time.time_ns() // 1_000_000
        of_account = await self._get_role("account", found.role_id)
        of_signer = await self._get_role("signer", role_id)
        return of_account.is_allowed(requirement, now_ms) and of_signer.is_allowed(
            requirement, now_ms
        )

    async def get_key_value(self, key: str) -> int | None:
        """A number of the network's configuration. Raises Problem."""
        document = await self._find(lambda client: client.get(f"/v3/key-values/{key}"))
        return None if document is None else int(document["data"]["attributes"]["value"])

    async def _find(
        self, question: Callable[[AsyncHorizonClient], Awaitable[dict[str, Any]]]
    ) -> dict[str, Any] | None:
        try:
            return await self.ask(question)
        except ProblemError as error:
            if error.kind == "not-found":
                return None
            raise Problem(LEDGER_UNAVAILABLE, f"Horizon refuses: {error.kind}") from error

    async def _get_role(self, layer: str, role_id: int) -> RoleRules:
        known = self._roles.get((layer, role_id))
        if known is not None and time.monotonic() - known[0] < RULES_SECONDS:
            return known[1]
        rules = await self._read_role(layer, role_id)
        self._roles[layer, role_id] = (time.monotonic(), rules)
        return rules

    async def _read_role(self, layer: str, role_id: int) -> RoleRules:
        """As `streams.ledger.access.rules` gathers it. A role that is gone allows nothing."""
        document = await self._find(lambda client: client.get(f"/v3/{layer}-roles/{role_id}"))
        role = {} if document is None else _get_entry(document["data"])
        ids = list(role.get("rule_ids", ()))
        if layer == "signer":
            default = await self._find(lambda client: client.get("/v3/default-signer-rules"))
            for each in map(_get_entry, () if default is None else default["data"]):
                if str(role_id) not in each["exempt_role_ids"]:
                    ids += each["rule_ids"]
        rules = await asyncio.gather(*(self._read_rule(layer, each) for each in ids))
        made = RoleRules(None, (rule for rule in rules if rule is not None))
        end = role.get("ends_at_ms")
        made.ends_at_ms = NEVER if end is None else int(end)
        return made

    async def _read_rule(self, layer: str, rule_id: str) -> AccessRule | None:
        document = await self._find(lambda client: client.get(f"/v3/{layer}-rules/{rule_id}"))
        if document is None:
            return None
        rule: AccessRule = read_value(AccessRule, _get_entry(document["data"])["rule"], Scales())
        return rule


def _get_entry(resource: dict[str, Any]) -> dict[str, Any]:
    entry: dict[str, Any] = resource["attributes"]["entry"]
    return entry
