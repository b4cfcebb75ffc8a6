"""What a KeyChain is made of. Handlers reach everything through it."""

import asyncio
from collections.abc import Sequence
from pathlib import Path

from nacl.signing import SigningKey

from gateways.client.proofs import get_genesis_anchor
from gateways.http.metrics import Metrics
from gateways.http.problems import Problem
from gateways.http.routes import Route
from gateways.keychain.apart import NotKnown, find_shared
from gateways.keychain.evidence import LedgerEvidence
from gateways.keychain.problems import NOT_APART
from gateways.keychain.settings import KeyChainSettings
from gateways.sealing.keks import KekError
from gateways.sealing.rewrapping import Column
from gateways.sealing.service import SealedService
from schemas.strkey import decode_account_id, decode_seed
from streams.ledger.genesis import decode_genesis

CHECK_SECONDS, PRUNE_SECONDS = 30.0, 300.0
PRUNE = "delete from keychain.approvals where expires_at < now()"
WRAPPED = (Column("keys", "key_id", "wrapped", "'keys/' || encode(key_id, 'hex')"),)


class KeyChain(SealedService):
    """Made once per process. Nothing is contacted before `start`."""

    title = "KeyChain"
    description = (
        "Keeps the private keys that KYC data is encrypted to, one for each version of a document, "
        "and gives them to their owner, or to whom the ledger's rules let open them."
    )
    schema, key_table = "keychain", "checks"
    wrapped = WRAPPED
    problem: str | None = "whether it is apart from API is not checked yet"
    signers = "by a signer of the owner's account, or one whose rules name `keychain:CLASS`"

    def __init__(self, settings: KeyChainSettings, routes: Sequence[Route]) -> None:
        rate_classes = settings.limits.get_rate_classes()
        super().__init__(settings, settings.kek, routes, rate_classes, Metrics())
        self.settings = settings
        genesis = Path(settings.genesis_file).read_bytes()
        self.operator = decode_account_id(decode_genesis(genesis).master.account)
        reader = SigningKey(decode_seed(settings.reader_seed.reveal()))
        first = get_genesis_anchor(genesis)
        self.evidence = LedgerEvidence(self.store, settings.horizon, reader, first)
        self.background.add("check", self.check, CHECK_SECONDS)
        self.background.add("prune-approvals", self.prune, PRUNE_SECONDS)

    async def stop(self) -> None:
        await super().stop()
        await self.evidence.stop()

    async def check(self) -> None:
        """Whether the database and the node are its own, and the keys those of the database. Until
        then, and when they are not, it gives nothing. Raises Problem, KekError, NotKnown."""
        try:
            shared = await asyncio.to_thread(find_shared, self.settings)
            if shared is None:
                await self.require_own_keys()
                await self.rewrap()
            self.problem = shared
        except KekError as error:
            self.problem = str(error)
            raise
        except NotKnown as error:
            if self.problem is not None:  # what was found apart stays so while nobody answers
                self.problem = str(error)
                raise
        except Problem as problem:
            if self.problem is not None:
                self.problem = problem.detail
            raise

    def require_apart(self) -> None:
        """Before anything is given. Raises Problem."""
        if self.problem is not None:
            raise Problem(NOT_APART, self.problem)

    async def prune(self) -> None:
        """Deletes what is over. Raises Problem."""
        await self.store.execute(PRUNE)


def name_key(key_id: bytes) -> str:
    """What a private key is wrapped for."""
    return f"keys/{key_id.hex()}"
