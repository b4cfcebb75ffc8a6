"""What transfers use up outside the network: outputs, nonces, keys. Each belongs to one open
transfer at most, so that no two of them can both happen."""

from collections.abc import Sequence

from schemas.codec import encode
from schemas.generated.common import (
    U64,
    Hash,
    IdempotencyResource,
    NonceResource,
    Resource,
    UtxoResource,
)
from schemas.generated.entries import Keyset, UsedResource, WalletNonce
from streams.ledger.border.chains import is_bank
from streams.ledger.hashes import compute_hash
from streams.ledger.state import LedgerDelta, LedgerState
from streams.ledger.values import is_word


def compute_resource_id(resource: Resource) -> Hash:
    return compute_hash(encode(resource))


def get_nonces(resources: Sequence[Resource]) -> list[NonceResource]:
    return [each.resource for each in resources if isinstance(each.resource, NonceResource)]


def are_resources(resources: Sequence[Resource], chain_id: str) -> bool:
    """Whether each has its form, is of this chain, and stands there once; one nonce at most."""
    ids = {compute_resource_id(each) for each in resources}
    if len(ids) != len(resources) or len(get_nonces(resources)) > 1:
        return False
    return all(_has_form(each, chain_id) for each in resources)


def is_any_in_use(state: LedgerState, resources: Sequence[Resource]) -> bool:
    return any(state.get_used_resource(compute_resource_id(each)) is not None for each in resources)


def use_resources(
    delta: LedgerDelta, transfer_id: U64, resources: Sequence[Resource]
) -> tuple[Hash, ...]:
    """Gives them to the transfer; returns their ids. The caller has checked that they are free."""
    for each in resources:
        delta.put(UsedResource(compute_resource_id(each), transfer_id, each))
        if isinstance(each.resource, NonceResource):
            nonce = each.resource
            delta.put(WalletNonce(nonce.chain_id, nonce.account, U64(nonce.number + 1)))
    return tuple(compute_resource_id(each) for each in resources)


def does_keyset_bind(state: LedgerState, keyset: Keyset, nonces: Sequence[NonceResource]) -> bool:
    """Whether a transfer of the keyset may use these: the nonces of its account, from where it
    binds to where the next keyset does."""
    if bool(keyset.account) is not bool(nonces):
        return False
    following = state.get_keyset(keyset.chain_id, keyset.wallet, keyset.version + 1)
    return all(
        each.account == keyset.account
        and each.number >= keyset.binds_from
        and (following is None or each.number < following.binds_from)
        for each in nonces
    )


def is_next(state: LedgerState, nonce: NonceResource) -> bool:
    """Nonces are given out one after the other."""
    found = state.get_wallet_nonce(nonce.chain_id, nonce.account)
    return found is not None and found.next == nonce.number


def _has_form(each: Resource, chain_id: str) -> bool:
    match each.resource:
        case UtxoResource(of):
            return of == chain_id and not is_bank(chain_id)
        case NonceResource(of, account):
            return of == chain_id and is_word(account)
        case IdempotencyResource(of, key):
            return of == chain_id and is_word(key)
