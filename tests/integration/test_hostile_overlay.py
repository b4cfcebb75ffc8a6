"""Enemies at the overlay's port: strangers without a key, and a configured peer gone bad.

While the bad peer speaks, its own node is down: all three others are needed, so none may as much as
stumble.
"""

import asyncio
import contextlib
import os
from collections.abc import Callable, Iterator
from typing import Any

from nacl.signing import SigningKey

from infra.local import network
from infra.local.processes import wait_until
from schemas.codec import decode, encode
from schemas.generated.common import Hash, PublicKey, Signature
from schemas.generated.consensus import (
    Ballot,
    Envelope,
    Externalize,
    Nominate,
    Prepare,
    ScpValue,
    Statement,
)
from schemas.generated.ledger import Certificate, HeaderSignature, LedgerHeader, LedgerRecord
from schemas.generated.overlay import (
    AdvertTransactions,
    CertificateReply,
    CertificateRequest,
    DemandTransactions,
    LedgerReply,
    LedgerRequest,
    Message,
    SetRequest,
    SetUnknown,
    SignedHeader,
    Statements,
    StateRequest,
    Transactions,
    TransactionSet,
)
from streams.consensus.quorum_set import normalise_quorum_set
from streams.ledger.genesis import decode_genesis, open_genesis
from streams.ledger.hashes import (
    compute_hash,
    compute_header_payload,
    compute_statement_hash,
)
from streams.node.overlay.handshake import HELLO_BYTES, PROOF_BYTES, encode_hello
from streams.node.overlay.interface import MIB, Reason
from tests.integration.conftest import NAMES
from tests.support.hostile import (
    HostilePeer,
    get_node_key,
    get_overlay_address,
    open_peer,
    send_raw,
)
from tests.support.whole_deployment import WholeDeployment

PAYMENTS, RATE = 400, 100
GROWTH_BYTES_MAX = 200 * 1024 * 1024
LOG_S = 20
SLOT_MAX = (1 << 64) - 1
FLOOD = 10


def count_in_log(whole_deployment: WholeDeployment, core: str, reason: Reason) -> int:
    log = whole_deployment.running.place.folder.logs / f"{core}.log"
    return log.read_text(errors="replace").count(reason.name)


def test_strangers_are_refused_by_name(whole_deployment: WholeDeployment, fault_round: int) -> None:
    core = network.CORES[fault_round % len(network.CORES)]
    place, network_id = whole_deployment.running.place, whole_deployment.workload.network_id
    address = get_overlay_address(place, core)
    friend = next(each for each in network.CORES if each != core)
    friend_id = bytes(get_node_key(place, friend).verify_key)
    own_id = bytes(get_node_key(place, core).verify_key)
    stranger_id = bytes(SigningKey.generate().verify_key)
    ephemeral = os.urandom(32)
    attacks: list[tuple[Reason, tuple[bytes, ...]]] = [
        (Reason.NOT_OVERLAY, (os.urandom(1000),)),
        (Reason.NOT_OVERLAY, (b"GET / HTTP/1.1\r\nHost: tokend\r\n" + b"X: y\r\n" * 40,)),
        (Reason.UNKNOWN_NODE, (encode_hello(network_id, stranger_id, ephemeral),)),
        (Reason.UNKNOWN_NODE, (encode_hello(network_id, own_id, ephemeral),)),
        (Reason.OTHER_NETWORK, (encode_hello(bytes(32), friend_id, ephemeral),)),
        (
            Reason.NOT_AUTHENTIC,
            (encode_hello(network_id, friend_id, ephemeral), os.urandom(PROOF_BYTES)),
        ),
        (Reason.NOT_AUTHENTIC, (encode_hello(network_id, friend_id, bytes(32)),)),
        (Reason.HANDSHAKE_TIMEOUT, ()),
        (Reason.HANDSHAKE_TIMEOUT, (encode_hello(network_id, friend_id, ephemeral),)),
    ]
    wanted: dict[Reason, int] = {}
    for reason, _ in attacks:
        wanted[reason] = wanted.get(reason, 0) + 1
    wanted[Reason.TOO_MANY_HANDSHAKES] = 1
    before = {reason: count_in_log(whole_deployment, core, reason) for reason in wanted}

    async def stand_in_the_way() -> None:
        with contextlib.suppress(TimeoutError):
            await send_raw(address, wait_s=1.0)

    async def attack() -> None:
        said = await asyncio.gather(*(send_raw(address, *pieces) for _, pieces in attacks))
        for (reason, _), answer in zip(attacks, said, strict=True):
            is_named = reason in (Reason.NOT_AUTHENTIC, Reason.HANDSHAKE_TIMEOUT)
            assert answer == b"" or is_named, "a stranger was told something"
        await asyncio.gather(*(stand_in_the_way() for _ in range(200)))

    ids = whole_deployment.get_process_ids()
    with whole_deployment.under_load(NAMES, "core1", PAYMENTS, RATE):
        asyncio.run(attack())
    for reason, times in wanted.items():
        assert wait_until(
            lambda r=reason, t=times: count_in_log(whole_deployment, core, r) >= before[r] + t,  # type: ignore[misc]
            LOG_S,
        ), f"{core} does not say {reason.name}"
    assert whole_deployment.get_process_ids() == ids, "something ended of it"
    whole_deployment.check()


