"""What looks like a deposit on Bitcoin, and what does not look like one and is. Each function makes
it on the real node; the number is what the person it is meant for must be credited."""

from hashlib import sha256

import wallycore as wally

from infra.chains import bitcoin
from infra.chains.bitcoin import BitcoinTestChain
from processors.psim.chains.bitcoin_addresses import RECEIVING, Network
from processors.psim.chains.rpc import JsonRpc, RpcRefusal
from schemas.generated.common import WalletKind
from tests.border.deposit.world import BITCOIN, MINIMUM, BorderWorld
from tests.support.mining import mine_to

AMOUNT = 50_000
ORDER = 0xFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFEBAAEDCE6AF48A03BBFD25E8CD0364141


class Place:
    """A node, and the address that is paid to."""

    def __init__(self, world: BorderWorld, address: str) -> None:
        self.world = world
        self.chain: BitcoinTestChain = world.chains.bitcoin
        self.rpc: JsonRpc = world.chains.coin_rpc
        self.network = Network(bitcoin.CHAIN_ID)
        self.address = address
        self.script = self.network.decode_address(address)
        self.program = self.script[2:]

    def get_keyset(self, wallet: WalletKind) -> object:
        return self.world.network.ledger.state.get_keyset(BITCOIN, wallet, 1)

    async def pay(self, script: bytes, satoshis: int = AMOUNT) -> None:
        await self.chain.pay_to_scripts([(script, satoshis)])
        await self.chain.mine()


async def pay_dust(at: Place) -> int:
    await at.pay(at.script, MINIMUM - 1)
    return 0


async def pay_one_satoshi(at: Place) -> int:
    await at.pay(at.script, 1)
    return 0


async def pay_the_program_as_taproot(at: Place) -> int:
    await at.pay(b"\x51\x20" + at.program)
    return 0


async def pay_the_program_of_a_later_version(at: Place) -> int:
    await at.pay(b"\x60\x20" + at.program)
    return 0


async def pay_the_script_wrapped(at: Place) -> int:
    await at.pay(b"\xa9\x14" + bytes(wally.hash160(at.script)) + b"\x87")
    return 0


async def pay_twenty_bytes_of_the_program(at: Place) -> int:
    await at.pay(b"\x00\x14" + at.program[:20])
    return 0


async def tell_the_script_in_a_note(at: Place) -> int:
    await at.pay(b"\x6a" + bytes([len(at.script)]) + at.script, 0)
    return 0


async def pay_the_other_branch(at: Place) -> int:
    """Change of the deposit wallet: no address that was given out."""
    keyset = at.get_keyset(WalletKind.DEPOSIT)
    await at.pay(at.network.derive_script(keyset, 0, RECEIVING + 1))  # type: ignore[arg-type]
    return 0


async def pay_an_index_that_nobody_made(at: Place) -> int:
    keyset = at.get_keyset(WalletKind.DEPOSIT)
    await at.pay(at.network.derive_script(keyset, 9_999))  # type: ignore[arg-type]
    return 0


async def pay_the_hot_wallet(at: Place) -> int:
    await at.pay(at.network.derive_script(at.get_keyset(WalletKind.HOT), 0))  # type: ignore[arg-type]
    return 0


async def pay_an_address_that_nobody_has(at: Place) -> int:
    pool = at.world.network.ledger.state.get_external_pool(BITCOIN, 1)
    await at.pay(at.network.decode_address(pool.first))  # type: ignore[union-attr, arg-type]
    return 0


async def pay_and_take_it_back_before_it_is_mined(at: Place) -> int:
    await at.chain.take_back(await at.chain.pay([(at.address, AMOUNT)]))
    await at.chain.mine()
    return 0


async def pay_and_take_it_back_after_a_reorganisation(at: Place) -> int:
    await at.pay(at.script)
    await at.chain.reorganise(1, is_dropping=True)
    return 0


async def pay_in_a_branch_that_is_left(at: Place) -> int:
    """Two blocks deep; the other branch is longer."""
    await at.pay(at.script)
    await at.chain.mine()
    await at.chain.reorganise(2, is_dropping=True)
    return 0


async def pay_by_a_coinbase_that_is_not_ripe(at: Place) -> int:
    await mine_to(at.rpc, at.address)
    return 0


