"""The network's own wallets on the test chains: keys, contracts, addresses to be given out."""

from collections.abc import Callable, Sequence
from typing import NamedTuple

from eth_account import Account

from infra.chains import bitcoin, ethereum
from infra.chains.bitcoin import BitcoinTestChain
from infra.chains.ethereum import EthereumTestChain
from processors.psim.chains.ethereum_transfers import make_derivation
from processors.psim.chains.forwarders import Forwarders, compute_salt, encode_derivation
from processors.psim.chains.signers import make_ethereum_key, make_extended_key
from schemas.generated.common import U64, AccountID, Cosigner, EthereumKey, WalletKind
from schemas.generated.entries import Keyset, KeysetState
from schemas.generated.operations import ManageKeyset

FORWARDERS = 20
"""How many are deployed at the beginning; services deploy more."""
GAS_WEI = 10**19
FINAL = 3
THRESHOLD = 2


class Holder(NamedTuple):
    """Who holds a key to a wallet: an account of the ledger and the seed of its keys on chains."""

    account_id: AccountID
    seed: bytes
    is_offline: bool


Holders = Callable[[WalletKind], Sequence[Holder]]


async def make_bitcoin_keysets(chain: BitcoinTestChain, holders: Holders) -> list[ManageKeyset]:
    """They bind from about now on: the block before is final. The deposit wallet's comes last."""
    height = max(await chain.get_height() - FINAL, 1)
    made = []
    for wallet in (WalletKind.HOT, WalletKind.COLD, WalletKind.DEPOSIT):
        cosigners = [
            Cosigner(each.account_id, make_extended_key(each.seed, wallet), slot, each.is_offline)
            for slot, each in enumerate(holders(wallet))
        ]
        made.append(_make(bitcoin.CHAIN_ID, wallet, cosigners, "", "", height))
    return made


async def make_ethereum_keysets(
    chain: EthereumTestChain, holders: Holders, gas_keys: list[bytes]
) -> list[ManageKeyset]:
    """Deploys two Safes, a factory of forwarders to them, and the first forwarders. `gas_keys` get
    coins to deploy more with, and to send transfers. The deposit wallet's keyset comes last."""
    hot_cosigners, cold_cosigners = (
        [
            Cosigner(each.account_id, make_ethereum_key(each.seed), slot, each.is_offline)
            for slot, each in enumerate(holders(wallet))
        ]
        for wallet in (WalletKind.HOT, WalletKind.COLD)
    )
    owners = [_get_owners(each) for each in (hot_cosigners, cold_cosigners)]
    hot, cold = await chain.deploy_safes(owners, THRESHOLD)
    multi_send = await chain.deploy_multi_send()
    factory = await chain.deploy_factory(hot, cold)
    derivation = encode_derivation(Forwarders(factory, hot, cold))
    deposit = _make(ethereum.CHAIN_ID, WalletKind.DEPOSIT, hot_cosigners, derivation, "", 0)
    salts = [compute_salt(_make_entry(deposit), index) for index in range(FORWARDERS)]
    await chain.create_forwarders(factory, salts)
    for key in gas_keys:
        await chain.pay(str(Account.from_key(key).address), GAS_WEI)
    await chain.mine(FINAL)
    return [
        _make(ethereum.CHAIN_ID, wallet, cosigners, make_derivation(safe, multi_send), safe, 0)
        for wallet, cosigners, safe in (
            (WalletKind.HOT, hot_cosigners, hot),
            (WalletKind.COLD, cold_cosigners, cold),
        )
    ] + [deposit]


def _get_owners(cosigners: list[Cosigner]) -> list[str]:
    return ["0x" + e.key.address.hex() for e in cosigners if isinstance(e.key, EthereumKey)]


def _make_entry(made: ManageKeyset) -> Keyset:
    """As the ledger will have it."""
    return Keyset(
        made.chain_id,
        made.wallet,
        1,
        made.threshold,
        made.cosigners,
        made.derivation,
        made.account,
        made.binds_from,
        KeysetState.CURRENT,
    )


def _make(
    chain_id: str,
    wallet: WalletKind,
    cosigners: list[Cosigner],
    derivation: str,
    account: str,
    binds_from: int,
) -> ManageKeyset:
    return ManageKeyset(
        *(chain_id, wallet, THRESHOLD, tuple(cosigners), derivation, account, U64(binds_from), ())
    )