def get_breaches() -> list[tuple[Reason, Callable[[HostilePeer], None]]]:
    """What ends a connection at once, and what the node calls it."""
    too_long = (16 * MIB + 1).to_bytes(4, "big")
    request = encode(Message(StateRequest(1)))
    return [
        (Reason.MISBEHAVED, lambda peer: peer.send(os.urandom(500))),
        (Reason.MISBEHAVED, lambda peer: peer.send(request + b"\0")),
        (Reason.MISBEHAVED, lambda peer: peer.send(request[:-1])),
        (Reason.MISBEHAVED, lambda peer: peer.send(b"")),
        (Reason.OVERSIZED, lambda peer: peer.write_record(b"\0" + too_long + bytes(100))),
        (Reason.OVERSIZED, lambda peer: peer.write(b"\xff\xff\xff\xff")),
        (Reason.TAMPERED, lambda peer: peer.write((100).to_bytes(4, "big") + bytes(100))),
        (Reason.MALFORMED, lambda peer: peer.write_record(b"\x09" + bytes(100))),
        (Reason.MALFORMED, lambda peer: peer.write_record(b"\0")),
    ]


class Liar:
    """A validator that says what it likes under its own name."""

    def __init__(self, whole_deployment: WholeDeployment, name: str) -> None:
        place = whole_deployment.running.place
        self.key = get_node_key(place, name)
        self.node_id = PublicKey(bytes(self.key.verify_key))
        self.network_id = whole_deployment.workload.network_id
        self.victim_id = PublicKey(bytes(get_node_key(place, "core1").verify_key))
        genesis = (place.folder.config / "genesis.json").read_bytes()
        quorum_set = open_genesis(decode_genesis(genesis)).ledger.state.get_validators().quorum_set
        self.quorum_set_hash = compute_hash(encode(normalise_quorum_set(quorum_set)))
        reader = whole_deployment.readers[name]
        self.sequence = max(reader.headers)
        self.header = reader.headers[self.sequence]
        self.header_hash = compute_hash(self.header)

    def seal(self, node_id: PublicKey, slot: int, pledges: object) -> Envelope:
        raw = encode(Statement(node_id, slot, pledges))  # type: ignore[arg-type]
        payload = compute_statement_hash(self.network_id, raw)
        return Envelope(raw, Signature(self.key.sign(payload).signature))

    def make_value(self) -> bytes:
        now_ms = decode(LedgerHeader, self.header).close_time_ms + 1_000
        return encode(ScpValue(self.header_hash, Hash(os.urandom(32)), now_ms, ()))

    def nominate(self, slot: int, values: int, junk_bytes: int = 0) -> Envelope:
        votes = sorted(os.urandom(junk_bytes) or self.make_value() for _ in range(values))
        return self.seal(self.node_id, slot, Nominate(self.quorum_set_hash, tuple(votes), ()))

    def forge_statements(self) -> Iterator[Any]:
        slot = self.sequence + 1
        ballot = Ballot(1, self.make_value())
        prepare = Prepare(self.quorum_set_hash, ballot, None, None, 0, 0)
        decided = Externalize(ballot, 1, Hash(bytes(32)))
        yield Statements((self.seal(self.victim_id, slot, prepare),))
        yield Statements((self.seal(self.node_id, SLOT_MAX, prepare),))
        yield Statements((self.nominate(slot, 3), self.nominate(slot, 3)))
        yield Statements((self.seal(self.node_id, slot + 20, decided),))
        yield Statements((Envelope(os.urandom(100), Signature(bytes(64))),))

    def flood_slots(self) -> Iterator[Any]:
        """As much as fits into every slot that a node might keep."""
        for slot in range(self.sequence + 1, self.sequence + 130):
            yield Statements((self.nominate(slot, 4, junk_bytes=60_000),))
        yield StateRequest(0)

    def flood_sets(self) -> Iterator[Any]:
        """Sets that nobody asked for, and votes for sets that do not exist."""
        for slot in range(self.sequence + 1, self.sequence + FLOOD):
            hashes = tuple(sorted(Hash(os.urandom(32)) for _ in range(100_000)))
            yield TransactionSet(self.header_hash, hashes)
            yield Statements((self.nominate(slot, 1_000),))

    def forge_ledgers(self) -> Iterator[Any]:
        nothing = Hash(bytes(32))
        payload = compute_header_payload(self.network_id, self.sequence + 1, nothing)
        own = Signature(self.key.sign(payload).signature)
        signed, stolen = HeaderSignature(self.node_id, own), HeaderSignature(self.victim_id, own)
        record = LedgerRecord(self.header, Certificate((signed,)), b"a body")
        for sequence in range(self.sequence, self.sequence + FLOOD):
            yield LedgerReply(sequence, record)
            yield SignedHeader(sequence, nothing, signed)
            yield SignedHeader(sequence, nothing, stolen)
            yield CertificateReply(sequence, nothing, Certificate((signed, stolen)))

    def ask_for_nonsense(self) -> Iterator[Any]:
        for number in (0, 1, SLOT_MAX):
            yield LedgerRequest(number)
            yield CertificateRequest(number)
            yield StateRequest(number)
        for _ in range(FLOOD):
            hashes = tuple(Hash(os.urandom(32)) for _ in range(10_000))
            yield AdvertTransactions(hashes)
            yield DemandTransactions(hashes)
            yield SetRequest(hashes[0])
            yield SetUnknown(hashes[0])
            yield StateRequest(1)

    def send_garbage_transactions(self) -> Iterator[Any]:
        for size in (0, 100, 200_000):
            yield Transactions(tuple(os.urandom(size) for _ in range(50)))

    def lie(self) -> list[bytes]:
        """All of it, as messages."""
        acts = (
            self.forge_statements(),
            self.forge_ledgers(),
            self.ask_for_nonsense(),
            self.send_garbage_transactions(),
            self.flood_sets(),
            self.flood_slots(),
        )
        return [encode(Message(body)) for act in acts for body in act]


