"""Builds and signs transactions, offline. Amounts are decimals here and units on the wire.

Operations are those of `schemas.generated.operations`; the makers below fill in the usual values.
Nothing is requested: the caller brings the network's id and time (`/v3/info` has both).
"""

import secrets
from collections.abc import Sequence

from gateways.client.errors import ClientError
from gateways.client.keys import SigningKey, get_public_key
from schemas.binary import Malformed, Unencodable
from schemas.codec import decode, encode
from schemas.generated.builders import OperationBody
from schemas.generated.common import (
    AccountID,
    Amount,
    Hash,
    PublicKey,
    Reference,
    Signature,
    SignerData,
)
from schemas.generated.operations import (
    CreateAccount,
    CreateAsset,
    CreateIssuanceRequest,
    CreatePreissuanceRequest,
    IssuanceToAccount,
    IssuanceToBalance,
    ManageAsset,
    ManageBalance,
    ManageBalanceAction,
    Payment,
    PaymentToAccount,
    PaymentToBalance,
    PreissuanceContent,
)
from schemas.generated.transactions import (
    DecoratedSignature,
    Operation,
    Transaction,
    TransactionEnvelope,
)
from schemas.strkey import StrkeyError, decode_account_id, decode_balance_id
from schemas.values import parse_amount
from streams.ledger.hashes import compute_preissuance_hash, compute_transaction_hash
from streams.ledger.references import DAY_MS
from streams.ledger.values import GENERAL_ROLE, OWNER_SIGNER_ROLE, SIGNATURE_THRESHOLD, AssetPolicy

LIFETIME_MS = 5 * 60_000


def build_transaction(
    network_id: Hash,
    source: AccountID,
    bodies: Sequence[OperationBody | Operation],
    now_ms: int,
    *,
    memo: str = "",
    lifetime_ms: int = LIFETIME_MS,
) -> Transaction:
    """`now_ms`: the network's time, a ledger's close time. The salt is random."""
    operations = [each if isinstance(each, Operation) else Operation(None, each) for each in bodies]
    return Transaction(
        network_id=network_id,
        source_account=source,
        salt=secrets.randbits(64),
        min_time_ms=0,
        max_time_ms=now_ms + lifetime_ms,
        memo=memo,
        operations=tuple(operations),
    )


def sign_transaction(transaction: Transaction, *keys: SigningKey) -> bytes:
    """Envelope bytes. Raises ClientError if the transaction does not fit the contract."""
    try:
        raw = encode(transaction)
    except Unencodable as error:
        raise ClientError(f"the transaction: {error}") from None
    return add_signatures(encode(TransactionEnvelope(raw, ())), transaction.network_id, *keys)


def add_signatures(envelope: bytes, network_id: Hash, *keys: SigningKey) -> bytes:
    """The envelope with more signatures. One of the same signer is replaced."""
    outer = decode_envelope(envelope)
    transaction_hash = compute_transaction_hash(network_id, outer.transaction)
    signatures = {each.signer: each for each in outer.signatures}
    for key in keys:
        signer = get_public_key(key)
        signature = Signature(key.sign(transaction_hash).signature)
        signatures[signer] = DecoratedSignature(signer, signature)
    ordered = tuple(signatures[signer] for signer in sorted(signatures))
    return encode(TransactionEnvelope(outer.transaction, ordered))


def decode_envelope(envelope: bytes) -> TransactionEnvelope:
    """Raises ClientError."""
    try:
        return decode(TransactionEnvelope, envelope)
    except Malformed as error:
        raise ClientError(f"this is not an envelope: {error}") from None


def decode_transaction(envelope: bytes) -> Transaction:
    """The transaction in it. Raises ClientError."""
    try:
        return decode(Transaction, decode_envelope(envelope).transaction)
    except Malformed as error:
        raise ClientError(f"the envelope holds no transaction: {error}") from None


def compute_envelope_transaction_hash(envelope: bytes) -> Hash:
    """The hash of its transaction, on the network that it is meant for."""
    network_id = decode_transaction(envelope).network_id
    return compute_transaction_hash(network_id, decode_envelope(envelope).transaction)


