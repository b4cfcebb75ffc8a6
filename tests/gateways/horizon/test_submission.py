"""Submissions: what reaches the topic, what is rejected, and which status is answered when."""

import base64
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx2
import pytest
from confluent_kafka import Consumer
from msgspec.structs import replace

from schemas.codec import decode, encode, frame
from schemas.generated.common import Amount, Hash, Signature
from schemas.generated.events import RejectionCode
from schemas.generated.transactions import TransactionEnvelope
from streams.ledger.hashes import compute_hash, compute_transaction_hash
from tests.gateways.support import Gateway, run_gateway, wait_until
from tests.support.network import get_account, get_public_key, pay
from tests.support.requests import preissue
from tests.support.servers import Servers

AVRO = {"content-type": "application/avro"}


def make_envelope(gateway: Gateway, amount: int = 5, **changes: Any) -> bytes:
    """A payment of Alice's."""
    network = gateway.world.network
    body = pay(network, "alice", "bob", "EUR", amount)
    return network.sign(network.build("alice", body, **changes), "alice")


def post(gateway: Gateway, envelope: bytes, wait: str = "ingest") -> httpx2.Response:
    return gateway.client.post(
        "/v3/transactions", params={"wait": wait}, content=envelope, headers=AVRO
    )


@pytest.fixture
def topic(gateway: Gateway) -> Iterator[Consumer]:
    """Reads what comes to the gateway's ingest topic from now on."""
    consumer = Consumer(
        {
            **gateway.servers.kafka.get_client_settings(),
            "group.id": gateway.servers.get_prefix("reader"),
            "auto.offset.reset": "latest",
            "enable.auto.commit": False,
        }
    )
    assigned = threading.Event()
    consumer.subscribe([gateway.topic], on_assign=lambda *_: assigned.set())
    deadline = time.monotonic() + 20
    while not assigned.is_set():
        assert consumer.poll(0.1) is None
        assert time.monotonic() < deadline
    consumer.poll(0.5)
    yield consumer
    consumer.close()


def read_all(consumer: Consumer) -> list[Any]:
    """All messages until there is silence."""
    found = []
    while (message := consumer.poll(1.0)) is not None:
        assert message.error() is None
        found.append(message)
    return found


def test_the_record_is_the_framed_envelope(gateway: Gateway, topic: Consumer) -> None:
    envelope = make_envelope(gateway)
    response = post(gateway, envelope)
    assert response.status_code == 202
    (message,) = read_all(topic)
    assert message.value() == frame(decode(TransactionEnvelope, envelope))
    assert message.key() == get_account("alice")
    attributes = response.json()["data"]["attributes"]
    candidate = gateway.world.network.admit(envelope)
    assert attributes["hash"] == candidate.transaction_hash.hex()
    assert (attributes["status"], attributes["is_final"]) == ("pending", False)
    status = gateway.get(response.headers["location"])["data"]["attributes"]
    assert status == attributes
    assert gateway.get(f"/v3/transactions/{attributes['hash']}")["data"]["attributes"] == status


def test_json_bodies_are_read_too(gateway: Gateway, topic: Consumer) -> None:
    envelope = make_envelope(gateway)
    text = base64.b64encode(envelope).decode()
    for media_type in ("application/json", "application/vnd.api+json; charset=utf-8"):
        response = gateway.client.post(
            "/v3/transactions",
            json={"data": {"type": "transactions", "attributes": {"envelope": text}}},
            headers={"content-type": media_type},
        )
        assert response.status_code == 202
    assert [m.value()[10:] for m in read_all(topic)] == [envelope, envelope]


def test_framed_envelopes_are_read_too(gateway: Gateway, topic: Consumer) -> None:
    framed = frame(decode(TransactionEnvelope, make_envelope(gateway)))
    assert post(gateway, framed).status_code == 202
    attributes = {"envelope": base64.b64encode(framed).decode()}
    body = {"data": {"type": "transactions", "attributes": attributes}}
    assert gateway.client.post("/v3/transactions", json=body).status_code == 202
    assert [m.value() for m in read_all(topic)] == [framed, framed]


def rejected(response: httpx2.Response) -> Any:
    """The problem. A rejection is final, unless the body could not even be decoded."""
    assert response.status_code == 400, response.text
    problem = response.json()
    assert problem["type"].endswith("#problem-transaction-rejected")
    is_parsed = "transaction_hash" in problem
    assert problem["provisional"] is not is_parsed
    assert is_parsed or problem["code"] == "MALFORMED"
    return problem


