"""AddTransferSignature, case by case."""

import pytest
from msgspec.structs import replace

from schemas.generated.common import U64, Hash
from schemas.generated.entries import TransferSignature
from schemas.generated.ledger import EffectKind, TransferChange, TransferEvent
from schemas.generated.operations import AddTransferSignatureCode
from schemas.generated.transactions import OperationCode
from tests.streams.ledger.operations.cases import Case, make_account_role, put, run_case
from tests.support.border import commit, settle_first, sign
from tests.support.network import Network, get_account, make_economy

Code = AddTransferSignatureCode


def sign_once(network: Network) -> None:
    commit(network)
    network.apply("cosigner 1", sign(network))


CASES = (
    Case(
        "a signature",
        "cosigner 1",
        sign,
        changes=("TransferSignature made",),
        given=commit,
    ),
    Case(
        "another's",
        "cosigner 3",
        sign,
        changes=("TransferSignature made",),
        given=sign_once,
    ),
    Case(
        "none",
        "cosigner 1",
        lambda network: sign(network, signature=b""),
        Code.INVALID_SIGNATURE,
        given=commit,
    ),
    Case("settled", "cosigner 3", sign, Code.TRANSFER_IS_SETTLED, given=settle_first),
    Case(
        "another version",
        "cosigner 1",
        lambda network: sign(network, version=2),
        Code.VERSION_MISMATCHED,
        given=commit,
    ),
    Case(
        "another payload",
        "cosigner 1",
        lambda network: sign(network, payload_hash=Hash(bytes(32))),
        Code.PAYLOAD_MISMATCHED,
        given=commit,
    ),
    Case("no cosigner", "bob", sign, Code.NOT_A_COSIGNER, given=commit),
    Case("twice", "cosigner 1", sign, Code.ALREADY_SIGNED, given=sign_once),
)


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_add_transfer_signature(case: Case) -> None:
    run_case(case)


def test_the_signature_stands_by_itself_and_is_told() -> None:
    network = make_economy()
    commit(network)
    [effect] = network.apply("cosigner 2", sign(network)).applied[0].effects
    assert (effect.account_id, effect.kind) == (
        get_account("cosigner 2"),
        EffectKind.TRANSFER_CHANGED,
    )
    assert effect.detail == TransferChange(U64(1), TransferEvent.SIGNED, 1)
    found = network.ledger.state.get_transfer_signature(U64(1), 1, get_account("cosigner 2"))
    assert found == TransferSignature(U64(1), 1, get_account("cosigner 2"), b"signed")


def test_a_blocked_cosigner_does_not_sign() -> None:
    network = make_economy()
    commit(network)
    put(network, make_account_role(77, "blocked", "send-transactions"))
    account = network.ledger.state.get_account(get_account("cosigner 1"))
    assert account is not None
    put(network, replace(account, role_id=U64(77)))
    [result] = network.apply("cosigner 1", sign(network)).applied[0].result.operations
    assert result.outcome is OperationCode.NO_ROLE_PERMISSION
