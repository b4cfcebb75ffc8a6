"""Blocks of Bitcoin's test chain that the node itself would not make."""

import time
from hashlib import sha256
from typing import Any

import wallycore as wally

from infra.chains.bitcoin import CHAIN_ID
from processors.psim.chains.bitcoin_addresses import Network, decode_hash
from processors.psim.chains.rpc import JsonRpc

SUBSIDY = 5_000_000_000


async def mine_to(rpc: JsonRpc, address: str) -> None:
    """An empty block whose reward goes to the address: btcd itself pays to one address alone."""
    best = await rpc.call("getbestblockhash", answer=str)
    header = await rpc.call("getblockheader", best, True, answer=dict[str, Any])
    height = header["height"] + 1
    coinbase = wally.tx_init(2, 0, 1, 1)
    script = bytes([2]) + height.to_bytes(2, "little") + bytes([1, 7])
    wally.tx_add_raw_input(coinbase, bytes(32), 0xFFFFFFFF, 0xFFFFFFFF, script, None, 0)
    wally.tx_add_raw_output(coinbase, SUBSIDY, Network(CHAIN_ID).decode_address(address), 0)
    content = bytes(wally.tx_to_bytes(coinbase, 0))
    made_at = max(header["time"] + 1, int(time.time()))
    start = (
        (0x20000000).to_bytes(4, "little")
        + decode_hash(best)
        + bytes(wally.tx_get_txid(coinbase))
        + made_at.to_bytes(4, "little")
        + bytes.fromhex(header["bits"])[::-1]
    )
    for nonce in range(1_000):
        block = start + nonce.to_bytes(4, "little") + b"\x01" + content
        digest = sha256(sha256(block[:80]).digest()).digest()
        if digest[-1] < 0x7F:  # simnet's target
            break
    assert await rpc.call("submitblock", block.hex(), answer=object) is None
