"""Enemies on the ingest topic: nodes say by name what they reject, and honest payments close."""

import os
import time
from collections.abc import Iterator

from confluent_kafka.admin import (
    AdminClient,
    AlterConfigOpType,
    ConfigEntry,
    ConfigResource,
    ResourceType,
)

from gateways.client.horizon import HorizonClient
from gateways.client.ingest import FRAME
from infra.local import kafka, network
from schemas.codec import encode, strip_frame
from schemas.generated.common import AccountID, Amount, Hash, PublicKey, Reference, Signature
from schemas.generated.events import RejectionCode
from schemas.generated.operations import CreatePreissuanceRequest, Payment, PaymentToBalance
from schemas.generated.transactions import (
    DecoratedSignature,
    Operation,
    Transaction,
    TransactionEnvelope,
)
from schemas.topics import INGEST_BATCH_BYTES_MAX, INGEST_TOPIC, TOPIC_SETTINGS
from streams.ledger.hashes import compute_hash, compute_transaction_hash
from tests.integration.conftest import NAMES
from tests.support.hostile import Admissions, produce, produce_bomb
from tests.support.network import FREE, get_account, get_key, get_public_key
from tests.support.whole_deployment import WholeDeployment
from tests.support.workload import LIFE_MS, Deployment, Follower

PAYMENTS, RATE = 300, 100
HUGE_BYTES, HUGE_COUNT = INGEST_BATCH_BYTES_MAX - 1024, 96
BOMBS = {"zstd": 120_000_000, "gzip": 300_000_000, "lz4": 600_000_000}  # bytes, unpacked
HELD_UP_S = 10  # it was 14 while a reader with enough to do looked away for a second each time
GROWTH_BYTES_MAX = 200 * 1024 * 1024
Case = tuple[bytes, RejectionCode]


def make_payment(load: Deployment, **changes: object) -> Transaction:
    """One that would close, but for the changes."""
    load.salt += 1
    body = Payment(
        load.get_balance_id(NAMES[0]),
        PaymentToBalance(load.get_balance_id(NAMES[1])),
        Amount(1),
        FREE,
        "",
        None,
    )
    fields: dict[str, object] = {
        "network_id": load.network_id,
        "source_account": get_account(NAMES[0]),
        "salt": load.salt & (1 << 64) - 1,
        "min_time_ms": 0,
        "max_time_ms": time.time_ns() // 1_000_000 + LIFE_MS,
        "memo": "",
        "operations": (Operation(None, body),),
    }
    return Transaction(**{**fields, **changes})  # type: ignore[arg-type]


def sign(transaction: Transaction, *names: str) -> tuple[Hash, TransactionEnvelope]:
    """The transaction's hash and its envelope, truly signed by `names`."""
    raw = encode(transaction)
    transaction_hash = compute_transaction_hash(transaction.network_id, raw)
    signatures = [
        DecoratedSignature(
            get_public_key(name), Signature(get_key(name).sign(transaction_hash).signature)
        )
        for name in names
    ]
    ordered = tuple(sorted(signatures, key=lambda each: each.signer))
    return transaction_hash, TransactionEnvelope(raw, ordered)


def falsify(envelope: TransactionEnvelope) -> TransactionEnvelope:
    """The first signature is one bit off."""
    first, *rest = envelope.signatures
    wrong = bytes([first.signature[0] ^ 1]) + first.signature[1:]
    signature = DecoratedSignature(first.signer, Signature(wrong))
    return TransactionEnvelope(envelope.transaction, (signature, *rest))


def lengthen(envelope: bytes) -> bytes:
    """The same record with its first length in one byte more than it needs."""
    end = next(index for index, byte in enumerate(envelope) if byte < 0x80)
    return envelope[:end] + bytes([envelope[end] | 0x80, 0]) + envelope[end + 1 :]


def make_misshapen(load: Deployment) -> Iterator[bytes]:
    """What is no canonical envelope."""
    good = encode(sign(make_payment(load), NAMES[0])[1])
    yield b""
    yield os.urandom(300)
    yield FRAME + os.urandom(300)
    yield bytes([FRAME[0], FRAME[1], FRAME[2] ^ 1]) + FRAME[3:] + good
    yield from (FRAME + good[:end] for end in range(0, len(good), 23))
    yield FRAME + good + b"\0"
    yield FRAME + lengthen(good)
    yield FRAME + os.urandom(250_000)
    _, two = sign(make_payment(load), NAMES[0], NAMES[1])
    yield FRAME + encode(TransactionEnvelope(two.transaction, two.signatures[::-1]))
    yield FRAME + encode(TransactionEnvelope(two.transaction, two.signatures[:1] * 2))


