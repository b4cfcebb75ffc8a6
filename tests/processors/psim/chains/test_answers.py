"""Answers of nodes that are wrong, too large, late, of another chain, or have a gap: none is
believed, and none ends the process."""

import random
from collections.abc import Awaitable, Callable, Iterator
from hashlib import sha256
from typing import Any

import pytest

from processors.psim.chains import rpc as rpcs
from processors.psim.chains.bitcoin import BitcoinSource
from processors.psim.chains.bitcoin_addresses import Network
from processors.psim.chains.bitcoin_wallet import BitcoinWallet, Place
from processors.psim.chains.ethereum import RECEIVED, TRANSFER, EthereumSource
from processors.psim.chains.rpc import JsonRpc
from processors.psim.chains.source import (
    COIN,
    ChainContradiction,
    ChainPayment,
    ChainUnavailable,
)
from tests.processors.psim.chains.endpoints import Endpoint, answer_by, serve
from tests.support.chains import make_keyset

REGTEST = "bip122:0f9188f13cb7b2c71f2a335e3a4fc328"
GENESIS = "0f9188f13cb7b2c71f2a335e3a4fc328" + 32 * "0"
HEIGHT = 5
SCRIPT = "0020" + 64 * "7"
ADDRESS = Network(REGTEST).encode_address(bytes.fromhex(SCRIPT))
FORWARDER, TOKEN, OTHER = "0x" + 40 * "1", "0x" + 40 * "2", "0x" + 40 * "3"
PLACE = Place(make_keyset(REGTEST, []), 0, 0)
CHANGES = 150
"""Of the answers of each chain, at random."""


def name(height: int) -> str:
    return GENESIS if height == 0 else sha256(bytes([height])).hexdigest()


def make_bitcoin() -> dict[str, Any]:
    """A node with a payment in its newest block."""
    coinbase = {"txid": 64 * "a", "vin": [{"coinbase": "00"}], "vout": []}
    outputs = [{"value": 0.00012345, "n": 1, "scriptPubKey": {"hex": SCRIPT}}]
    paid = {"txid": 64 * "b", "vin": [{"txid": 64 * "c", "vout": 0}], "vout": outputs}
    headers = {
        name(each): {
            "hash": name(each),
            "height": each,
            "time": 1_700_000_000 + each,
            **({"previousblockhash": name(each - 1)} if each else {}),
        }
        for each in range(HEIGHT + 1)
    }
    return {
        "getblockcount": HEIGHT,
        "getbestblockhash": name(HEIGHT),
        "getblockhash": name,
        "getblockheader": lambda asked, _: headers.get(asked),
        "getblock": lambda asked, _: {"hash": asked, "tx": [coinbase, paid]},
    }


def make_log(address: str, topics: list[str], index: int) -> dict[str, Any]:
    return {
        "address": address,
        "topics": topics,
        "data": "0x" + (9).to_bytes(32, "big").hex(),
        "blockHash": "0x" + name(HEIGHT),
        "transactionHash": "0x" + 64 * "d",
        "logIndex": hex(index),
        "removed": False,
    }


def make_ethereum() -> dict[str, Any]:
    """A node with two payments in its newest block, behind a log of somebody else."""

    def get_block(at: str, _: bool) -> dict[str, Any] | None:
        height = HEIGHT if at in ("latest", "finalized") else int(at, 16)
        return (
            None
            if height > HEIGHT
            else {
                "number": hex(height),
                "hash": "0x" + name(height),
                "parentHash": "0x" + name(max(height - 1, 0)),
                "timestamp": hex(1_700_000_000 + height),
            }
        )

    to = "0x" + FORWARDER[2:].rjust(64, "0")
    logs = [
        make_log(OTHER, [], 7),
        make_log(FORWARDER, [RECEIVED, to], 8),
        make_log(TOKEN, [TRANSFER, "0x" + 64 * "0", to], 9),
    ]
    return {
        "eth_chainId": "0x1",
        "eth_blockNumber": hex(HEIGHT),
        "eth_getBlockByNumber": get_block,
        "eth_getLogs": lambda _: logs,
        "eth_getBalance": "0x9",
        "eth_call": "0x" + (9).to_bytes(32, "big").hex(),
    }


async def read_bitcoin(rpc: JsonRpc) -> list[ChainPayment]:
    source = BitcoinSource(Network(REGTEST), rpc, 1)
    tip = await source.get_tip()
    await source.get_final_height()
    return await source.get_payments(await source.get_block(tip.height), {ADDRESS}, {COIN})


async def read_ethereum(rpc: JsonRpc) -> list[ChainPayment]:
    source = EthereumSource("eip155:1", rpc, None)
    tip = await source.get_tip()
    await source.get_final_height()
    await source.get_block(tip.height)
    await source.get_holding(FORWARDER, TOKEN, tip)
    await source.get_holding(FORWARDER, COIN, tip)
    await source.get_sent(FORWARDER, TOKEN, tip)
    return await source.get_payments(tip, {FORWARDER}, {COIN, TOKEN})


