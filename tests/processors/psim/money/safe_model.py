"""A small Ethereum: what accounts hold, Safes that check their owners' signatures, recipients that
fail and tokens that say no."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from hashlib import sha256
from typing import NamedTuple

from eth_abi import decode as decode_abi
from eth_utils import keccak, to_checksum_address

from processors.psim.chains.ethereum_transfers import (
    EXECUTE,
    ZERO,
    Call,
    SafeTransfer,
    compute_hash,
    find_calls,
    recover,
)
from processors.psim.chains.ethereum_wallet import Execution, Moved
from processors.psim.chains.source import COIN, Block, ChainUnavailable
from processors.psim.transfers.ethereum_rules import read_sweep
from schemas.generated.common import EthereumKey, Hash
from tests.processors.psim.money.endpoint import ModelEndpoint

BLOCK_MS = 12_000
CONFIRMATIONS = 3
NUMBER = 31337
Held = dict[tuple[str, str], int]


class Failed(Exception):
    """The execution reverts."""


class Mined(NamedTuple):
    """A block: what it did, and what everybody holds after it."""

    block: Block
    executions: tuple[Execution, ...]
    moved: tuple[Moved, ...]
    held: Held
    nonces: Mapping[str, int]


@dataclass
class SafeModel:
    """`owners`: of each Safe. `failing`: recipients that take nothing; `lying`: tokens that move
    nothing and say no. `sent`: all executions that anybody was ever asked to send."""

    start_ms: int
    owners: dict[str, tuple[EthereumKey, ...]]
    hot: str
    cold: str
    blocks: list[Mined] = field(default_factory=list)
    waiting: list[tuple[str, bytes]] = field(default_factory=list)
    failing: set[str] = field(default_factory=set)
    lying: set[str] = field(default_factory=set)
    sent: list[tuple[str, bytes]] = field(default_factory=list)
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
        return self.blocks[height].block

    def get_held(self, height: int | None = None) -> Held:
        if not self.blocks:
            return {}
        return dict(self.blocks[self.tip if height is None else height].held)

    def get_nonces(self) -> dict[str, int]:
        return dict(self.blocks[-1].nonces) if self.blocks else dict.fromkeys(self.owners, 0)

    def mine(self, *, is_full: bool = False, gifts: Held | None = None) -> None:
        self.made += 1
        held, nonces, height = self.get_held(), self.get_nonces(), len(self.blocks)
        for place, amount in (gifts or {}).items():
            held[place] = held.get(place, 0) + amount
        previous = self.blocks[-1].block.block_hash if self.blocks else Hash(bytes(32))
        block_hash = Hash(sha256(previous + self.made.to_bytes(8, "big")).digest())
        block = Block(height, block_hash, previous, self.start_ms + height * BLOCK_MS)
        executions, moved = [], []
        chosen, self.waiting = ([], self.waiting) if is_full else (self.waiting, [])
        for safe, data in chosen:
            transfer, signatures = read_execution(safe, data, nonces[safe])
            after = dict(held)
            try:
                self._check(transfer, signatures)
                told = self._execute(transfer, after)
            except Failed:
                continue
            held = after
            nonces[safe] += 1
            name = compute_hash(transfer)
            executions.append(Execution(name, name, block_hash, height, is_success=True))
            moved += told
        self.blocks.append(Mined(block, tuple(executions), tuple(moved), held, nonces))

    def drop(self, count: int) -> None:
        """They are gone, with what was in them."""
        del self.blocks[-count:]

    def _check(self, transfer: SafeTransfer, signatures: bytes) -> None:
        name, owners = compute_hash(transfer), self.owners[transfer.safe]
        parts = [signatures[i : i + 65] for i in range(0, len(signatures), 65)]
        found = [recover(name, each[:64], each[64] - 27) for each in parts]
        if len(set(found)) < 2 or any(each not in owners for each in found):
            raise Failed
        addresses = [bytes(each.address) for each in found if each is not None]
        if addresses != sorted(addresses):
            raise Failed

    def _execute(self, transfer: SafeTransfer, held: Held) -> list[Moved]:
        told: list[Moved] = []
        for call in find_calls(transfer):
            told += self._call(transfer.safe, call, held)
        return told

    def _call(self, sender: str, call: Call, held: Held) -> list[Moved]:
        if not call.data:
            if call.to in self.failing:
                raise Failed
            return move(held, COIN, sender, call.to, call.wei)
        if call.data[:4] == keccak(text="transfer(address,uint256)")[:4]:
            to, amount = decode_abi(["address", "uint256"], call.data[4:])
            if call.to in self.lying:
                return []
            return move(held, call.to, sender, str(to_checksum_address(to)), amount)
        token, to_hot, to_cold = read_sweep(call)
        shares = ((self.hot, to_hot), (self.cold, to_cold))
        return [each for to, n in shares for each in move(held, token, call.to, to, n)]

    def is_reverting(self, sender: str, to: str, wei: int, data: bytes) -> bool:
        try:
            if sender in self.owners:
                self._call(sender, Call(to, wei, data), self.get_held())
            else:
                transfer, signatures = read_execution(to, data, self.get_nonces()[to])
                self._check(transfer, signatures)
                self._execute(transfer, self.get_held())
        except Failed:
            return True
        return False


def move(held: Held, token: str, sender: str, to: str, amount: int) -> list[Moved]:
    if held.get((sender, token), 0) < amount:
        raise Failed
    held[sender, token] = held.get((sender, token), 0) - amount
    held[to, token] = held.get((to, token), 0) + amount
    return [Moved(token, sender, to, amount)] if token != COIN else []


def read_execution(safe: str, data: bytes, nonce: int) -> tuple[SafeTransfer, bytes]:
    """What a Safe takes it for: with its own nonce."""
    types = EXECUTE.partition("(")[2].removesuffix(")").split(",")
    to, wei, inner, operation, *zeros, signatures = decode_abi(types, data[4:])
    if any(each not in (0, ZERO) for each in zeros):
        raise AssertionError("gas is refunded")
    call = Call(str(to_checksum_address(to)), wei, inner)
    return SafeTransfer(NUMBER, safe, call, operation, nonce, 0), signatures


class ModelSafeEndpoint(ModelEndpoint[SafeModel]):
    relayer = "0x" + "99" * 20

    async def get_holding(self, address: str, token: str, block: Block) -> int:
        self._check()
        if block.height > self.chain.tip or self.chain.blocks[block.height].block != block:
            raise ChainUnavailable("another block")
        return self.chain.blocks[block.height].held.get((address, token), 0)

    async def get_nonce(self, safe: str, at: str) -> int:
        self._check()
        height = self.chain.tip if at == "latest" else int(at, 16)
        return self.chain.blocks[height].nonces[safe]

    async def find_executions(self, safe: str, first: int, last: int) -> list[Execution]:
        self._check()
        blocks = self.chain.blocks[first : last + 1]
        return [execution for each in blocks for execution in each.executions]

    async def find_moved(self, execution: Execution) -> list[Moved]:
        return list(self.chain.blocks[execution.height].moved)

    async def find_moved_in_block(self, block_hash: Hash, token: str) -> list[Moved]:
        for each in self.chain.blocks:
            if each.block.block_hash == block_hash:
                return [moved for moved in each.moved if moved.token == token]
        raise ChainUnavailable("no such block")

    async def is_reverting(self, sender: str, to: str, wei: int, data: bytes, at: str) -> bool:
        self._check()
        return self.chain.is_reverting(sender, to, wei, data)

    async def get_balance(self, address: str) -> int:
        return self.chain.get_held().get((address, COIN), 10**18)

    async def send(self, to: str, data: bytes) -> str:
        self._check()
        if (to, data) not in self.chain.waiting:
            self.chain.waiting.append((to, data))
            self.chain.sent.append((to, data))
        return ""
