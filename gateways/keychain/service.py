"""What a KeyChain is made of. Handlers reach everything through it."""

import asyncio
from collections.abc import Sequence
from pathlib import Path

from nacl.signing import SigningKey

from gateways.client.proofs import get_genesis_anchor
from gateways.http.metrics import Metrics
from gateways.http.problems import Problem
from gateways.http.routes import Route
from gateways.http.service import GatewayService, Health
from gateways.keychain.apart import NotKnown, find_shared
from gateways.keychain.evidence import LedgerEvidence
from gateways.keychain.problems import NOT_APART
from gateways.keychain.settings import KeyChainSettings
from gateways.sealing.keks import KekError, Unopenable
from gateways.sealing.settings import open_keks
from schemas.strkey import decode_account_id, decode_seed
from streams.ledger.genesis import decode_genesis

CHECK_SECONDS, PRUNE_SECONDS = 30.0, 300.0
KEY_CHECK = "check"
INSERT_CHECK = "insert into keychain.checks values ('kek', %s) on conflict do nothing"
READ_CHECK = "select content from keychain.checks where name = 'kek'"
PRUNE = "delete from keychain.approvals where expires_at < now()"
STALE_KEYS = "select key_id, wrapped from keychain.keys"
REWRAP = "update keychain.keys set wrapped = %s where key_id = %s and wrapped = %s"


class KeyChain(GatewayService):
    """Made once per process. Nothing is contacted before `start`."""

    title = "KeyChain"
    description = (
        "Keeps the private keys that KYC data is encrypted to, one for each version of a document, "
        "and gives them to their owner, or to whom the ledger's rules let open them."
    )
    signers = "by a signer of the owner's account, or one whose rules name `keychain:CLASS`"

    def __init__(self, settings: KeyChainSettings, routes: Sequence[Route]) -> None:
        super().__init__(settings, routes, settings.limits.get_rate_classes(), Metrics())
        self.settings = settings
        genesis = Path(settings.genesis_file).read_bytes()
        self.operator = decode_account_id(decode_genesis(genesis).master.account)
        self.keks = open_keks(settings.kek)
        reader = SigningKey(decode_seed(settings.reader_seed.reveal()))
        first = get_genesis_anchor(genesis)
        self.evidence = LedgerEvidence(self.store, settings.horizon, reader, first)
        self.problem: str | None = "whether it is apart from API is not checked yet"
        self.background.add("check", self.check, CHECK_SECONDS)
        self.background.add("prune-approvals", self.prune, PRUNE_SECONDS)

    async def stop(self) -> None:
        await super().stop()
        await self.evidence.stop()

    def get_ready(self) -> Health:
        """Not before it is known to be apart from API, with its own keys."""
        health = super().get_ready()
        if self.problem is None:
            return health
        return Health("not ready", self.problem, health.failing_tasks)

    def get_health(self) -> Health:
        health = super().get_health()
        if self.problem is None or health.problem is not None:
            return health
        return Health("red", self.problem, health.failing_tasks)

    async def check(self) -> None:
        """Whether the database and the node are its own, and the keys those of the database. Until
        then, and when they are not, it gives nothing. Raises Problem, KekError, NotKnown."""
        try:
            self.problem = await asyncio.to_thread(find_shared, self.settings)
            if self.problem is None:
                await self._check_keys()
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

    async def _check_keys(self) -> None:
        self.keks.refresh()
        await self.store.execute(INSERT_CHECK, (self.keks.wrap(b"tokend", KEY_CHECK),))
        ((content,),) = await self.store.execute(READ_CHECK)
        try:
            self.keks.unwrap(content, KEY_CHECK)
        except Unopenable:
            text = "the key-encryption keys are not those of this database: put its own back"
            raise KekError(text) from None
        await self._rewrap()

    def require_apart(self) -> None:
        """Before anything is given. Raises Problem."""
        if self.problem is not None:
            raise Problem(NOT_APART, self.problem)

    async def _rewrap(self) -> None:
        """By the newest key-encryption key, so that older ones can be destroyed."""
        for key_id, wrapped in await self.store.execute(STALE_KEYS):
            renewed = self.keks.rewrap(wrapped, name_key(key_id))
            if renewed is not None:
                await self.store.execute(REWRAP, (renewed, key_id, wrapped))

    async def prune(self) -> None:
        """Deletes what is over. Raises Problem."""
        await self.store.execute(PRUNE)


def name_key(key_id: bytes) -> str:
    """What a private key is wrapped for."""
    return f"keys/{key_id.hex()}"