def make_owner(public_key: PublicKey) -> SignerData:
    """A signer that may do everything for its account, alone."""
    return SignerData(public_key, OWNER_SIGNER_ROLE, SIGNATURE_THRESHOLD, 0, b"")


def make_create_account(
    account_id: AccountID, signers: Sequence[SignerData] = (), role_id: int = GENERAL_ROLE
) -> CreateAccount:
    """By default the key that names the account owns it."""
    given = tuple(signers) or (make_owner(PublicKey(bytes(account_id))),)
    return CreateAccount(account_id, None, role_id, given)


def make_create_balance(account_id: AccountID, asset: str) -> ManageBalance:
    """The account's one balance of the asset."""
    return ManageBalance(ManageBalanceAction.CREATE_UNIQUE, account_id, asset)


def make_create_asset(
    code: str,
    digits: int,
    issuance_max: str,
    preissuer: PublicKey,
    policies: AssetPolicy = AssetPolicy.TRANSFERABLE,
    details: bytes = b"",
) -> ManageAsset:
    """`issuance_max` is a decimal, and pre-issued as a whole. Raises ClientError."""
    most = to_units(issuance_max, digits)
    action = CreateAsset(
        code=code,
        preissued_asset_signer=preissuer,
        max_issuance_amount=most,
        initial_preissued_amount=most,
        policies=int(policies),
        creator_details=details,
        asset_type=0,
        trailing_digits=digits,
        all_tasks=None,
    )
    return ManageAsset(0, action)


def make_preissuance(
    network_id: Hash, preissuer: SigningKey, asset: str, units: Amount, reference: Reference
) -> CreatePreissuanceRequest:
    """Signed by the asset's offline key, which need not be where the transaction is signed.
    `reference` is unique among the issuer's issuances and pre-issuances. Raises ClientError."""
    try:
        content = encode(PreissuanceContent(asset, units, reference))
    except Unencodable as error:
        raise ClientError(f"the pre-issuance cannot be encoded: {error}") from None
    signature = preissuer.sign(compute_preissuance_hash(network_id, content)).signature
    return CreatePreissuanceRequest(
        asset, units, reference, get_public_key(preissuer), Signature(signature), b"", None
    )


def make_issuance(
    asset: str, units: Amount, receiver: str, reference: Reference, details: bytes = b""
) -> CreateIssuanceRequest:
    """To an account `G...` or a balance `B...`. `reference` is unique for the issuer. Raises
    ClientError."""
    destination = _read_destination(receiver)
    to: IssuanceToAccount | IssuanceToBalance
    if isinstance(destination, PaymentToAccount):
        to = IssuanceToAccount(destination.account_id)
    else:
        to = IssuanceToBalance(destination.balance_id)
    return CreateIssuanceRequest(asset, units, to, details, reference, None)


def make_payment(
    source_balance: str,
    destination: str,
    units: Amount,
    reference: Reference | None = None,
    subject: str = "",
) -> Payment:
    """From a balance `B...` to an account `G...` or a balance `B...`. Raises ClientError."""
    source = _read_destination(source_balance)
    if isinstance(source, PaymentToAccount):
        raise ClientError("a payment comes from a balance (B...), not from an account")
    to = _read_destination(destination)
    return Payment(source.balance_id, to, units, None, subject, reference)


def make_reference(text: str, close_time_ms: int) -> Reference:
    """Of the day of `close_time_ms`, the newest close time that is known (`/v3/info`). A retry of
    the same payment must keep the day, so keep the reference, not the text alone."""
    return Reference(close_time_ms // DAY_MS, text)


def to_units(amount: str, digits: int) -> Amount:
    """A decimal in units of an asset with `digits` decimals. Raises ClientError."""
    try:
        return Amount(parse_amount(amount, digits))
    except ValueError as error:
        raise ClientError(str(error)) from None


def _read_destination(text: str) -> PaymentToAccount | PaymentToBalance:
    try:
        if text.startswith("B"):
            return PaymentToBalance(decode_balance_id(text))
        return PaymentToAccount(decode_account_id(text))
    except StrkeyError as error:
        raise ClientError(str(error)) from None
