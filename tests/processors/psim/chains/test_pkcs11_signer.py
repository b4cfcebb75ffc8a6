"""Keys of cosigners in a security module (SoftHSM2)."""

import secrets

import pkcs11
import pytest
import wallycore as wally

from processors.psim.chains.ethereum_transfers import (
    HALF_ORDER,
    Call,
    EthereumAdapter,
    SafeTransfer,
    recover,
    write_payload,
)
from processors.psim.chains.pkcs11_signer import ModuleSettings, Pkcs11Signer, make_key
from processors.psim.chains.signers import SignerBroken
from schemas.generated.common import Hash
from schemas.settings import ConfigError, Secret
from tests.support.chains import make_ethereum_key, make_extended_key
from tests.support.security_module import PIN, token

__all__ = ["token"]
SIGNATURES = 1_000


@pytest.fixture(scope="module")
def settings(token: tuple[str, str]) -> ModuleSettings:
    """Whoever logged in before in this process is logged out."""
    library, label = token
    pkcs11.lib(library).reinitialize()
    made = ModuleSettings(library, label, Secret(PIN), f"cosigner-{secrets.token_hex(4)}")
    make_key(made)
    return made


@pytest.mark.border
def test_a_thousand_signatures_are_low_and_true(settings: ModuleSettings) -> None:
    signer = Pkcs11Signer(settings)
    sign = signer.open(signer.key)
    assert sign is not None
    for number in range(SIGNATURES):
        digest = bytes(wally.sha256(number.to_bytes(8, "big")))
        signature = sign((), digest)
        assert int.from_bytes(signature[32:], "big") <= HALF_ORDER
        assert signer.key in (recover(digest, signature, 0), recover(digest, signature, 1))
    signer.close()


def test_it_signs_for_a_safe_as_a_seed_does(settings: ModuleSettings) -> None:
    signer = Pkcs11Signer(settings)
    sign = signer.open(signer.key)
    assert sign is not None
    transfer = SafeTransfer(31337, "0x" + "11" * 20, Call("0x" + "22" * 20, 5, b""), 0, 0, 0)
    adapter, payload, network_id = (
        EthereumAdapter("eip155:31337"),
        write_payload(transfer),
        Hash(bytes(32)),
    )
    signature = adapter.sign(network_id, payload, signer.key, sign)
    assert adapter.is_signature(network_id, payload, signature, signer.key)
    with pytest.raises(SignerBroken):
        sign((0, 1), bytes(32))
    signer.close()


def test_it_opens_no_key_of_others(settings: ModuleSettings) -> None:
    signer = Pkcs11Signer(settings)
    assert signer.open(make_ethereum_key("a")) is None
    assert signer.open(make_extended_key("a")) is None
    signer.close()


@pytest.mark.parametrize("changes", [{"key": "another"}, {"token": "another"}, {"library": "/no"}])
def test_what_is_not_there_is_said_at_the_start(
    settings: ModuleSettings, changes: dict[str, str]
) -> None:
    given = {"library": settings.library, "token": settings.token, "key": settings.key, **changes}
    with pytest.raises(ConfigError):
        Pkcs11Signer(ModuleSettings(pin=Secret(PIN), **given))