def test_rejections_have_a_code_and_nothing_is_produced(gateway: Gateway, topic: Consumer) -> None:
    network = gateway.world.network
    good = make_envelope(gateway)
    outer = decode(TransactionEnvelope, good)
    (signature,) = outer.signatures
    forged = replace(signature, signature=Signature(bytes(64)))
    other = replace(signature, signer=get_public_key("bob"))
    cases = {
        RejectionCode.MALFORMED: good + b"\x00",
        RejectionCode.WRONG_NETWORK: make_envelope(gateway, network_id=Hash(bytes(32))),
        RejectionCode.MISSING_OPERATION: network.sign(network.build("alice"), "alice"),
        RejectionCode.BAD_TIME_BOUNDS: make_envelope(gateway, min_time_ms=9, max_time_ms=8),
        RejectionCode.TOO_LATE: make_envelope(gateway, max_time_ms=1),
        RejectionCode.BAD_SIGNATURE: encode(TransactionEnvelope(outer.transaction, (forged,))),
    }
    for code, envelope in cases.items():
        assert rejected(post(gateway, envelope))["code"] == code.name
    for signatures in ((other,), (signature, signature)):
        envelope = encode(TransactionEnvelope(outer.transaction, signatures))
        problem = rejected(post(gateway, envelope))
        assert problem["code"] in ("BAD_SIGNATURE", "MALFORMED")
        transaction_hash = compute_transaction_hash(network.network_id, outer.transaction)
        assert problem["transaction_hash"] == transaction_hash.hex()
    assert read_all(topic) == []


def test_a_false_signature_within_an_operation_is_a_rejection(
    gateway: Gateway, topic: Consumer
) -> None:
    network = gateway.world.network
    made = replace(preissue(network, "EUR", 5, "batch"), amount=Amount(6))
    envelope = network.sign(network.build("issuer", made), "issuer")
    assert rejected(post(gateway, envelope))["code"] == "BAD_SIGNATURE"
    assert read_all(topic) == []


def test_invalid_operations_are_listed(gateway: Gateway, topic: Consumer) -> None:
    network = gateway.world.network
    good, bad = (pay(network, "alice", "bob", "EUR", amount) for amount in (1, 0))
    response = post(gateway, network.sign(network.build("alice", good, bad, good), "alice"))
    assert response.status_code == 400
    problem = response.json()
    assert problem["type"].endswith("#problem-operation-invalid")
    codes = [each["code"] for each in problem["operations"]]
    assert codes == ["SUCCESS", "INVALID_AMOUNT", "SUCCESS"]
    assert read_all(topic) == []


@pytest.mark.parametrize(
    ("body", "media_type", "status"),
    [
        (b"{", "application/json", 400),
        (b"\xff", "application/json", 400),
        (b"[" * 200_000, "application/json", 400),
        (b'{"data": {"attributes": {"envelope": 1}}}', "application/json", 400),
        (b'{"data": {"attributes": {"envelope": "%%"}}}', "application/json", 400),
        (b'{"data": {"attributes": {"envelope": "AA==", "x": 1}}}', "application/json", 400),
        (b"", "application/avro", 400),
        (b"a" * 300_000, "application/avro", 400),
        (b"a" * 600_000, "application/avro", 413),
        (b"a", "text/plain", 415),
        (b"a", "", 415),
    ],
)
def test_bodies_that_cannot_be_read(
    gateway: Gateway, body: bytes, media_type: str, status: int
) -> None:
    response = gateway.client.post(
        "/v3/transactions", content=body, headers={"content-type": media_type}
    )
    assert response.status_code == status, response.text
    assert response.headers["content-type"] == "application/problem+json"


def test_a_body_without_length_is_bounded_too(gateway: Gateway) -> None:
    pieces = (b"a" * 65_536 for _ in range(20))
    response = gateway.client.post("/v3/transactions", content=pieces, headers=AVRO)
    assert response.status_code == 413
    packed = gateway.client.post(
        "/v3/transactions", content=b"a", headers={**AVRO, "content-encoding": "gzip"}
    )
    assert packed.status_code == 415


def test_the_result_is_awaited_and_repeated(gateway: Gateway, topic: Consumer) -> None:
    envelope = make_envelope(gateway)
    candidate = gateway.world.network.admit(envelope)
    answers: list[httpx2.Response] = []
    thread = threading.Thread(target=lambda: answers.append(post(gateway, envelope, "result")))
    thread.start()
    assert len(read_all(topic)) == 1
    closed = gateway.world.close(candidate)
    thread.join(20)
    (response,) = answers
    assert response.status_code == 200
    attributes = response.json()["data"]["attributes"]
    assert (attributes["status"], attributes["is_final"]) == ("success", True)
    assert attributes["ledger_sequence"] == str(closed.header.sequence)
    assert base64.b64decode(attributes["envelope"]) == envelope
    for wait in ("ingest", "result"):
        again = post(gateway, envelope, wait)
        assert again.status_code == 200
        assert again.json()["data"] == response.json()["data"]
    assert read_all(topic) == []


def test_another_envelope_of_the_same_transaction_has_its_result(gateway: Gateway) -> None:
    """Whatever its signatures: the transaction is done."""
    envelope = make_envelope(gateway)
    gateway.world.close(gateway.world.network.admit(envelope))
    outer = decode(TransactionEnvelope, envelope)
    other = encode(TransactionEnvelope(outer.transaction, ()))
    response = post(gateway, other)
    assert response.status_code == 200
    attributes = response.json()["data"]["attributes"]
    assert attributes["envelope_hash"] == compute_hash(envelope).hex()