Read = Callable[[JsonRpc], Awaitable[list[ChainPayment]]]
NODES: dict[str, tuple[Callable[[], dict[str, Any]], Read]] = {
    "bitcoin": (make_bitcoin, read_bitcoin),
    "ethereum": (make_ethereum, read_ethereum),
}
CHAINS = sorted(NODES)


@pytest.fixture(scope="module")
def endpoint() -> Iterator[Endpoint]:
    with serve() as made:
        yield made


def ask(endpoint: Endpoint, chain: str, **changes: Any) -> list[ChainPayment]:
    make, read = NODES[chain]
    found: list[ChainPayment] = endpoint.run(answer_by({**make(), **changes}), read)
    return found


def test_right_answers_are_read(endpoint: Endpoint) -> None:
    (coin,) = ask(endpoint, "bitcoin")
    assert (coin.ordinal, coin.address, coin.amount) == (1, ADDRESS, 12_345)
    found = ask(endpoint, "ethereum")
    assert [(e.ordinal, e.address, e.token, e.amount) for e in found] == [
        (1, FORWARDER, COIN, 9),
        (2, FORWARDER, TOKEN, 9),
    ]


def change_block(**changes: Any) -> Callable[..., Any]:
    made = make_bitcoin()["getblock"](name(HEIGHT), 2)
    output = {**made["tx"][1]["vout"][0], **changes}
    made["tx"][1]["vout"] = [output]
    return lambda *_: made


def change_log(**changes: Any) -> Callable[..., Any]:
    logs = make_ethereum()["eth_getLogs"]({})
    return lambda _: [*logs[:2], {**logs[2], **changes}]


def hide_from_all_logs(criteria: dict[str, Any]) -> list[Any]:
    """The full list of the block has not what the filtered one has."""
    return list(make_ethereum()["eth_getLogs"]({})) if len(criteria) > 1 else []


WRONG: dict[str, tuple[str, dict[str, Any]]] = {
    "another header": (
        "bitcoin",
        {"getblockheader": lambda *_: {"hash": name(1), "height": HEIGHT, "time": 1}},
    ),
    "a header of another height": ("bitcoin", {"getblockhash": lambda at: name(at and at - 1)}),
    "another block": ("bitcoin", {"getblock": lambda *_: {"hash": name(1), "tx": []}}),
    "a part of a satoshi": ("bitcoin", {"getblock": change_block(value=0.000000001)}),
    "more coins than there are": ("bitcoin", {"getblock": change_block(value=1e30)}),
    "less than nothing": ("bitcoin", {"getblock": change_block(value=-1)}),
    "a script that is none": (
        "bitcoin",
        {"getblock": change_block(scriptPubKey={"hex": "0020" + 64 * "z"})},
    ),
    "Bitcoin's other chain": ("bitcoin", {"getblockhash": lambda at: name(at + 1)}),
    "Ethereum's other chain": ("ethereum", {"eth_chainId": "0x2"}),
    "a block of another height": (
        "ethereum",
        {
            "eth_getBlockByNumber": lambda *_: (
                {
                    "number": "0x1",
                    "hash": "0x" + name(1),
                    "parentHash": "0x" + name(0),
                    "timestamp": "0x1",
                }
                if _[0] == hex(HEIGHT)
                else make_ethereum()["eth_getBlockByNumber"](*_)
            )
        },
    ),
    "a log of another block": ("ethereum", {"eth_getLogs": change_log(blockHash="0x" + name(1))}),
    "a log that was taken back": ("ethereum", {"eth_getLogs": change_log(removed=True)}),
    "a log without an amount": ("ethereum", {"eth_getLogs": change_log(data="0x")}),
    "a log without a number": ("ethereum", {"eth_getLogs": change_log(logIndex="0x")}),
    "a log that is not in its block": ("ethereum", {"eth_getLogs": hide_from_all_logs}),
    "no balance": ("ethereum", {"eth_call": "0x"}),
    "a hash that is too short": ("ethereum", {"eth_getLogs": change_log(transactionHash="0x12")}),
}


@pytest.mark.parametrize("case", WRONG)
def test_what_cannot_be_true_is_a_contradiction(endpoint: Endpoint, case: str) -> None:
    chain, changes = WRONG[case]
    with pytest.raises(ChainContradiction):
        ask(endpoint, chain, **changes)


MISSING: dict[str, tuple[str, dict[str, Any]]] = {
    "nothing final yet": (
        "ethereum",
        {
            "eth_getBlockByNumber": lambda at, _: (
                None if at == "finalized" else make_ethereum()["eth_getBlockByNumber"](at, _)
            )
        },
    ),
    "a block that is not there": (
        "ethereum",
        {
            "eth_getBlockByNumber": lambda at, _: (
                None if at == hex(HEIGHT) else make_ethereum()["eth_getBlockByNumber"](at, _)
            )
        },
    ),
}


