"""Nonces of signed requests: each is accepted once, by whichever process of the gateway.

PostgreSQL decides by a primary key. Claims of concurrent requests share one statement, so that many
signed reads cost one commit.
"""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field

from gateways.http.signatures import LIFETIME_SECONDS, SKEW_SECONDS
from gateways.http.store import Store
from schemas.generated.common import PublicKey

# Longer than any gateway would accept the signature, also where clocks differ.
KEEP_SECONDS = 3 * (LIFETIME_SECONDS + SKEW_SECONDS)
PRUNE_SECONDS = 60.0

# Sorted, or two processes that claim the same nonces in different orders would lock each other.
CLAIM = (
    "insert into gateway.nonces (signer, nonce)"
    " select * from unnest(%s::bytea[], %s::text[]) as claimed (signer, nonce)"
    " order by signer, nonce on conflict do nothing returning signer, nonce"
)
PRUNE = "delete from gateway.nonces where seen_at < now() - make_interval(secs => %s)"


@dataclass(slots=True)
class _Claim:
    signer: bytes
    nonce: str
    future: asyncio.Future[bool] = field(
        default_factory=lambda: asyncio.get_running_loop().create_future()
    )


class Nonces:
    """Remembers nonces in `store`. `prune` runs in the background. `conceal` names a signer where
    the database must not hold its key.
    """

    def __init__(
        self, store: Store, conceal: Callable[[PublicKey], bytes] = lambda signer: signer
    ) -> None:
        self._store = store
        self._conceal = conceal
        self._waiting: list[_Claim] = []
        self._claiming: asyncio.Task[None] | None = None

    async def claim(self, signer: PublicKey, nonce: str) -> bool:
        """Whether this is its first use; durable once returned. Raises Problem."""
        claim = _Claim(self._conceal(signer), nonce)
        self._waiting.append(claim)
        if self._claiming is None:
            self._claiming = asyncio.create_task(self._run())
        return await claim.future

    async def _run(self) -> None:
        """The first turn lets all requests of this tick join; later ones join the next claim."""
        await asyncio.sleep(0)
        while self._waiting:
            claims, self._waiting = self._waiting, []
            try:
                new = await self._insert({(each.signer, each.nonce) for each in claims})
            except Exception as error:
                for each in claims:
                    if not each.future.done():
                        each.future.set_exception(error)
                continue
            for each in claims:
                is_new = (each.signer, each.nonce) in new
                new.discard((each.signer, each.nonce))  # the second of two at once is a replay
                if not each.future.done():
                    each.future.set_result(is_new)
        self._claiming = None

    async def _insert(self, pairs: set[tuple[bytes, str]]) -> set[tuple[bytes, str]]:
        signers, nonces = zip(*pairs, strict=True)
        rows = await self._store.execute(CLAIM, (list(signers), list(nonces)))
        return {(signer, nonce) for signer, nonce in rows}

    async def prune(self) -> None:
        """Forgets nonces whose signatures have expired. Raises Problem."""
        await self._store.execute(PRUNE, (KEEP_SECONDS,))