def make_refused(load: Deployment) -> Iterator[Case]:
    """Envelopes of the right shape that no ledger may hold."""
    payer, stranger = NAMES[0], "a stranger"
    other_network = Hash(bytes(32))
    cases: list[tuple[Transaction, tuple[str, ...], RejectionCode]] = [
        (make_payment(load, network_id=other_network), (payer,), RejectionCode.WRONG_NETWORK),
        (make_payment(load, operations=()), (payer,), RejectionCode.MISSING_OPERATION),
        (
            make_payment(load, min_time_ms=2, max_time_ms=1),
            (payer,),
            RejectionCode.BAD_TIME_BOUNDS,
        ),
        (make_payment(load, max_time_ms=1), (payer,), RejectionCode.TOO_LATE),
        (
            make_payment(load, source_account=AccountID(bytes(get_account(stranger)))),
            (stranger,),
            RejectionCode.NO_ACCOUNT,
        ),
        (make_payment(load), (), RejectionCode.BAD_AUTH),
        (make_payment(load), (stranger,), RejectionCode.BAD_AUTH),
        (make_payment(load), (payer, stranger), RejectionCode.BAD_AUTH_EXTRA),
    ]
    for transaction, signers, code in cases:
        yield FRAME + encode(sign(transaction, *signers)[1]), code
    yield encode(sign(make_payment(load, operations=()), payer)[1]), RejectionCode.MISSING_OPERATION
    forged = falsify(sign(make_payment(load), payer)[1])
    yield FRAME + encode(forged), RejectionCode.BAD_SIGNATURE
    not_a_point = DecoratedSignature(PublicKey(b"\xff" * 32), Signature(bytes(64)))
    raw = encode(make_payment(load))
    yield FRAME + encode(TransactionEnvelope(raw, (not_a_point,))), RejectionCode.BAD_SIGNATURE
    unsigned = CreatePreissuanceRequest(
        "EUR", Amount(1), Reference(0, "r"), get_public_key("x"), Signature(bytes(64)), b"", None
    )
    carried = make_payment(load, operations=(Operation(None, unsigned),))
    yield FRAME + encode(sign(carried, payer)[1]), RejectionCode.BAD_SIGNATURE


def get_envelope_hash(value: bytes) -> bytes:
    return bytes(compute_hash(strip_frame(TransactionEnvelope, value)))


def check_said(cases: list[Case], watching: list[Admissions]) -> None:
    """Every node names the reason of every rejection."""
    expected = {get_envelope_hash(value): code for value, code in cases}
    for rejections in watching:
        rejections.wait_for(expected)
        assert {each: rejections.codes[each] for each in expected} == expected
        rejections.close()


def test_what_is_no_transaction_is_refused_by_name(
    whole_deployment: WholeDeployment, fault_round: int
) -> None:
    del fault_round
    load = whole_deployment.workload
    before = whole_deployment.get_process_ids()
    cases = [(value, RejectionCode.MALFORMED) for value in make_misshapen(load)]
    cases += make_refused(load)
    watching = [Admissions.open(load.kafka, core) for core in network.CORES]
    with whole_deployment.under_load(NAMES, "core1", PAYMENTS, RATE):
        produce(load.kafka, (value for value, _ in cases))
    check_said(cases, watching)
    assert whole_deployment.get_process_ids() == before, "something ended of it"
    whole_deployment.check()


def test_huge_messages_cost_no_node_its_memory_and_hold_nobody_up(
    whole_deployment: WholeDeployment, fault_round: int
) -> None:
    del fault_round
    load = whole_deployment.workload
    before, memory = whole_deployment.get_process_ids(), whole_deployment.get_memory()
    values = [FRAME + os.urandom(64) + bytes(HUGE_BYTES) for _ in range(HUGE_COUNT)]
    watching = [Admissions.open(load.kafka, core) for core in network.CORES]
    with whole_deployment.under_load(NAMES, "core2", PAYMENTS, RATE, HELD_UP_S):
        produce(load.kafka, values)
    check_said([(value, RejectionCode.MALFORMED) for value in values], watching)
    grown = {core: after - memory[core] for core, after in whole_deployment.get_memory().items()}
    assert max(grown.values()) < GROWTH_BYTES_MAX, f"nodes grew by {grown} bytes"
    assert whole_deployment.get_process_ids() == before, "something ended of it"
    whole_deployment.check()


