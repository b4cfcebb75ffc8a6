"""A bank's file goes out in a file, is signed offline and comes back; what is wrong is refused."""

import base64
from pathlib import Path
from typing import Any

import msgspec
import pytest
from msgspec.structs import replace
from typer.testing import CliRunner

from gateways.client.errors import ClientError
from gateways.client.keys import get_seed
from gateways.client.transfers import (
    FORMAT,
    TransferFile,
    TransferSignature,
    describe_transfer,
    make_signature_operations,
    read_transfer_file,
    sign_transfer,
    write_transfer_file,
)
from infra.cli.transfer import app
from processors.psim.chains.signers import SeedSigner
from schemas.generated.common import IdempotencyResource, Resource, WalletKind
from schemas.generated.transactions import TransactionCode
from schemas.readable import Scales, show_value
from schemas.strkey import encode_account_id
from tests.support import border
from tests.support.network import Network, get_account, get_key, make_economy
from tests.support.requests import govern

PAYLOAD = b"PAY 100 ETH\nTO NO9386011117947"


def add_bank_transfer(made: Network) -> None:
    """Transfer 1 is a bank's file."""
    border.open_border(made)
    made.apply("master", govern(border.make_bank_keyset()), border.put_caps(chain_id=border.BANK))
    request = border.ask(made)
    body = border.transfer(
        made,
        request,
        chain_id=border.BANK,
        resources=(Resource(IdempotencyResource(border.BANK, "file-1")),),
        submitter=get_account("bob"),
        payload=PAYLOAD,
    )
    made.apply("master", body)


@pytest.fixture(scope="module")
def network() -> Network:
    made = make_economy()
    add_bank_transfer(made)
    return made


@pytest.fixture
def file(network: Network) -> TransferFile:
    """As `export` makes it."""
    state, scales = network.ledger.state, Scales({border.ETH: 0})
    transfer, keyset = (
        border.get_transfer(network),
        state.get_keyset(border.BANK, WalletKind.HOT, 1),
    )
    payload = state.get_transfer_payload(1, 1)
    assert payload is not None
    return TransferFile(
        FORMAT,
        network.network_id.hex(),
        show_value(transfer, scales),
        0,
        show_value(keyset, scales),
        1,
        base64.b64encode(payload.payload).decode(),
        payload.payload_hash.hex(),
    )


def test_signatures_made_offline_are_the_cosigners(network: Network, file: TransferFile) -> None:
    for name in border.COSIGNERS[:2]:
        file = sign_transfer(
            read_transfer_file(write_transfer_file(file)), SeedSigner(bytes(get_key(name)))
        )
    operations = make_signature_operations(read_transfer_file(write_transfer_file(file)))
    assert [account for account, _ in operations] == [
        get_account(name) for name in border.COSIGNERS[:2]
    ]
    for name, (_, body) in zip(border.COSIGNERS, operations, strict=False):
        assert network.apply(name, body).applied[0].result.code is TransactionCode.SUCCESS
    confirmed = network.apply("master", border.confirm(network)).applied[0]
    assert confirmed.result.code is TransactionCode.SUCCESS


def test_it_is_described_before_it_is_signed(file: TransferFile) -> None:
    lines = describe_transfer(file)
    assert [each.strip() for each in lines[-2:]] == PAYLOAD.decode().splitlines()
    assert any(file.payload_hash in each for each in lines)


def with_payload(file: TransferFile, payload: bytes) -> TransferFile:
    return replace(file, payload=base64.b64encode(payload).decode())


@pytest.mark.parametrize(
    "change",
    [
        lambda file: with_payload(file, b"PAY 900 ETH"),
        lambda file: replace(file, payload="?"),
        lambda file: replace(file, format="another"),
    ],
    ids=["another payload", "no payload", "another format"],
)
def test_a_file_that_was_changed_is_refused(file: TransferFile, change: Any) -> None:
    with pytest.raises(ClientError):
        read_transfer_file(write_transfer_file(change(file)))


def test_a_stranger_does_not_sign(file: TransferFile) -> None:
    with pytest.raises(ClientError, match="no cosigner"):
        sign_transfer(file, SeedSigner(bytes(get_key("alice"))))


def test_a_signature_of_something_else_is_not_brought_back(file: TransferFile) -> None:
    address = encode_account_id(get_account(border.COSIGNERS[0]))
    other = base64.b64encode(get_key(border.COSIGNERS[0]).sign(b"other").signature).decode()
    for text in (other, base64.b64encode(b"short").decode()):
        made = replace(file, signatures=[TransferSignature(address, text)])
        with pytest.raises(ClientError):
            make_signature_operations(made)


def test_a_chain_without_an_adapter_is_refused_by_name(file: TransferFile) -> None:
    transfer = {**file.transfer, "chain_id": "cosmos:cosmoshub-4"}
    with pytest.raises(ClientError, match=r"cosmos:.* no adapter"):
        sign_transfer(
            replace(file, transfer=transfer), SeedSigner(bytes(get_key(border.COSIGNERS[0])))
        )


def test_the_verb_signs_what_it_has_shown(file: TransferFile, tmp_path: Path) -> None:
    given, seed, out = (tmp_path / name for name in ("given", "seed", "out"))
    given.write_bytes(write_transfer_file(file))
    seed.write_text(get_seed(get_key(border.COSIGNERS[0])))
    arguments = ["sign", str(given), "--out", str(out), "--seed-file", str(seed)]
    refused = CliRunner().invoke(app, arguments, input="n\n")
    assert refused.exit_code != 0
    assert not out.exists()
    agreed = CliRunner().invoke(app, arguments, input="y\n")
    assert agreed.exit_code == 0, agreed.output
    assert "PAY 100 ETH" in agreed.output
    signed = msgspec.json.decode(out.read_bytes(), type=TransferFile)
    assert len(signed.signatures) == 1
