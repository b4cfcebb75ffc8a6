"""What is sealed is read by the Notificator for two weeks, and then by nobody."""

import pytest
from nacl.public import PrivateKey

from processors.notificator.sealing import (
    KEPT_MS,
    WEEK_MS,
    Unopenable,
    Vault,
    get_epoch,
    is_over,
    seal,
    unseal,
)
from schemas.settings import Secret


def test_only_the_key_of_the_week_opens() -> None:
    key, other = PrivateKey.generate(), PrivateKey.generate()
    sealed = seal(bytes(key.public_key), 7, {"code": "482913"})
    assert sealed.epoch == 7
    assert b"482913" not in sealed.box
    assert unseal(bytes(key), sealed.box) == {"code": "482913"}
    for private_key, box in (
        (bytes(other), sealed.box),
        (bytes(key), sealed.box[:-1] + bytes([sealed.box[-1] ^ 1])),
        (bytes(key), b""),
        (b"short", sealed.box),
    ):
        with pytest.raises(Unopenable):
            unseal(private_key, box)


def test_codes_of_different_lengths_look_alike() -> None:
    key = PrivateKey.generate()
    boxes = {len(seal(bytes(key.public_key), 7, {"code": "1" * n}).box) for n in range(1, 10)}
    assert len(boxes) == 1


def test_a_key_is_gone_14_days_after_its_week_began() -> None:
    epoch = get_epoch(5 * WEEK_MS + 1)
    assert epoch == 5
    assert not is_over(epoch, 5 * WEEK_MS + KEPT_MS - 1)
    assert is_over(epoch, 5 * WEEK_MS + KEPT_MS)
    assert KEPT_MS == 14 * 86_400_000


def test_the_database_alone_opens_nothing() -> None:
    vault = Vault(Secret("one"))
    encrypted = vault.encrypt(b"a private key")
    assert b"private" not in encrypted
    assert vault.decrypt(encrypted) == b"a private key"
    with pytest.raises(Unopenable):
        Vault(Secret("two")).decrypt(encrypted)
    assert vault.hash_address("email", "A@example.org") == vault.hash_address(
        "email", "a@example.org"
    )
    assert vault.hash_address("email", "a@x.org") != Vault(Secret("two")).hash_address(
        "email", "a@x.org"
    )
