"""The client against a running gateway, from building a transaction to its result."""

import secrets
from collections.abc import Iterator

import httpx2
import msgspec
import pytest

from gateways.client.errors import HorizonUnavailable, ProblemError
from gateways.client.horizon import HorizonClient
from gateways.client.ingest import IngestError, IngestProducer
from gateways.client.keys import (
    SigningKey,
    generate_key,
    get_account_id,
    get_address,
    get_public_key,
)
from gateways.client.transactions import (
    build_transaction,
    compute_envelope_transaction_hash,
    make_create_account,
    make_create_asset,
    make_create_balance,
    make_issuance,
    make_payment,
    make_reference,
    sign_transaction,
    to_units,
)
from schemas.generated.builders import OperationBody
from schemas.generated.common import Hash
from schemas.strkey import encode_balance_id
from streams.ledger.hashes import compute_balance_id
from tests.gateways.support import Gateway
from tests.support.network import START_MS, get_key


class User:
    """Somebody with a key and a client."""

    def __init__(self, client: HorizonClient, key: SigningKey | None = None) -> None:
        self.client = client
        self.key = key or generate_key()
        self.account_id = get_account_id(self.key)
        self.address = get_address(self.key)
        self.network_id = Hash(bytes.fromhex(client.get_info()["network_id"]))

    def get_balance(self, asset: str) -> str:
        return encode_balance_id(compute_balance_id(self.network_id, self.account_id, asset, 0))

    def sign(self, *bodies: OperationBody) -> bytes:
        now_ms = self.client.get_network_time_ms()
        transaction = build_transaction(self.network_id, self.account_id, bodies, now_ms)
        return sign_transaction(transaction, self.key)

    def do(self, *bodies: OperationBody) -> None:
        assert self.client.submit_until_final(self.sign(*bodies), 30)["status"] == "success"


@pytest.fixture
def client(network: Gateway) -> Iterator[HorizonClient]:
    with HorizonClient(network.url, get_key("master")) as made:
        yield made


def test_from_nothing_to_a_payment(network: Gateway, client: HorizonClient) -> None:
    master, issuer, alice, bob = (
        User(client, get_key("master")),
        User(client),
        User(client),
        User(client),
    )
    code = f"T{secrets.token_hex(4)}"
    master.do(*(make_create_account(each.account_id) for each in (issuer, alice, bob)))
    issuer.do(make_create_asset(code, 6, "1000000", get_public_key(issuer.key)))
    alice.do(make_create_balance(alice.account_id, code))
    issuer.do(
        make_issuance(
            code, to_units("100.5", 6), alice.get_balance(code), make_reference("first", START_MS)
        )
    )
    payment = make_payment(
        alice.get_balance(code), bob.address, to_units("0.25", 6), make_reference("rent", START_MS)
    )
    envelope = alice.sign(payment)
    first = client.submit(envelope)
    assert client.submit(envelope) == first
    assert client.get_transaction(first["hash"]) == first
    assert first["hash"] == compute_envelope_transaction_hash(envelope).hex()
    assert client.get_balance(alice.get_balance(code))["available"] == "100.250000"
    (balance,) = client.get_balances(bob.address)
    assert (balance["attributes"]["available"], balance["attributes"]["asset"]) == (
        "0.250000",
        code,
    )
    kinds = [
        effect["kind"]
        for each in client.walk("/v3/history", {"filter[account]": alice.address})
        for effect in each["attributes"]["effects"]
    ]
    assert kinds == ["charged", "issued"]

    again = make_payment(
        alice.get_balance(code), bob.address, to_units("0.25", 6), make_reference("rent", START_MS)
    )
    with pytest.raises(ProblemError) as caught:
        client.submit_until_final(alice.sign(again), 30)
    assert caught.value.kind == "transaction-failed"
    assert caught.value.problem["operations"][0]["code"] == "REFERENCE_DUPLICATION"
    operation = next(client.walk("/v3/operations", {"filter[account]": alice.address}))
    assert operation["attributes"]["detail"] == {"ledger_sequence": first["ledger_sequence"]}


def test_producing_to_the_topic_is_equivalent_to_posting(
    network: Gateway, client: HorizonClient
) -> None:
    master = User(client, get_key("master"))
    people = [User(client) for _ in range(20)]
    envelopes = [master.sign(make_create_account(each.account_id)) for each in people]
    producer = IngestProducer(network.servers.kafka, network.topic)
    for future in [producer.produce(each, master.account_id) for each in envelopes]:
        future.result(20)
    producer.close()
    for envelope in envelopes:
        assert client.submit_until_final(envelope, 30)["status"] == "success"
    for each in people:
        assert client.get_account(each.address)["data"]["id"] == each.address


def test_an_unreachable_broker_fails_the_future(network: Gateway) -> None:
    nowhere = msgspec.structs.replace(network.servers.kafka, bootstrap_servers="127.0.0.1:1")
    producer = IngestProducer(nowhere, "nothing")
    with pytest.raises(IngestError):
        producer.produce(b"", b"").result(20)
    producer.close()


def test_problems_and_unreachable_gateways(network: Gateway, client: HorizonClient) -> None:
    with pytest.raises(ProblemError) as caught:
        client.get_account(get_address(generate_key()))
    assert caught.value.kind == "not-found"
    nobody = HorizonClient("http://127.0.0.1:1")
    with nobody, pytest.raises(HorizonUnavailable):
        nobody.get_info()


def test_an_answer_that_is_not_json_is_unavailable(client: HorizonClient) -> None:
    with pytest.raises(HorizonUnavailable):
        client.get("/docs")


def test_a_statement_is_read_to_its_end(network: Gateway) -> None:
    balance = encode_balance_id(network.world.network.get_balance_id("alice", "EUR"))
    with HorizonClient(network.url, get_key("alice")) as client:
        lines = list(client.get_statement(balance, from_ledger=1))
        assert (lines[0]["kind"], lines[-1]["kind"]) == ("opening", "closing")
        held = client.get_balance(balance)
        assert lines[-1]["available"] == held["available"]
        with pytest.raises(ProblemError):
            list(client.get_statement(balance, to_ledger=10**9))


def test_a_statement_that_was_cut_off_is_told() -> None:
    line = msgspec.json.encode({"kind": "charged"})
    transport = httpx2.MockTransport(lambda _: httpx2.Response(200, content=line + b"\n"))
    with (
        HorizonClient("http://cut.test", http=httpx2.Client(transport=transport)) as client,
        pytest.raises(HorizonUnavailable),
    ):
        list(client.get_statement("B"))