def test_a_peer_gone_bad_stops_nobody(whole_deployment: WholeDeployment, fault_round: int) -> None:
    """The nodes start anew afterwards: they would hold its lies of slots to come against it, and
    the next test's fault would be one too many."""
    del fault_round
    bad, *others = reversed(network.CORES)
    place, network_id = whole_deployment.running.place, whole_deployment.workload.network_id
    whole_deployment.readers[bad].read_to(whole_deployment.wait_until_level())
    liar = Liar(whole_deployment, bad)
    whole_deployment.stop(bad)
    ids, memory = whole_deployment.get_process_ids(others), whole_deployment.get_memory(others)
    breaches = get_breaches()
    lies = liar.lie()
    before = {
        r: {core: count_in_log(whole_deployment, core, r) for core in others} for r, _ in breaches
    }

    async def misbehave(target: str) -> None:
        for _, breach in breaches:
            async with open_peer(place, network_id, bad, target, is_listening=False) as peer:
                breach(peer)
                assert await peer.has_ended()
        async with open_peer(place, network_id, bad, target) as peer:
            recorded = peer.handshake
        answer = await send_raw(get_overlay_address(place, target), recorded)
        assert len(answer) in (0, HELLO_BYTES, HELLO_BYTES + PROOF_BYTES)
        async with open_peer(place, network_id, bad, target) as peer:
            for lie in lies:
                await peer.say(lie)
        async with open_peer(place, network_id, bad, target, is_listening=False) as peer:
            for _ in range(FLOOD):  # and does not listen to the answers
                await peer.say(encode(Message(LedgerRequest(2))))

    async def misbehave_to_all() -> None:
        await asyncio.gather(*(misbehave(core) for core in others))

    try:
        with whole_deployment.under_load(NAMES, others[0], PAYMENTS, RATE):
            asyncio.run(misbehave_to_all())
        grown = {c: m - memory[c] for c, m in whole_deployment.get_memory(others).items()}
        for core in others:
            assert whole_deployment.get_process_id(core) == ids[core], f"{core} ended of it"
            for reason, _ in breaches:
                assert count_in_log(whole_deployment, core, reason) > before[reason][core]
        assert max(grown.values()) < GROWTH_BYTES_MAX, f"they grew by {grown} bytes"
    finally:
        whole_deployment.start(bad)
    whole_deployment.check()
    for core in others:
        whole_deployment.kill(core)
    whole_deployment.wait_until_level()