async def send_what_a_node_refuses(at: Place, change: str) -> int:
    """A payment that waits, made anew: with another signature, output or time."""
    name = await at.chain.pay([(at.address, AMOUNT)])
    made = wally.tx_from_hex(
        await at.rpc.call("getrawtransaction", name, answer=str), wally.WALLY_TX_FLAG_USE_WITNESS
    )
    if change == "signature":
        stack = wally.tx_get_input_witness(made, 0, 0)
        compact = bytes(wally.ec_sig_from_der(bytes(stack)[:-1]))
        high = (ORDER - int.from_bytes(compact[32:], "big")).to_bytes(32, "big")
        witness = wally.tx_witness_stack_init(2)
        encoded = bytes(wally.ec_sig_to_der(compact[:32] + high)) + b"\x01"
        wally.tx_witness_stack_add(witness, encoded)
        wally.tx_witness_stack_add(witness, bytes(wally.tx_get_input_witness(made, 0, 1)))
        wally.tx_set_input_witness(made, 0, witness)
    elif change == "amount":
        wally.tx_set_output_satoshi(made, 0, 100 * AMOUNT)
    else:
        wally.tx_add_raw_output(made, AMOUNT, at.script, 0)
    content = wally.tx_to_hex(made, wally.WALLY_TX_FLAG_USE_WITNESS)
    await at.chain.take_back(name)
    try:
        await at.rpc.call("sendrawtransaction", content, answer=str)
    except RpcRefusal:
        await at.chain.mine()
        return 0
    raise AssertionError("the node took it")


async def send_a_signature_that_was_turned_round(at: Place) -> int:
    return await send_what_a_node_refuses(at, "signature")


async def send_a_larger_output_under_the_same_signature(at: Place) -> int:
    return await send_what_a_node_refuses(at, "amount")


async def send_a_further_output_under_the_same_signature(at: Place) -> int:
    return await send_what_a_node_refuses(at, "output")


# Deposits that do not look like one


async def pay_exactly_the_minimum(at: Place) -> int:
    await at.pay(at.script, MINIMUM)
    return MINIMUM


async def pay_two_outputs_to_one_address(at: Place) -> int:
    await at.chain.pay_to_scripts([(at.script, AMOUNT), (at.script, AMOUNT)])
    await at.chain.mine()
    return 2 * AMOUNT


async def pay_behind_many_outputs(at: Place) -> int:
    other = b"\x00\x14" + sha256(at.program).digest()[:20]
    await at.chain.pay_to_scripts([*([(other, 2_000)] * 300), (at.script, AMOUNT)])
    await at.chain.mine()
    return AMOUNT


async def pay_true_and_false_outputs_at_once(at: Place) -> int:
    taproot, dust = b"\x51\x20" + at.program, (at.script, MINIMUM - 1)
    await at.chain.pay_to_scripts([(taproot, AMOUNT), dust, (at.script, AMOUNT)])
    await at.chain.mine()
    return AMOUNT


async def pay_the_same_twice_in_a_block(at: Place) -> int:
    for _ in range(2):
        await at.chain.pay([(at.address, AMOUNT)])
    await at.chain.mine()
    return 2 * AMOUNT


async def pay_and_be_mined_again(at: Place) -> int:
    await at.pay(at.script)
    await at.chain.reorganise(1, is_dropping=False)
    return AMOUNT


async def send_the_same_bytes_again(at: Place) -> int:
    name = await at.chain.pay([(at.address, AMOUNT)])
    content = await at.rpc.call("getrawtransaction", name, answer=str)
    await at.chain.mine()
    try:
        await at.rpc.call("sendrawtransaction", content, answer=str)
    except RpcRefusal:
        await at.chain.mine()
        return AMOUNT
    raise AssertionError("the node took it twice")


async def be_bumped(at: Place) -> int:
    """The payer pays a higher fee: two transactions, one of which is mined."""
    first = await at.chain.pay([(at.address, AMOUNT)])
    await at.chain.bump(first, at.script)
    await at.chain.mine()
    return AMOUNT


FALSE = (
    pay_dust,
    pay_one_satoshi,
    pay_the_program_as_taproot,
    pay_the_program_of_a_later_version,
    pay_the_script_wrapped,
    pay_twenty_bytes_of_the_program,
    tell_the_script_in_a_note,
    pay_the_other_branch,
    pay_an_index_that_nobody_made,
    pay_the_hot_wallet,
    pay_an_address_that_nobody_has,
    pay_and_take_it_back_before_it_is_mined,
    pay_and_take_it_back_after_a_reorganisation,
    pay_in_a_branch_that_is_left,
    pay_by_a_coinbase_that_is_not_ripe,
    send_a_signature_that_was_turned_round,
    send_a_larger_output_under_the_same_signature,
    send_a_further_output_under_the_same_signature,
)
TRUE = (
    pay_exactly_the_minimum,
    pay_two_outputs_to_one_address,
    pay_behind_many_outputs,
    pay_true_and_false_outputs_at_once,
    pay_the_same_twice_in_a_block,
    pay_and_be_mined_again,
    send_the_same_bytes_again,
    be_bumped,
)
