"""New versions of a wallet: what the ledger decides is in force, nothing else, and never two."""

from dataclasses import replace
from secrets import token_hex

import pytest

from gateways.client.errors import ProblemError
from gateways.client.keys import generate_key, get_public_key
from gateways.client.rotations import make_rotation
from gateways.client.wallet_keys import WrongEnvelope, open_envelope
from gateways.client.wallets import Change, Credentials, OpenWallet
from schemas.generated.common import Hash, PublicKey
from schemas.strkey import decode_account_id
from tests.gateways.keyserver.support import KeyServers

NEW = "new horse"


def begin(
    keyservers: KeyServers, given: Credentials, wallet: OpenWallet, secret: str = NEW
) -> Change:
    network = Hash(keyservers.gateway.world.network.network_id)
    rotate = make_rotation(network, keyservers.get_now_ms())
    with keyservers.make_client() as client:
        return client.change_password(given, wallet.content, wallet.version, secret, rotate)


def expect(kind: str, keyservers: KeyServers, given: Credentials) -> None:
    with pytest.raises(ProblemError) as error:
        keyservers.unlock(given)
    assert error.value.kind == kind


def test_a_password_changes_with_its_transaction(keyservers: KeyServers) -> None:
    old, signup = keyservers.sign_up("correct horse")
    new = replace(old, secret="new horse")
    wallet = keyservers.unlock(old)
    change = begin(keyservers, old, wallet)
    expect("change-undecided", keyservers, new)
    assert keyservers.unlock(old).content == signup.content  # nothing has changed yet
    keyservers.close(change.transaction)
    opened = keyservers.unlock(new)
    assert (opened.content, opened.version) == (change.content, 2)
    assert opened.content.account == signup.content.account
    assert opened.signer != wallet.signer
    expect("secret-wrong", keyservers, old)
    events = keyservers.get_events(old.email)
    assert events[-2:] == ["password_change_begun", "password_changed"]
    with pytest.raises(WrongEnvelope):
        open_envelope(wallet.keys, b"\x01\0\0\0\x02" + bytes(60), opened.content.account, 2)


def test_one_that_expires_is_dropped_and_the_old_secret_stays(keyservers: KeyServers) -> None:
    old, signup = keyservers.sign_up("correct horse")
    begin(keyservers, old, keyservers.unlock(old))
    keyservers.connection.execute("update keyserver.changes set max_time_ms = 1")
    expect("secret-wrong", keyservers, replace(old, secret="new horse"))
    assert keyservers.unlock(old).content == signup.content
    assert keyservers.connection.execute("select 1 from keyserver.changes").fetchall() == []


def test_while_one_waits_there_is_no_other(keyservers: KeyServers) -> None:
    old, _ = keyservers.sign_up("correct horse")
    wallet = keyservers.unlock(old)
    change = begin(keyservers, old, wallet)
    with pytest.raises(ProblemError) as error:
        begin(keyservers, old, wallet, "a third horse")
    assert error.value.kind == "change-undecided"
    with keyservers.make_client() as client:
        with pytest.raises(ProblemError) as error:
            client.renew_derivation(old, wallet)
        assert error.value.kind == "version-changed"
        address = f"{token_hex(6)}@example.org"
        id_ = client.change_email(old, wallet, address)
        code = keyservers.read_code(address)
        with pytest.raises(ProblemError) as error:
            client.confirm_email(id_, address, old.secret, code)
        assert error.value.kind == "code-wrong"
    keyservers.close(change.transaction)
    assert keyservers.unlock(replace(old, secret="new horse")).version == 2