def test_a_failure_is_a_problem_with_codes(gateway: Gateway) -> None:
    envelope = make_envelope(gateway, amount=10**12)
    closed = gateway.world.close(gateway.world.network.admit(envelope))
    response = post(gateway, envelope, "result")
    assert response.status_code == 400
    problem = response.json()
    assert problem["type"].endswith("#problem-transaction-failed")
    assert problem["operations"] == [{"index": 0, "type": "payment", "code": "UNDERFUNDED"}]
    assert problem["ledger_sequence"] == str(closed.header.sequence)
    assert problem["provisional"] is False


def test_a_pending_transaction_is_202(gateway: Gateway) -> None:
    response = post(gateway, make_envelope(gateway), "result")
    assert response.status_code == 202
    assert response.json()["data"]["attributes"]["status"] == "pending"


def test_rejections_of_most_nodes_are_provisional(gateway: Gateway) -> None:
    envelope = make_envelope(gateway)
    location = post(gateway, envelope).headers["location"]
    gateway.world.reject(envelope, "QUEUE_FULL", "core1", "core2")
    assert gateway.get(location)["data"]["attributes"]["status"] == "pending"
    gateway.world.reject(envelope, "DUPLICATE", "core4")
    assert gateway.get(location)["data"]["attributes"]["status"] == "pending"
    gateway.world.reject(envelope, "QUEUE_FULL", "core3")
    attributes = gateway.get(location)["data"]["attributes"]
    assert (attributes["status"], attributes["is_final"]) == ("rejected", False)
    assert attributes["code"] == "QUEUE_FULL"
    assert [each["node"] for each in attributes["rejections"]] == [f"core{i}" for i in range(1, 5)]
    gateway.world.close(gateway.world.network.admit(envelope))
    assert gateway.get(location)["data"]["attributes"]["status"] == "success"


def test_a_rejection_ends_the_wait(gateway: Gateway) -> None:
    envelope = make_envelope(gateway)
    gateway.world.reject(envelope, "BAD_AUTH", "core1", "core2", "core3")
    response = post(gateway, envelope, "result")
    assert response.status_code == 400
    problem = response.json()
    assert (problem["code"], problem["provisional"]) == ("BAD_AUTH", True)
    assert response.headers["location"].startswith(f"{gateway.url}/v3/transactions/")


def test_rejections_of_a_copy_do_not_concern_the_original(gateway: Gateway) -> None:
    """Anybody can copy a transaction with a bad signature; only its own envelope counts."""
    envelope = make_envelope(gateway)
    location = post(gateway, envelope).headers["location"]
    outer = decode(TransactionEnvelope, envelope)
    copy = encode(TransactionEnvelope(outer.transaction, ()))
    gateway.world.reject(copy, "BAD_AUTH", "core1", "core2", "core3", "core4")
    assert gateway.get(location)["data"]["attributes"]["status"] == "pending"


def test_expired_is_final_once_a_ledger_is_later(gateway: Gateway) -> None:
    now = gateway.world.network.ledger.header.close_time_ms
    envelope = make_envelope(gateway, max_time_ms=now + 1_000)
    location = post(gateway, envelope).headers["location"]
    gateway.world.close()
    assert gateway.get(location)["data"]["attributes"]["status"] == "pending"
    gateway.world.close()
    attributes = gateway.get(location)["data"]["attributes"]
    assert (attributes["status"], attributes["is_final"]) == ("expired", True)
    assert rejected(post(gateway, envelope))["code"] == "TOO_LATE"


def test_without_a_broker_nothing_is_accepted(own_servers: Servers, tmp_path: Path) -> None:
    with run_gateway(own_servers, tmp_path) as gateway:
        envelope = make_envelope(gateway)
        own_servers.stop("kafka")
        response = post(gateway, envelope)
        assert response.status_code == 503
        assert response.headers["retry-after"]
        assert response.json()["type"].endswith("#problem-broker-unavailable")
        transaction_hash = gateway.world.network.admit(envelope).transaction_hash.hex()
        assert gateway.client.get(f"/v3/transactions/{transaction_hash}").status_code == 404
        own_servers.start("kafka")
        own_servers.wait_until_ready()
        wait_until(lambda: post(gateway, envelope).status_code == 202, 30)


def test_without_a_database_it_is_unavailable_and_recovers(
    own_servers: Servers, tmp_path: Path
) -> None:
    with run_gateway(own_servers, tmp_path) as gateway:
        own_servers.stop("postgres")
        wait_until(lambda: gateway.client.get("/ready").status_code == 503)
        for path in ("/v3/ledgers", "/v3/ledgers/1", "/v3/info"):
            response = gateway.client.get(path)
            assert response.status_code == 503
            assert response.json()["type"].endswith("#problem-view-unavailable")
        assert post(gateway, make_envelope(gateway)).status_code == 503
        assert gateway.client.get("/health").status_code == 503
        own_servers.start("postgres")
        own_servers.wait_until_ready()
        wait_until(lambda: gateway.client.get("/ready").status_code == 200, 60)
        assert gateway.get("/v3/ledgers/1")["data"]["id"] == "1"
