"""btcd as a test chain: blocks on demand, coins for everybody, reorganisations.

The purse is one key, whose address every block pays. Its transactions can be replaced (BIP-125), so
that a reorganisation can take back what it paid.
"""

from collections.abc import Sequence
from hashlib import sha256

import msgspec
import wallycore as wally

from infra.chains.nodes import BITCOIN_CHAIN_ID
from processors.psim.chains.bitcoin_addresses import Network, encode_hash
from processors.psim.chains.rpc import JsonRpc, RpcRefusal

CHAIN_ID = BITCOIN_CHAIN_ID
HEIGHT_MIN = 450
"""Segwit holds on simnet from height 300 on, and coins of miners ripen for 100 blocks more."""
MATURITY = 100 + 20
"""Confirmations of a miner's coin that the purse spends: so that it still may after a
reorganisation."""
REPLACEABLE = 0xFFFFFFFD
PAGE = 1_000
FEE, FEE_OF_OUTPUT = 400, 100  # satoshis: above the least that is relayed, of any size we make
NO_TRANSACTIONS = -5
FEE_OF_DESCENDANTS = 20_000
"""What replaces a transaction pays for those that spend what that one pays, too."""


class _Seen(msgspec.Struct):
    """A transaction of the purse, as `searchrawtransactions` tells of it."""

    hex: str
    confirmations: int = 0


class Coin(msgspec.Struct, frozen=True):
    transaction_id: bytes
    output_index: int
    satoshis: int


def compute_address(seed: bytes, chain_id: str = CHAIN_ID) -> str:
    """Where blocks of the test chain pay to."""
    return Network(chain_id).encode_address(_compute_script(_compute_key(seed)))


