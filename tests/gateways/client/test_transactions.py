"""Building and signing, offline."""

import pytest
from msgspec.structs import replace

from gateways.client.errors import ClientError
from gateways.client.keys import generate_key, get_account_id, get_address, get_seed, read_seed
from gateways.client.transactions import (
    add_signatures,
    build_transaction,
    decode_envelope,
    decode_transaction,
    make_create_asset,
    make_issuance,
    make_payment,
    make_preissuance,
    make_reference,
    sign_transaction,
    to_units,
)
from schemas.generated.common import Amount, PublicKey
from schemas.strkey import StrkeyError, encode_balance_id
from streams.herder.signature_work import find_false_signatures, make_job
from tests.support.network import START_MS, Network, get_account, get_key, make_economy

BALANCE = encode_balance_id(bytes(32))


def test_a_built_transaction_is_admitted() -> None:
    network = Network()
    alice, bob = get_key("alice"), get_key("bob")
    body = make_payment(BALANCE, get_address(bob), Amount(5), make_reference("r", 1_000))
    transaction = build_transaction(network.network_id, get_account("alice"), [body], 1_000)
    envelope = sign_transaction(transaction, alice)
    both = add_signatures(envelope, network.network_id, bob)
    for each in (envelope, both):
        candidate = network.admit(each)
        assert candidate.transaction == transaction
    assert len(decode_envelope(both).signatures) == 2
    assert add_signatures(both, network.network_id, alice) == both
    assert decode_transaction(both).max_time_ms == 1_000 + 5 * 60_000


def test_a_preissuance_carries_the_offline_keys_signature() -> None:
    """An asset that is not pre-issued; then some of it is issued."""
    network = make_economy()
    key, reference = get_key("offline"), make_reference("batch", START_MS)
    made = make_create_asset("USD", 2, "100", PublicKey(bytes(key.verify_key)))
    action = replace(made.action, initial_preissued_amount=Amount(0))
    network.apply("issuer", replace(made, action=action))
    body = make_preissuance(network.network_id, key, "USD", Amount(7), reference)
    candidate = network.prepare("issuer", body)
    assert find_false_signatures([make_job(candidate)]) == [None]
    network.close(candidate)
    supply = network.ledger.state.get_asset_supply("USD")
    assert supply is not None
    assert supply.available_for_issuance == 7
    with pytest.raises(ClientError):
        make_preissuance(network.network_id, key, "U" * 99, Amount(7), reference)


def test_equal_transactions_differ_by_salt() -> None:
    network = Network()
    made = [build_transaction(network.network_id, get_account("a"), [], 0) for _ in range(2)]
    assert made[0].salt != made[1].salt


@pytest.mark.parametrize(
    ("amount", "digits"), [("1.001", 2), ("-1", 2), ("x", 2), ("1e2", 2), ("0.1", 0)]
)
def test_amounts_are_never_rounded(amount: str, digits: int) -> None:
    with pytest.raises(ClientError):
        to_units(amount, digits)


def test_mistakes_are_client_errors() -> None:
    network = Network()
    account = get_address(get_key("alice"))
    with pytest.raises(ClientError):
        make_payment(BALANCE, "GABC", Amount(1))
    with pytest.raises(ClientError):
        make_payment(account, account, Amount(1))
    with pytest.raises(ClientError):
        make_issuance("EUR", Amount(1), "GABC", make_reference("r", 1_000))
    with pytest.raises(ClientError):
        decode_envelope(b"\x00\x00\x00")
    asset = make_create_asset("E" * 300, 2, "1", PublicKey(bytes(32)))
    transaction = build_transaction(network.network_id, get_account("alice"), [asset], 0)
    with pytest.raises(ClientError):
        sign_transaction(transaction, get_key("alice"))


def test_seeds_round_trip_and_are_not_shown() -> None:
    key = generate_key()
    assert get_account_id(read_seed(get_seed(key) + "\n")) == get_account_id(key)
    seed = get_seed(key)
    with pytest.raises(StrkeyError) as caught:
        read_seed(seed[:-1] + ("A" if seed[-1] != "A" else "B"))
    assert seed[:20] not in str(caught.value)
