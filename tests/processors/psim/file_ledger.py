"""An asset that leaves by a bank or gateway: instances sign for it, a person has some, and API
knows who is to be paid."""

import json
from collections.abc import Collection, Mapping
from typing import Any

from nacl.signing import SigningKey

from schemas.generated.common import (
    U64,
    Amount,
    Hash,
    LedgerKeyOfCosigner,
    PayoutDetails,
    PublicKey,
    TransferCaps,
    TransferPurpose,
    WalletKind,
)
from schemas.generated.common import Cosigner as CosignerEntry
from schemas.generated.operations import (
    CreateIssuanceRequest,
    IssuanceToAccount,
    ManageKeyset,
    ManageKeyValue,
    ManageTransferPolicy,
    PutKeyValue,
    PutTransferPolicy,
    U32Value,
)
from tests.processors.psim.money.ledger import NAMES, OFFLINE, PERSON, SOURCE, TASKS, get_seed
from tests.processors.psim.world import create_own_asset
from tests.support.network import Network, get_account, make_reference
from tests.support.requests import govern

FUNDS = 10**9
PAYEE = PayoutDetails(Hash(b"\x07" * 32), "DE75512108001245126199", "", "Alice Müller")


class KnownPayees:
    """A `Payees`: what API would say."""

    def __init__(self, known: Mapping[Hash, PayoutDetails]) -> None:
        self._known = known
        self.problem = ""

    async def ask(self, wanted: Collection[tuple[Hash, int]]) -> None:
        missing = [number for each, number in wanted if self.get(each) is None]
        self.problem = f"requests {missing} have no payee" if missing else ""

    def get(self, account_hash: Hash) -> PayoutDetails | None:
        return self._known.get(account_hash)


def add_file_asset(network: Network, chain: str, asset: str, details: Any) -> None:
    """`details`: of the asset, JSON."""
    made: Any = create_own_asset(asset, json.dumps(details).encode())
    names = {name: getattr(made.action, name) for name in made.action.__struct_fields__}
    network.apply(SOURCE, type(made)(0, type(made.action)(**{**names, "policies": 9})))
    cosigners = tuple(
        CosignerEntry(
            get_account(f"{name} cosigner"),
            LedgerKeyOfCosigner(PublicKey(bytes(SigningKey(get_seed(name)).verify_key))),
            slot,
            is_offline=name in OFFLINE,
        )
        for slot, name in enumerate((*NAMES, OFFLINE[0]))
    )
    caps = PutTransferPolicy(TransferCaps(*(Amount(10**12),) * 3), None)
    network.apply(
        "master",
        ManageKeyValue(f"withdrawal_tasks:{asset}", PutKeyValue(U32Value(TASKS))),
        ManageTransferPolicy(chain, asset, TransferPurpose.WITHDRAW, caps),
        govern(ManageKeyset(chain, WalletKind.HOT, 2, cosigners, "", "", U64(0), ())),
    )
    to = IssuanceToAccount(get_account(PERSON))
    reference = make_reference(network, f"funds {asset}")
    network.apply(SOURCE, CreateIssuanceRequest(asset, Amount(FUNDS), to, b"", reference, None))