class BitcoinTestChain:
    """`seed`: of the purse, 32 bytes."""

    def __init__(self, rpc: JsonRpc, seed: bytes, chain_id: str = CHAIN_ID) -> None:
        self.rpc = rpc
        self._network = Network(chain_id)
        self._key = _compute_key(seed)
        self._script = _compute_script(self._key)
        self._address = compute_address(seed, chain_id)

    async def mine(self, count: int = 1) -> list[str]:
        """The new blocks' ids, as people read them."""
        return await self.rpc.call("generate", count, answer=list[str])

    async def get_height(self) -> int:
        return await self.rpc.call("getblockcount", answer=int)

    async def begin(self) -> None:
        """Mines until coins can be paid."""
        height = await self.get_height()
        if height < HEIGHT_MIN:
            await self.mine(HEIGHT_MIN - height)

    async def pay(self, payments: Sequence[tuple[str, int]]) -> str:
        """Pays (address, satoshis) from the purse; the transaction's id. It is not mined yet.
        Raises `ValueError` where the purse or an address does not do."""
        return await self.pay_to_scripts(
            [(self._network.decode_address(each), amount) for each, amount in payments]
        )

    async def pay_to_scripts(self, outputs: Sequence[tuple[bytes, int]]) -> str:
        """The same to (output script, satoshis), whatever a script means."""
        fee = FEE + FEE_OF_OUTPUT * len(outputs)
        needed = sum(amount for _, amount in outputs) + fee
        chosen, total = [], 0
        for coin in await self._find_coins():
            chosen.append(coin)
            total += coin.satoshis
            fee += FEE_OF_OUTPUT
            if total >= needed + FEE_OF_OUTPUT * len(chosen):
                break
        else:
            raise ValueError(f"the purse has {total} satoshis: mine some blocks first")
        change = total - sum(amount for _, amount in outputs) - fee
        return await self._send(chosen, [*outputs, (self._script, change)])

    async def get_received(self, address: str) -> int:
        """Satoshis that blocks paid to an address, spent or not."""
        script, total = self._network.decode_address(address), 0
        for seen in await self._find_transactions(address):
            found = wally.tx_from_hex(seen.hex, wally.WALLY_TX_FLAG_USE_WITNESS)
            for index in range(wally.tx_get_num_outputs(found) if seen.confirmations else 0):
                if bytes(wally.tx_get_output_script(found, index)) == script:
                    total += wally.tx_get_output_satoshi(found, index)
        return total

    async def reorganise(self, depth: int, *, is_dropping: bool) -> list[str]:
        """Replaces the newest blocks by one more than there were; the new ones' ids. Dropping,
        what the purse paid in them never happens."""
        tip = await self.rpc.call("getblockcount", answer=int)
        first = await self.rpc.call("getblockhash", tip - depth + 1, answer=str)
        await self.rpc.call("invalidateblock", first, answer=None)
        if is_dropping:
            for transaction_id in await self.rpc.call("getrawmempool", answer=list[str]):
                await self.take_back(transaction_id)
        return await self.mine(depth + 1)

    async def take_back(self, transaction_id: str) -> None:
        """Pays the coins of a transaction that waits to the purse, for a higher fee."""
        await self._replace(transaction_id, [])

    async def bump(self, transaction_id: str, script: bytes) -> None:
        """The same payments to a script by a transaction with a higher fee; the rest is change."""
        await self._replace(transaction_id, [script])

    async def _replace(self, transaction_id: str, scripts: Sequence[bytes]) -> None:
        try:
            content = await self.rpc.call("getrawtransaction", transaction_id, answer=str)
        except RpcRefusal:
            return  # it went with another one
        paid = wally.tx_from_hex(content, wally.WALLY_TX_FLAG_USE_WITNESS)
        coins, total = [], 0
        for index in range(wally.tx_get_num_inputs(paid)):
            source = bytes(wally.tx_get_input_txhash(paid, index))
            number = wally.tx_get_input_index(paid, index)
            found = await self.rpc.call("getrawtransaction", encode_hash(source), answer=str)
            output = wally.tx_from_hex(found, wally.WALLY_TX_FLAG_USE_WITNESS)
            if bytes(wally.tx_get_output_script(output, number)) != self._script:
                return  # not the purse's to take back
            satoshis = wally.tx_get_output_satoshi(output, number)
            coins.append(Coin(source, number, satoshis))
            total += satoshis
        outputs = [
            (
                bytes(wally.tx_get_output_script(paid, index)),
                wally.tx_get_output_satoshi(paid, index),
            )
            for index in range(wally.tx_get_num_outputs(paid))
        ]
        kept = [each for each in outputs if each[0] in scripts]
        spent = total - wally.tx_get_total_output_satoshi(paid)
        change = total - sum(amount for _, amount in kept) - 3 * spent - FEE_OF_DESCENDANTS
        await self._send(coins, [*kept, (self._script, change)])

    async def _find_coins(self) -> list[Coin]:
        """What the purse can spend, the largest first."""
        coins: dict[tuple[bytes, int], Coin] = {}
        spent = set()
        for seen in await self._find_transactions(self._address):
            found = wally.tx_from_hex(seen.hex, wally.WALLY_TX_FLAG_USE_WITNESS)
            inputs = range(wally.tx_get_num_inputs(found))
            sources = [
                (bytes(wally.tx_get_input_txhash(found, i)), wally.tx_get_input_index(found, i))
                for i in inputs
            ]
            spent.update(sources)
            if wally.tx_is_coinbase(found) and seen.confirmations < MATURITY:
                continue
            name = bytes(wally.tx_get_txid(found))
            for index in range(wally.tx_get_num_outputs(found)):
                if bytes(wally.tx_get_output_script(found, index)) == self._script:
                    satoshis = wally.tx_get_output_satoshi(found, index)
                    coins[name, index] = Coin(name, index, satoshis)
        left = [coin for place, coin in coins.items() if place not in spent]
        return sorted(left, key=lambda each: -each.satoshis)

    async def _find_transactions(self, address: str) -> list[_Seen]:
        found: list[_Seen] = []
        while True:
            try:
                page = await self.rpc.call(
                    "searchrawtransactions", address, 1, len(found), PAGE, answer=list[_Seen]
                )
            except RpcRefusal as refusal:
                if refusal.code != NO_TRANSACTIONS:
                    raise
                page = []
            found += page
            if len(page) < PAGE:
                return found

    async def _send(self, coins: Sequence[Coin], outputs: Sequence[tuple[bytes, int]]) -> str:
        made = wally.tx_init(2, 0, len(coins), len(outputs))
        for coin in coins:
            wally.tx_add_raw_input(
                made, coin.transaction_id, coin.output_index, REPLACEABLE, None, None, 0
            )
        for script, amount in outputs:
            wally.tx_add_raw_output(made, amount, script, 0)
        public_key = wally.ec_public_key_from_private_key(self._key)
        code = wally.scriptpubkey_p2pkh_from_bytes(public_key, wally.WALLY_SCRIPT_HASH160)
        for index, coin in enumerate(coins):
            digest = wally.tx_get_btc_signature_hash(
                made,
                index,
                code,
                coin.satoshis,
                wally.WALLY_SIGHASH_ALL,
                wally.WALLY_TX_FLAG_USE_WITNESS,
            )
            flags = wally.EC_FLAG_ECDSA | wally.EC_FLAG_GRIND_R
            signature = wally.ec_sig_from_bytes(self._key, digest, flags)
            encoded = bytes(wally.ec_sig_to_der(signature)) + bytes([wally.WALLY_SIGHASH_ALL])
            witness = wally.tx_witness_stack_init(2)
            wally.tx_witness_stack_add(witness, encoded)
            wally.tx_witness_stack_add(witness, public_key)
            wally.tx_set_input_witness(made, index, witness)
        content = wally.tx_to_hex(made, wally.WALLY_TX_FLAG_USE_WITNESS)
        return await self.rpc.call("sendrawtransaction", content, answer=str)


def _compute_key(seed: bytes) -> bytes:
    return sha256(b"tokend-test-chain" + seed).digest()


def _compute_script(key: bytes) -> bytes:
    public_key = wally.ec_public_key_from_private_key(key)
    return bytes(wally.witness_program_from_bytes(public_key, wally.WALLY_SCRIPT_HASH160))
