"""A small Bitcoin: blocks, transactions that wait, reorganisations. It takes what real nodes take:
coins that are there, witnesses that are right, and of two that spend the same the one that pays
more."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from hashlib import sha256
from typing import NamedTuple

import wallycore as wally

from processors.psim.chains.bitcoin_transfers import Coin, Outpoint, Output
from processors.psim.chains.bitcoin_wallet import Place, Spend
from processors.psim.chains.source import Block, ChainUnavailable
from schemas.generated.common import Hash
from tests.processors.psim.money.endpoint import ModelEndpoint

BLOCK_MS = 60_000
CONFIRMATIONS = 3


class Paid(NamedTuple):
    """A transaction. `fee`: 0 of what makes coins out of nothing."""

    name: Hash
    inputs: tuple[Outpoint, ...]
    outputs: tuple[Output, ...]
    fee: int
    lock_height: int


@dataclass
class CoinModel:
    """`pinned`: what waits is neither mined nor replaced. `sent`: everything that nodes were ever
    given, by its name."""

    start_ms: int
    blocks: list[tuple[Block, list[Paid]]] = field(default_factory=list)
    waiting: list[Paid] = field(default_factory=list)
    sent: dict[Hash, Paid] = field(default_factory=dict)
    is_pinned: bool = False
    made: int = 0

    def __post_init__(self) -> None:
        self.mine()

    @property
    def tip(self) -> int:
        return len(self.blocks) - 1

    @property
    def final(self) -> int:
        return max(self.tip - CONFIRMATIONS + 1, 0)

    def get_block(self, height: int) -> Block:
        return self.blocks[height][0]

    def find_coins(self) -> dict[Outpoint, tuple[Output, int]]:
        """All that are unspent in blocks, with their heights."""
        coins: dict[Outpoint, tuple[Output, int]] = {}
        for height, (_, transactions) in enumerate(self.blocks):
            for each in transactions:
                for spent in each.inputs:
                    del coins[spent]
                for number, output in enumerate(each.outputs):
                    coins[Outpoint(each.name, number)] = (output, height)
        return coins

    def mine(self, *, is_full: bool = False) -> None:
        """What waits, if there is room for it."""
        chosen: list[Paid] = []
        if self.blocks and not is_full and not self.is_pinned:
            chosen, self.waiting = self.waiting, []
        self._add(chosen)

    def fund(self, script: bytes, *amounts: int) -> None:
        """Coins out of nothing, in a block of their own."""
        self.made += 1
        name = Hash(sha256(b"fund" + self.made.to_bytes(8, "big")).digest())
        self._add([Paid(name, (), tuple(Output(script, each) for each in amounts), 0, 0)])

    def steal(self, outpoint: Outpoint, script: bytes) -> None:
        """Somebody else spends a coin, as if its keys were lost."""
        output, _ = self.find_coins()[outpoint]
        name = Hash(sha256(b"steal" + outpoint.transaction_id).digest())
        self.waiting = [each for each in self.waiting if outpoint not in each.inputs]
        self._add([Paid(name, (outpoint,), (Output(script, output.satoshis),), 0, 0)])

    def _add(self, transactions: list[Paid]) -> None:
        self.made += 1
        height = len(self.blocks)
        previous = self.blocks[-1][0].block_hash if self.blocks else Hash(bytes(32))
        block_hash = Hash(sha256(previous + self.made.to_bytes(8, "big")).digest())
        time_ms = self.start_ms + height * BLOCK_MS
        self.blocks.append((Block(height, block_hash, previous, time_ms), transactions))

    def drop(self, count: int) -> None:
        """The newest blocks are gone; what was in them waits again."""
        for _, transactions in self.blocks[-count:]:
            self.waiting += [each for each in transactions if each.inputs]
        del self.blocks[-count:]

    def take(self, raw: bytes) -> str:
        """Empty, or why it is not taken."""
        made = wally.tx_from_bytes(raw, wally.WALLY_TX_FLAG_USE_WITNESS)
        coins = self.find_coins()
        spent = [
            Outpoint(
                Hash(bytes(wally.tx_get_input_txhash(made, n))), wally.tx_get_input_index(made, n)
            )
            for n in range(wally.tx_get_num_inputs(made))
        ]
        if any(each not in coins for each in spent):
            return "a coin is not there"
        outputs = tuple(
            Output(bytes(wally.tx_get_output_script(made, n)), wally.tx_get_output_satoshi(made, n))
            for n in range(wally.tx_get_num_outputs(made))
        )
        fee = sum(coins[e][0].satoshis for e in spent) - sum(each.satoshis for each in outputs)
        lock_height = wally.tx_get_locktime(made)
        if fee < 0 or lock_height > self.tip:
            return "it pays too much, or too early"
        for number, each in enumerate(spent):
            if not is_witness(made, number, coins[each][0]):
                return "a witness is wrong"
        name = Hash(bytes(wally.tx_get_txid(made)))
        return self._wait(Paid(name, tuple(spent), outputs, fee, lock_height))

    def _wait(self, paid: Paid) -> str:
        rivals = [each for each in self.waiting if set(each.inputs) & set(paid.inputs)]
        if paid in rivals:
            return "it waits already"
        if self.is_pinned or any(each.fee >= paid.fee for each in rivals):
            return "another one pays more"
        self.waiting = [*(each for each in self.waiting if each not in rivals), paid]
        self.sent[paid.name] = paid
        return ""


def is_witness(made: object, number: int, output: Output) -> bool:
    """Whether an input has the signatures that its script wants, in the order of its keys."""
    count = wally.tx_get_input_witness_num_items(made, number)
    items = [bytes(wally.tx_get_input_witness(made, number, n)) for n in range(count)]
    if not items or output.script != b"\x00\x20" + sha256(items[-1]).digest():
        return False
    script = items[-1]
    threshold, keys = (
        script[0] - 0x50,
        [script[i + 1 : i + 34] for i in range(1, len(script) - 2, 34)],
    )
    digest = wally.tx_get_btc_signature_hash(
        made,
        number,
        script,
        output.satoshis,
        wally.WALLY_SIGHASH_ALL,
        wally.WALLY_TX_FLAG_USE_WITNESS,
    )
    signatures = items[1:-1]
    if items[0] or len(signatures) != threshold:
        return False
    for each in signatures:
        while keys and not _verifies(keys[0], bytes(digest), each):
            keys.pop(0)
        if not keys:
            return False
        keys.pop(0)
    return True


def _verifies(key: bytes, digest: bytes, signature: bytes) -> bool:
    try:
        wally.ec_sig_verify(key, digest, wally.EC_FLAG_ECDSA, wally.ec_sig_from_der(signature[:-1]))
    except ValueError:
        return False
    return True


class ModelCoinEndpoint(ModelEndpoint[CoinModel]):
    async def find_coins(
        self, places: Mapping[bytes, Place], tip: int, final: int
    ) -> dict[Outpoint, Coin]:
        self._check()
        waiting = {spent for each in self.chain.waiting for spent in each.inputs}
        found = {}
        for outpoint, (output, height) in self.chain.find_coins().items():
            place = places.get(output.script)
            if place is not None and height <= final and outpoint not in waiting:
                found[outpoint] = Coin(
                    outpoint, output.satoshis, height, place.keyset, place.branch, place.index
                )
        return found

    async def get_spends(self, block_hash: Hash) -> dict[Outpoint, Spend]:
        self._check()
        for block, transactions in self.chain.blocks:
            if block.block_hash == block_hash:
                return {
                    spent: Spend(each.name, each.outputs)
                    for each in transactions
                    for spent in each.inputs
                }
        raise ChainUnavailable("no such block")

    async def send(self, raw: bytes) -> str:
        self._check()
        return self.chain.take(raw)

    async def estimate_rate(self) -> int:
        self._check()
        return 5