def test_what_unpacks_to_more_than_a_batch_never_reaches_a_node(
    whole_deployment: WholeDeployment, fault_round: int
) -> None:
    """The broker unpacks what producers compressed, and refuses it."""
    del fault_round
    load = whole_deployment.workload
    before, memory = whole_deployment.get_process_ids(), whole_deployment.get_memory()
    with whole_deployment.under_load(NAMES, "core2", PAYMENTS, RATE):
        for codec, size in BOMBS.items():
            error = produce_bomb(load.kafka, codec, size)
            assert error is not None, f"the broker took {size} bytes packed by {codec}"
    grown = {core: after - memory[core] for core, after in whole_deployment.get_memory().items()}
    assert max(grown.values()) < GROWTH_BYTES_MAX, f"nodes grew by {grown} bytes"
    assert whole_deployment.get_process_ids() == before, "something ended of it"
    for status in whole_deployment.get_statuses().values():
        assert status is not None
        assert status["problems"] == []
    whole_deployment.check()


def test_what_no_node_can_unpack_is_passed_and_told_of(
    whole_deployment: WholeDeployment, fault_round: int
) -> None:
    """On a topic that lets producers compress, as an operator may have made it."""
    del fault_round
    load, before = whole_deployment.workload, whole_deployment.get_process_ids()
    with whole_deployment.under_load(NAMES, "core3", PAYMENTS, RATE, HELD_UP_S):
        set_compression(whole_deployment, "producer")
        try:
            assert produce_bomb(load.kafka, "zstd", BOMBS["zstd"]) is None
        finally:
            set_compression(whole_deployment, TOPIC_SETTINGS["compression.type"])
    for status in whole_deployment.get_statuses().values():
        assert status is not None
        assert (status["unreadable_batches"], status["problems"]) == (1, [])
    assert whole_deployment.get_process_ids() == before, "something ended of it"
    whole_deployment.check()


def set_compression(whole_deployment: WholeDeployment, value: str) -> None:
    entry = ConfigEntry("compression.type", value, incremental_operation=AlterConfigOpType.SET)
    topic = ConfigResource(ResourceType.TOPIC, INGEST_TOPIC, incremental_configs=[entry])
    admin = AdminClient(kafka.get_administrator(whole_deployment.running.place))
    admin.incremental_alter_configs([topic])[topic].result(30)


def test_a_copy_with_other_signatures_harms_no_transaction(
    whole_deployment: WholeDeployment, fault_round: int
) -> None:
    """Before, after or instead: only what entered a ledger counts as having been there."""
    load = whole_deployment.workload
    originals: dict[Hash, bytes] = {}
    cases: list[Case] = []
    values: list[bytes] = []
    for number in range(10):
        transaction = make_payment(load)
        transaction_hash, envelope = sign(transaction, NAMES[0])
        copies = make_copies(transaction, envelope)
        place = (number + fault_round) % (len(copies) + 1)
        values += [value for value, _ in copies]
        frame = FRAME if number % 2 else b""  # both forms are read
        values.insert(len(values) - place, frame + encode(envelope))
        originals[transaction_hash] = encode(envelope)
        cases += copies
    follower = Follower.open(load.kafka, "core3")
    watching = Admissions.open(load.kafka, "core1")
    produce(load.kafka, values, partitions=1)
    follower.wait_for(set(originals))
    watching.wait_for({get_envelope_hash(value) for value, _ in cases})
    for value, code in cases:
        said = watching.codes[get_envelope_hash(value)]
        assert said in (code, RejectionCode.DUPLICATE)
    watching.close()
    with HorizonClient(whole_deployment.running.place.get_url("gateway1.http")) as client:
        for original in originals.values():
            assert client.submit(original)["status"] == "success"
    whole_deployment.check(set(originals))


def make_copies(transaction: Transaction, envelope: TransactionEnvelope) -> list[Case]:
    """The same transaction as others would send it: falsely signed, by one too many, by somebody
    else, by nobody."""
    codes = (
        (falsify(envelope), RejectionCode.BAD_SIGNATURE),
        (sign(transaction, NAMES[0], "a stranger")[1], RejectionCode.BAD_AUTH_EXTRA),
        (sign(transaction, "a stranger")[1], RejectionCode.BAD_AUTH),
        (sign(transaction)[1], RejectionCode.BAD_AUTH),
    )
    return [(FRAME + encode(copy), code) for copy, code in codes]