@pytest.mark.parametrize("case", MISSING)
def test_what_is_not_there_is_waited_for(endpoint: Endpoint, case: str) -> None:
    chain, changes = MISSING[case]
    with pytest.raises(ChainUnavailable):
        ask(endpoint, chain, **changes)


@pytest.mark.parametrize(
    ("chain", "method"),
    [
        (chain, method)
        for chain in CHAINS
        for method in NODES[chain][0]()
        if method not in ("getblockcount", "eth_blockNumber")
    ],
)
def test_a_call_that_is_refused_is_waited_for(endpoint: Endpoint, chain: str, method: str) -> None:
    make, read = NODES[chain]
    methods = {each: answer for each, answer in make().items() if each != method}
    with pytest.raises(ChainUnavailable):
        endpoint.run(answer_by(methods), read)


def test_an_endpoint_that_knows_no_filters_shows_the_same(endpoint: Endpoint) -> None:
    logs = make_ethereum()["eth_getLogs"]({})
    logs = [*logs, {**logs[2], "address": OTHER, "logIndex": "0xa"}]
    assert ask(endpoint, "ethereum", eth_getLogs=lambda _: logs) == ask(endpoint, "ethereum")


def test_what_an_address_received_is_asked_for_once(endpoint: Endpoint) -> None:
    """A wrong answer in between is none, and what is final is skipped from then on."""
    skipped: list[int] = []
    values = [0.5, -1, 0.25]

    def search(_: str, __: int, skip: int, *___: int) -> list[Any]:
        skipped.append(skip)
        outputs = [
            {"value": value, "n": n, "scriptPubKey": {"hex": SCRIPT}}
            for n, value in enumerate(values)
        ]
        told = {"txid": 64 * "b", "vin": [], "vout": outputs, "confirmations": 3}
        return [told] if skip == 0 else []

    async def work(rpc: JsonRpc) -> list[int]:
        wallet = BitcoinWallet(Network(REGTEST), rpc)
        places = {bytes.fromhex(SCRIPT): PLACE}
        with pytest.raises(ChainContradiction):
            await wallet.find_coins(places, HEIGHT, HEIGHT - 2)
        values[1] = 0.125
        for _ in range(2):
            found = await wallet.find_coins(places, HEIGHT, HEIGHT - 2)
        return [each.satoshis for each in found.values()]

    methods = {**make_bitcoin(), "searchrawtransactions": search}
    assert endpoint.run(answer_by(methods), work) == [50_000_000, 12_500_000, 25_000_000]
    assert skipped == [0, 0, 1]


@pytest.mark.parametrize("chain", CHAINS)
def test_an_answer_that_is_too_large_is_not_read(
    endpoint: Endpoint, chain: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(rpcs, "BYTES_MAX", 200)
    with pytest.raises(ChainContradiction):
        ask(endpoint, chain)


@pytest.mark.parametrize("chain", CHAINS)
def test_an_answer_that_does_not_come_is_waited_for(
    endpoint: Endpoint, chain: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(rpcs, "TIMEOUT_S", 0.05)
    monkeypatch.setattr(endpoint, "wait_s", 0.3)
    with pytest.raises(ChainUnavailable):
        ask(endpoint, chain)


STRANGE: tuple[Any, ...] = (
    *(None, "", "0x", "zz", -1, 0, 1e300, 2**300, True),
    *([], {}, [None], "\u0000", "0x" + 70 * "f"),
)


def change_somewhere(value: Any, chance: random.Random) -> Any:
    """One part of an answer, at any depth, is another one or missing."""
    if isinstance(value, dict) and value and chance.random() < 0.9:
        key = chance.choice(sorted(value))
        if chance.random() < 0.2:
            return {each: part for each, part in value.items() if each != key}
        return {**value, key: change_somewhere(value[key], chance)}
    if isinstance(value, list) and value and chance.random() < 0.9:
        at = chance.randrange(len(value))
        return [*value[:at], change_somewhere(value[at], chance), *value[at + 1 :]]
    return chance.choice(STRANGE)


@pytest.mark.parametrize("chain", CHAINS)
def test_no_answer_ends_the_process(endpoint: Endpoint, chain: str) -> None:
    """Whatever else it does to one part of one method's answers."""
    chance, (make, read) = random.Random(1), NODES[chain]
    methods: dict[str, Any] = {}

    async def work(rpc: JsonRpc) -> int:
        refused = 0
        for _ in range(CHANGES):
            methods.update(make())
            method = chance.choice(sorted(methods))
            methods[method] = change(methods[method])
            try:
                await read(rpc)
            except (ChainContradiction, ChainUnavailable):
                refused += 1
        return refused

    def change(right: Any) -> Callable[..., Any]:
        def answer(*params: Any) -> Any:
            return change_somewhere(right(*params) if callable(right) else right, chance)

        return answer

    assert endpoint.run(answer_by(methods), work) > CHANGES // 4
