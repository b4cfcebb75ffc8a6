"""The ledger of the world: who holds which keys, what may move, and a person who holds much."""

import json
from collections.abc import Sequence
from hashlib import sha256
from typing import Any

from processors.psim.chains.ethereum_transfers import make_derivation
from processors.psim.chains.forwarders import Forwarders, encode_derivation
from processors.psim.chains.signers import (
    make_ethereum_key,
    make_extended_key,
)
from processors.psim.transfers.ledger import CEILING, TARGET
from schemas.generated.common import (
    U64,
    Amount,
    SignerData,
    TransferCaps,
    TransferPurpose,
    WalletKind,
)
from schemas.generated.common import (
    Cosigner as CosignerEntry,
)
from schemas.generated.operations import (
    CreateAccount,
    ManageKeyset,
    ManageKeyValue,
    ManageTransferPolicy,
    PutKeyValue,
    PutTransferPolicy,
    U32Value,
    U128Value,
)
from streams.ledger.values import MASTER_ROLE, OWNER_SIGNER_ROLE
from tests.support.network import (
    Network,
    create_account,
    create_asset,
    get_account,
    get_owner,
    get_public_key,
    make_issuer_role,
)
from tests.support.requests import govern

BITCOIN = "bip122:683e86bd5c6d110d91b94b97137ba6bf"
ETHEREUM = "eip155:31337"
SOURCE, PERSON = "custody", "alice"
NAMES = ("psim1", "psim2", "psim3")
OFFLINE = ("recovery", "cold1", "cold2", "cold3")
HOT, COLD = "0x" + "aa" * 20, "0x" + "cc" * 20
MULTI_SEND, FACTORY, TOKEN = "0x" + "dd" * 20, "0x" + "ee" * 20, "0x" + "bb" * 20
ASSETS = {"BTC": (BITCOIN, ""), "ETH": (ETHEREUM, ""), "USD": (ETHEREUM, TOKEN)}
FUNDS = {"BTC": 10**9, "ETH": 10**20, "USD": 10**12}
CAP = {"BTC": 10**8, "ETH": 10**19, "USD": 10**11}
TASKS = 64 | 128 | 256


def checksum(address: str) -> str:
    from eth_utils import to_checksum_address

    return str(to_checksum_address(address))


def get_seed(name: str) -> bytes:
    return sha256(f"wallet of {name}".encode()).digest()


def make_keysets() -> list[ManageKeyset]:
    made = []
    for wallet in (WalletKind.HOT, WalletKind.COLD, WalletKind.DEPOSIT):
        names = OFFLINE[1:] if wallet is WalletKind.COLD else (*NAMES, OFFLINE[0])
        for chain in (BITCOIN, ETHEREUM):
            cosigners = []
            for slot, name in enumerate(names):
                seed = get_seed(name)
                key: Any = make_extended_key(seed, wallet)
                if chain == ETHEREUM:
                    key = make_ethereum_key(seed)
                is_offline = name in OFFLINE
                cosigners.append(
                    CosignerEntry(get_account(f"{name} cosigner"), key, slot, is_offline)
                )
            account, derivation = "", ""
            if chain == ETHEREUM and wallet is WalletKind.DEPOSIT:
                forwarders = Forwarders(checksum(FACTORY), checksum(HOT), checksum(COLD))
                derivation = encode_derivation(forwarders)
            elif chain == ETHEREUM:
                account = checksum(HOT if wallet is WalletKind.HOT else COLD)
                derivation = make_derivation(account, MULTI_SEND)
            made.append(
                ManageKeyset(chain, wallet, 2, tuple(cosigners), derivation, account, U64(0), ())
            )
    return made


def make_ledger(
    network: Network | None = None,
    keysets: Sequence[ManageKeyset] = (),
    token: str = TOKEN,
    people: Sequence[str] = (PERSON,),
    minimum: int = 1,
) -> Network:
    """The shared account with its assets, wallets and policies, and people. `keysets`: other ones
    than those of the small chains; `minimum`: the least deposit."""
    network = network or Network()
    signers = tuple(
        SignerData(get_public_key(name), OWNER_SIGNER_ROLE, 500, number, b"")
        for number, name in enumerate(NAMES, 1)
    )
    network.apply("master", *make_issuer_role(), *map(create_account, people))
    network.apply(
        "master",
        CreateAccount(get_account(SOURCE), None, MASTER_ROLE, (get_owner(SOURCE, 1000), *signers)),
        *(create_account(f"{name} cosigner") for name in (*NAMES, *OFFLINE)),
    )
    for code, (chain, is_token) in ASSETS.items():
        stated = {"chain": chain, "minimum": str(minimum)}
        details = {"deposit": {**stated, "token": is_token and checksum(token)}}
        made = create_asset(code, maximum=2**127, digits=0, policies=9)
        action = type(made.action)(
            **{
                **{name: getattr(made.action, name) for name in made.action.__struct_fields__},
                "creator_details": json.dumps(details).encode(),
            }
        )
        network.apply(SOURCE, type(made)(0, action))
        caps = TransferCaps(Amount(CAP[code]), Amount(10**30), Amount(10**32))
        network.apply(
            "master",
            ManageKeyValue(f"withdrawal_tasks:{code}", PutKeyValue(U32Value(TASKS))),
            ManageKeyValue(TARGET + code, PutKeyValue(U128Value(Amount(FUNDS[code] // 2)))),
            ManageKeyValue(CEILING + code, PutKeyValue(U128Value(Amount(FUNDS[code])))),
            *(
                ManageTransferPolicy(chain, code, purpose, PutTransferPolicy(caps, None))
                for purpose in TransferPurpose
                if purpose is not TransferPurpose.CANCEL
            ),
        )
    network.apply("master", *(govern(each) for each in keysets or make_keysets()))
    return network
