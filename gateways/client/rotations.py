"""Transactions about the signers of a wallet's account: its recovery key, and its next key."""

from collections.abc import Callable

from gateways.client.keys import SigningKey, get_public_key
from gateways.client.transactions import build_transaction, make_owner, sign_transaction
from gateways.client.wallet_keys import Content
from schemas.generated.common import AccountID, Hash, PublicKey
from schemas.generated.operations import CreateSigner, ManageSigner, RemoveSigner
from schemas.strkey import decode_account_id


def make_recovery_signer(network_id: Hash, content: Content, now_ms: int) -> bytes:
    """The envelope by which the recovery seed may sign for the account from now on."""
    recovery = PublicKey(decode_account_id(content.recovery))
    return sign_transaction(
        build_transaction(
            network_id,
            AccountID(decode_account_id(content.account)),
            [ManageSigner(CreateSigner(make_owner(recovery)))],
            now_ms,
        ),
        content.key,
    )


def make_rotation(
    network_id: Hash, now_ms: int, old: PublicKey | None = None
) -> Callable[[Content, SigningKey], bytes]:
    """Replaces the key of a wallet by the new one. `old`: the key to remove, if another one than
    the key that signs.
    """

    def rotate(content: Content, new: SigningKey) -> bytes:
        gone = get_public_key(content.key) if old is None else old
        operations = [
            ManageSigner(CreateSigner(make_owner(get_public_key(new)))),
            ManageSigner(RemoveSigner(gone)),
        ]
        account = AccountID(decode_account_id(content.account))
        return sign_transaction(
            build_transaction(network_id, account, operations, now_ms), content.key
        )

    return rotate
