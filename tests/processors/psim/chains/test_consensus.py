"""btcd and Bitcoin Core's own consensus engine agree on every block of a run on regtest: payments
to the network's addresses, our transfers, replacements, reorganisations."""

import contextlib
import random
import subprocess
import tempfile
import time
from collections.abc import Iterator
from hashlib import sha256
from pathlib import Path

import pbk
import pytest

from infra.chains.bitcoin import BitcoinTestChain, compute_address
from infra.chains.nodes import BTCD
from infra.local.ports import choose_port
from processors.psim.chains.bitcoin_addresses import Network
from processors.psim.chains.bitcoin_transfers import BitcoinAdapter, Coin, Output, combine
from processors.psim.chains.bitcoin_wallet import BitcoinWallet, Place
from processors.psim.chains.rpc import JsonRpc
from processors.psim.chains.signers import SeedSigner
from processors.psim.chains.source import ChainUnavailable
from processors.psim.transfers.bitcoin_rules import BitcoinFacts, make_transfer
from schemas.generated.common import Hash, TransferPurpose
from tests.processors.psim.world import now
from tests.support.chains import make_extended_key, make_keyset

pytestmark = [pytest.mark.servers, pytest.mark.usefixtures("chains")]
REGTEST = "bip122:0f9188f13cb7b2c71f2a335e3a4fc328"
NAMES, SEED = ("a", "b", "c"), bytes(range(32))
ROUNDS, BEGIN = 12, 450
NETWORK = Network(REGTEST)
KEYSET = make_keyset(REGTEST, [make_extended_key(each) for each in NAMES])
SCRIPTS = {NETWORK.derive_script(KEYSET, n): Place(KEYSET, 0, n) for n in range(4)}


@contextlib.contextmanager
def start_btcd() -> Iterator[JsonRpc]:
    """Of regtest, which keeps nothing."""
    with tempfile.TemporaryDirectory() as folder:
        port = choose_port(())
        options = ("--regtest", "--notls", "--nolisten", "--txindex", "--addrindex")
        address = f"--miningaddr={compute_address(SEED, REGTEST)}"
        where = (f"--datadir={folder}", f"--logdir={folder}/logs", "--configfile=/dev/null")
        user = ("--rpcuser=u", "--rpcpass=p", f"--rpclisten=127.0.0.1:{port}")
        node = subprocess.Popen((str(BTCD), *options, address, *where, *user), stdout=-3)
        try:
            rpc = JsonRpc(f"http://127.0.0.1:{port}", "u", "p")
            wait_for(rpc)
            yield rpc
            now(rpc.close())
        finally:
            node.terminate()
            node.wait(30)


def wait_for(rpc: JsonRpc) -> None:
    for _ in range(200):
        try:
            now(rpc.call("getblockcount", answer=int))
        except ChainUnavailable:
            time.sleep(0.1)
        else:
            return
    raise TimeoutError("btcd does not answer")


class Run:
    """Everything that happens; each block is kept as soon as it is there, replaced ones too."""

    def __init__(self, rpc: JsonRpc) -> None:
        self.rpc = rpc
        self.random = random.Random(1)
        self.chain = BitcoinTestChain(rpc, SEED, REGTEST)
        self.wallet = BitcoinWallet(NETWORK, rpc)
        self.blocks: dict[str, bytes] = {}
        self.sent = 0

    def mine(self, count: int = 1) -> None:
        self.keep(now(self.chain.mine(count)))

    def keep(self, names: list[str]) -> None:
        for name in names:
            raw = now(self.rpc.call("getblock", name, 0, answer=str, is_large=True))
            self.blocks[name] = bytes.fromhex(raw)

    def happen(self, *, is_replaced: bool) -> None:
        scripts = self.random.sample(sorted(SCRIPTS), 2)
        now(self.chain.pay_to_scripts([(each, 50_000) for each in scripts]))
        self.mine()
        self.sweep()
        self.mine(self.random.randrange(1, 3))
        if is_replaced:
            depth, is_dropping = self.random.randrange(1, 5), bool(self.random.randrange(2))
            self.keep(now(self.chain.reorganise(depth, is_dropping=is_dropping)))

    def sweep(self) -> None:
        """All that is there, by a transfer of ours."""
        tip = now(self.chain.get_height())
        coins = now(self.wallet.find_coins(SCRIPTS, tip, tip))
        if not coins:
            return
        facts = BitcoinFacts(NETWORK, tip, coins, 2)
        spent = sorted(coins.values(), key=lambda each: each.outpoint)
        payload = self.make(facts, spent)
        assert now(self.wallet.send(self.sign(payload))) == ""
        self.sent += 1

    def make(self, facts: BitcoinFacts, spent: list[Coin]) -> bytes:
        total = sum(each.satoshis for each in spent)
        outputs = [Output(min(SCRIPTS), total - 5_000)]
        op = make_transfer(facts, KEYSET, TransferPurpose.SWEEP, "BTC", total, spent, outputs)
        return op.payload

    def sign(self, payload: bytes) -> bytes:
        adapter, signatures = BitcoinAdapter(REGTEST), {}
        for cosigner, name in list(zip(KEYSET.cosigners, NAMES, strict=True))[:2]:
            sign = SeedSigner(sha256(name.encode()).digest()).open(cosigner.key)
            assert sign is not None
            signatures[cosigner.slot] = adapter.sign(Hash(bytes(32)), payload, cosigner.key, sign)
        return combine(payload, KEYSET, signatures)


def test_cores_engine_takes_every_block_and_the_same_chain(tmp_path: Path) -> None:
    engine = pbk.load_chainman(tmp_path, pbk.ChainType.REGTEST)
    with start_btcd() as rpc:
        run = Run(rpc)
        run.mine(BEGIN)
        for number in range(ROUNDS):
            run.happen(is_replaced=number % 3 == 2)
        assert run.sent > ROUNDS // 2
        best = now(rpc.call("getbestblockhash", answer=str))
        for block in run.blocks.values():
            assert engine.process_block(pbk.Block(block))
        chain = engine.get_active_chain()
        assert chain.height == now(run.chain.get_height())
        entry = chain.block_tree_entries[chain.height]
        assert str(entry.block_hash) == best
        assert len(run.blocks) > chain.height, "nothing was ever replaced"