def test_a_transaction_that_rotates_otherwise_is_refused(keyservers: KeyServers) -> None:
    old, _ = keyservers.sign_up("correct horse")
    other, stranger = keyservers.sign_up("other horse")
    wallet = keyservers.unlock(old)
    network, now_ms = Hash(keyservers.gateway.world.network.network_id), keyservers.get_now_ms()
    others = make_rotation(network, now_ms)
    for rotate in (
        make_rotation(Hash(bytes(32)), now_ms),
        make_rotation(network, now_ms - 3_600_000),
        make_rotation(network, now_ms + 3_600_000),
        make_rotation(network, now_ms, get_public_key(generate_key())),
        lambda content, _: others(content, generate_key()),
        lambda _, new: others(stranger.content, new),
    ):
        with keyservers.make_client() as client, pytest.raises(ProblemError) as error:
            client.change_password(old, wallet.content, wallet.version, NEW, rotate)
        assert error.value.kind == "transaction-unfit"
    assert keyservers.unlock(other).version == 1


def test_a_stronger_derivation_needs_no_transaction(keyservers: KeyServers) -> None:
    given, signup = keyservers.sign_up("correct horse")
    with keyservers.make_client() as client:
        stale = client.unlock(given)
        client.renew_derivation(given, stale)
        with pytest.raises(ProblemError) as error:
            client.renew_derivation(given, stale)
        assert error.value.kind == "version-changed"
    opened = keyservers.unlock(given)
    assert (opened.version, opened.content) == (2, signup.content)


def test_the_recovery_seed_sets_a_new_secret(keyservers: KeyServers) -> None:
    """Second factor and devices are gone with it; a stranger's recovery comes to nothing."""
    old, signup = keyservers.sign_up("correct horse")
    device = generate_key()
    keyservers.unlock(replace(old, device=device), register="lost")
    network, now_ms = Hash(keyservers.gateway.world.network.network_id), keyservers.get_now_ms()
    rotate = make_rotation(network, now_ms, PublicKey(get_public_key(signup.content.key)))
    new, account = replace(old, secret="new horse"), signup.content.account
    thief = generate_key()
    with keyservers.make_client() as client:
        stolen = client.recover(old.email, "thief's", account, thief, rotate)
        change = client.recover(old.email, new.secret, account, signup.recovery, rotate)
        client.recover("nobody@example.org", "x", account, thief, rotate)
    expect("change-undecided", keyservers, replace(old, secret="thief's"))
    keyservers.close(change.transaction)
    opened = keyservers.unlock(new)
    assert opened.content == change.content
    assert (opened.version, opened.has_second_factor, opened.device) == (2, False, None)
    expect("secret-wrong", keyservers, old)
    with keyservers.make_client() as client, pytest.raises(ProblemError):
        client.get_devices(device)
    assert keyservers.get_events(old.email)[-1] == "recovered"
    assert stolen.transaction != change.transaction


def test_an_address_changes_by_code_and_new_key(keyservers: KeyServers) -> None:
    old, signup = keyservers.sign_up("correct horse")
    taken, _ = keyservers.sign_up("other horse")
    wallet, address = keyservers.unlock(old), f"{token_hex(6)}@example.org"
    with keyservers.make_client() as client:
        id_ = client.change_email(old, wallet, address)
        code = keyservers.read_code(address)
        with pytest.raises(ProblemError):
            client.confirm_email(id_, address, "wrong horse", code)
        assert keyservers.unlock(old).version == 1
        statement = client.confirm_email(id_, address, old.secret, code)
        assert statement.signature
        opened = client.unlock(replace(old, email=address))
        assert (opened.version, opened.content) == (2, signup.content)
        expect("secret-wrong", keyservers, old)
        assert keyservers.get_events(old.email)[-2:] == ["email_change_asked", "email_changed"]
        assert keyservers.get_events(address)[-1] == "email_changed"
        id_ = client.change_email(replace(old, email=address), opened, taken.email)
        assert keyservers.get_events(taken.email)[-1] == "signup_attempted"
        with pytest.raises(ProblemError) as error:
            client.confirm_email(id_, taken.email, old.secret, "00000000")
        assert error.value.kind == "code-wrong"


def test_accounts_are_named_as_the_ledger_names_them(keyservers: KeyServers) -> None:
    _, signup = keyservers.sign_up("correct horse")
    account = decode_account_id(signup.content.account)
    state = keyservers.gateway.world.network.ledger.state
    found = state.get_account(account)
    assert found is not None
    assert len(found.signers) == 2
