"""ManageKeyset, case by case."""

import pytest
from msgspec.structs import replace

from schemas.generated.common import (
    U64,
    EthereumAddressBytes,
    EthereumKey,
    ExtendedPublicKey,
    SignerData,
    WalletKind,
)
from schemas.generated.entries import KeysetState, Wallet, WalletNonce
from schemas.generated.ledger import EffectKind
from schemas.generated.operations import (
    CreateGovernedChangeRequestResult,
    CreateSigner,
    ManageKeyset,
    ManageKeysetCode,
    ManageSigner,
    ReviewAction,
)
from schemas.generated.transactions import FulfilmentCode, FulfilmentRefused, RefusalDetail
from streams.ledger.values import MASTER_SIGNER_ROLE
from tests.streams.ledger.operations.cases import Case, run_case
from tests.support.border import (
    CHAIN,
    COSIGNERS,
    SAFE,
    add_cosigners,
    add_keyset,
    make_cosigner,
    make_keyset,
)
from tests.support.network import Network, get_account, get_public_key, make_economy, review
from tests.support.requests import govern, put_policy

Code = ManageKeysetCode
HOT = make_keyset(WalletKind.HOT, account=SAFE, binds_from=7)


def put_hot(network: Network) -> None:
    add_cosigners(network)
    network.apply("master", govern(HOT))


def with_cosigners(*cosigners: object) -> ManageKeyset:
    return replace(make_keyset(), cosigners=cosigners)


def with_key(key: object) -> ManageKeyset:
    first, *others = make_keyset().cosigners
    return with_cosigners(replace(first, key=key), *others)


CASES = (
    Case(
        "the first of a wallet",
        "master",
        lambda _: govern(make_keyset()),
        changes=("Counters changed", "Keyset made", "Wallet made"),
        given=add_cosigners,
    ),
    Case(
        "of an account on the chain, with nonces",
        "master",
        lambda _: govern(HOT),
        changes=("Counters changed", "Keyset made", "Wallet made", "WalletNonce made"),
        given=add_cosigners,
    ),
    Case("no chain", "master", lambda _: make_keyset(chain_id="x"), Code.INVALID_CHAIN_ID),
    Case("no text", "master", lambda _: make_keyset(account="a b"), Code.INVALID_TEXT),
    Case(
        "all must sign",
        "master",
        lambda _: replace(make_keyset(), threshold=3),
        Code.INVALID_THRESHOLD,
    ),
    Case(
        "nobody must sign",
        "master",
        lambda _: replace(make_keyset(), threshold=0),
        Code.INVALID_THRESHOLD,
    ),
    Case(
        "slots out of order",
        "master",
        lambda _: with_cosigners(*reversed(make_keyset().cosigners)),
        Code.INVALID_COSIGNERS,
    ),
    Case(
        "one account twice",
        "master",
        lambda _: with_cosigners(*(make_cosigner("cosigner 1", n) for n in range(3))),
        Code.INVALID_COSIGNERS,
    ),
    Case(
        "one key twice",
        "master",
        lambda _: with_key(make_keyset().cosigners[1].key),
        Code.INVALID_COSIGNERS,
    ),
    Case(
        "no key",
        "master",
        lambda _: with_key(EthereumKey(EthereumAddressBytes(bytes(20)))),
        Code.INVALID_COSIGNERS,
    ),
    Case(
        "an empty key", "master", lambda _: with_key(ExtendedPublicKey("")), Code.INVALID_COSIGNERS
    ),
    Case(
        "no key offline",
        "master",
        lambda _: with_cosigners(
            *(replace(each, is_offline=False) for each in make_keyset().cosigners)
        ),
        Code.OFFLINE_KEY_NEEDED,
    ),
    Case(
        "a transfer twice",
        "master",
        lambda _: make_keyset(signed_again=(1, 1)),
        Code.INVALID_TRANSFERS,
    ),
    Case("no account", "master", lambda _: make_keyset(), Code.COSIGNER_NOT_FOUND),
    Case(
        "another account on the chain",
        "master",
        lambda _: replace(HOT, account="0xother"),
        Code.BINDS_TOO_EARLY,
        given=put_hot,
    ),
    Case(
        "from an earlier nonce on",
        "master",
        lambda _: replace(HOT, binds_from=6),
        Code.BINDS_TOO_EARLY,
        given=put_hot,
    ),
    Case("replaced without a policy", "master", lambda _: HOT, Code.POLICY_TOO_WEAK, given=put_hot),
    Case(
        "by one alone",
        "master",
        lambda _: make_keyset(),
        Code.GOVERNED_CHANGE_NEEDED,
        given=add_cosigners,
    ),
)


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_manage_keyset(case: Case) -> None:
    run_case(case)


def test_its_cosigners_are_told() -> None:
    network = make_economy()
    add_cosigners(network)
    effects = network.apply("master", govern(HOT)).applied[0].effects
    told = {each.account_id for each in effects if each.kind is EffectKind.KEYSET_CHANGED}
    assert told == {get_account(name) for name in ("master", *COSIGNERS)}


def test_a_keyset_is_replaced_by_two_people_after_a_delay() -> None:
    network = make_economy()
    put_hot(network)
    for identity, name in enumerate(("anna", "ben"), 1):
        data = SignerData(get_public_key(name), MASTER_SIGNER_ROLE, 1000, identity, b"")
        network.apply("master", ManageSigner(CreateSigner(data)))
    network.apply("master", put_policy("governed_change", 2, 60_000))
    changed = replace(HOT, cosigners=make_keyset(keys=9).cosigners, binds_from=12)
    asked = network.apply("master", govern(changed)).applied[0].result.operations[0].outcome
    assert isinstance(asked, CreateGovernedChangeRequestResult)
    approval = review(network, asked.request_id, tasks_to_remove=8)
    network.apply_signed("master", ["anna", "ben"], approval)
    execution = review(network, asked.request_id, ReviewAction.EXECUTE, tasks_to_remove=0)
    network.apply_signed("master", ["anna"], execution, interval_ms=60_000)
    state = network.ledger.state
    keysets = [state.get_keyset(CHAIN, WalletKind.HOT, version) for version in (1, 2)]
    assert [each and each.state for each in keysets] == [KeysetState.FORMER, KeysetState.CURRENT]
    assert state.get_wallet(CHAIN, WalletKind.HOT) == Wallet(CHAIN, WalletKind.HOT, 2)
    assert state.get_wallet_nonce(CHAIN, SAFE) == WalletNonce(CHAIN, SAFE, U64(7))


def test_a_governed_change_names_why_the_keyset_is_refused() -> None:
    network = make_economy()
    add_keyset(network)
    [result] = network.apply("master", govern(make_keyset(keys=9))).applied[0].result.operations
    cause = "manage_keyset_code.POLICY_TOO_WEAK"
    assert result.detail == RefusalDetail(FulfilmentRefused(FulfilmentCode.CHANGE_REFUSED, cause))
