"""The real nodes of both test chains as worlds of the simulators use them: the ledger of a world is
in memory, its chains are not. Everything runs in the simulators' one loop."""

import secrets
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import wallycore as wally
from eth_abi import decode
from eth_account import Account

from infra.chains import bitcoin, ethereum
from infra.chains.bitcoin import BitcoinTestChain
from infra.chains.ethereum import EthereumTestChain
from infra.chains.nodes import BITCOIN, ETHEREUM, RPC_USER
from infra.chains.purses import get_seed
from infra.chains.wallets import Holder, make_bitcoin_keysets, make_ethereum_keysets
from infra.local.launch import RunningDeployment
from processors.psim.chains.calls import encode_call
from processors.psim.chains.rpc import JsonRpc
from processors.psim.chains.settings import ChainSettings, make_source
from processors.psim.chains.source import ChainSource
from schemas.generated.common import EthereumKey, WalletKind
from schemas.generated.operations import ManageKeyset
from schemas.settings import Secret
from tests.processors.psim.world import now
from tests.support.network import get_account

CONFIRMATIONS = 3
CHAIN_IDS = (bitcoin.CHAIN_ID, ethereum.CHAIN_ID)
ONLINE, OFFLINE = ("psim1", "psim2", "psim3"), ("recovery", "cold1", "cold2", "cold3")


class RecordingRpc(JsonRpc):
    """An endpoint, and the transactions of Bitcoin that were sent by it."""

    def __init__(self, settings: ChainSettings, sent: list[bytes]) -> None:
        password = None if settings.password is None else settings.password.reveal()
        super().__init__(settings.url.reveal(), settings.user, password)
        self._sent = sent

    async def call(self, method: str, *params: Any, answer: Any, is_large: bool = False) -> Any:
        if method == "sendrawtransaction":
            self._sent.append(bytes.fromhex(params[0]))
        return await super().call(method, *params, answer=answer, is_large=is_large)


class RealChains:
    """Both, with wallets of a world's own: their keys and contracts are made anew."""

    def __init__(self, running: RunningDeployment) -> None:
        place = running.place
        password = place.get_secret(f"{BITCOIN}.rpc")
        self._gas = {name: secrets.token_bytes(32) for name in ONLINE}
        self._urls = {each: place.get_url(each) for each in (BITCOIN, ETHEREUM)}
        self._password = password
        self.coin_rpc = JsonRpc(self._urls[BITCOIN], RPC_USER, password)
        self.safe_rpc = JsonRpc(self._urls[ETHEREUM])
        self.bitcoin = BitcoinTestChain(self.coin_rpc, get_seed(place))
        self.ethereum = EthereumTestChain(self.safe_rpc)
        self.seeds = {name: secrets.token_bytes(32) for name in (*ONLINE, *OFFLINE)}
        self.sent: list[bytes] = []
        self.rpcs = {name: self._open(name) for name in ONLINE}
        self.token = ""

    def get_settings(self, name: str) -> tuple[ChainSettings, ...]:
        """As an instance has them."""
        return (
            ChainSettings(
                id=bitcoin.CHAIN_ID,
                url=Secret(self._urls[BITCOIN]),
                user=RPC_USER,
                password=Secret(self._password),
                confirmations=CONFIRMATIONS,
            ),
            ChainSettings(
                id=ethereum.CHAIN_ID,
                url=Secret(self._urls[ETHEREUM]),
                deployer_key=Secret(self._gas[name].hex()),
            ),
        )

    def _open(self, name: str) -> Mapping[str, JsonRpc]:
        return {each.id: RecordingRpc(each, self.sent) for each in self.get_settings(name)}

    def make_sources(self, name: str) -> Mapping[str, ChainSource]:
        return {
            each.id: make_source(each, self.rpcs[name][each.id]) for each in self.get_settings(name)
        }

    def make_keysets(self, token: str = "") -> Sequence[ManageKeyset]:
        """Of all wallets; deploys what they need, and a token where there is none."""
        keysets = now(make_bitcoin_keysets(self.bitcoin, self._find_holders))
        self.token = token or now(self.ethereum.deploy_token("Dollars of a test", "TUSD", 6))
        keys = list(self._gas.values())
        return [*keysets, *now(make_ethereum_keysets(self.ethereum, self._find_holders, keys))]

    def _find_holders(self, wallet: WalletKind) -> list[Holder]:
        names = OFFLINE[1:] if wallet is WalletKind.COLD else (*ONLINE, OFFLINE[0])
        return [
            Holder(get_account(f"{name} cosigner"), self.seeds[name], is_offline=name in OFFLINE)
            for name in names
        ]

    def get_relayers(self) -> list[str]:
        """Addresses of the keys that pay gas."""
        return [str(Account.from_key(each).address) for each in self._gas.values()]

    def swap_owner(self, safe: str, before: EthereumKey, after: EthereumKey) -> None:
        """Of a Safe, by itself: as its owners do, but without a nonce."""
        owners = self._get_owners(safe)
        old, new = ("0x" + each.address.hex() for each in (before, after))
        at = [each.lower() for each in owners].index(old)
        previous = owners[at - 1] if at else "0x" + "1".rjust(40, "0")
        data = encode_call("swapOwner(address,address,address)", previous, owners[at], new)
        now(self.safe_rpc.call("anvil_impersonateAccount", safe, answer=Any))
        request = {"from": safe, "to": safe, "data": "0x" + data.hex(), "gasPrice": "0x0"}
        now(self.safe_rpc.call("anvil_setNextBlockBaseFeePerGas", "0x0", answer=Any))
        now(self.safe_rpc.call("eth_sendTransaction", request, answer=str))
        now(self.safe_rpc.call("anvil_stopImpersonatingAccount", safe, answer=Any))
        now(self.ethereum.mine())
        assert new in [each.lower() for each in self._get_owners(safe)]

    def _get_owners(self, safe: str) -> list[str]:
        call = {"to": safe, "data": "0x" + encode_call("getOwners()").hex()}
        answer = now(self.safe_rpc.call("eth_call", call, "latest", answer=str))
        (owners,) = decode(["address[]"], bytes.fromhex(answer[2:]))
        return list(owners)

    def find_sent_coins(self) -> Iterator[tuple[bytes, list[tuple[bytes, int]]]]:
        """Of each transaction that an instance ever sent: its id, and the coins that it spends."""
        for raw in self.sent:
            made = wally.tx_from_bytes(raw, wally.WALLY_TX_FLAG_USE_WITNESS)
            coins = [
                (
                    bytes(wally.tx_get_input_txhash(made, index)),
                    wally.tx_get_input_index(made, index),
                )
                for index in range(wally.tx_get_num_inputs(made))
            ]
            yield bytes(wally.tx_get_txid(made)), coins

    def mine(self, count: int = 1) -> None:
        now(self.bitcoin.mine(count))
        now(self.ethereum.mine(count))

    def close(self) -> None:
        for rpc in (
            self.coin_rpc,
            self.safe_rpc,
            *(e for each in self.rpcs.values() for e in each.values()),
        ):
            now(rpc.close())
