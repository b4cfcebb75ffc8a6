"""Keysets of the network's wallets. The ledger knows who holds which key, and no cryptography of a
chain."""

from collections.abc import Sequence

from schemas.generated.common import (
    Cosigner,
    EthereumKey,
    ExtendedPublicKey,
    WalletKind,
)
from schemas.generated.entries import Keyset
from streams.ledger.requests.policies import get_terms
from streams.ledger.state import LedgerState
from streams.ledger.values import is_word

REVIEWERS_MIN = 2


def get_current_keyset(state: LedgerState, chain_id: str, wallet: WalletKind) -> Keyset | None:
    found = state.get_wallet(chain_id, wallet)
    return None if found is None else state.get_keyset(chain_id, wallet, found.keyset_version)


def are_cosigners(cosigners: Sequence[Cosigner]) -> bool:
    """Whether slots count from 0, nobody and no key stands there twice, and keys have a form."""
    if [each.slot for each in cosigners] != list(range(len(cosigners))):
        return False
    accounts = {each.account_id for each in cosigners}
    keys = {each.key for each in cosigners}
    is_unique = len(accounts) == len(cosigners) == len(keys)
    return is_unique and all(_has_form(each) for each in cosigners)


def is_policy_strong(state: LedgerState) -> bool:
    """Whether governed changes need several people and time, as replacing keys should."""
    terms = get_terms(state, "governed_change", None, 0)
    return terms is not None and terms.reviewers >= REVIEWERS_MIN and terms.delay_ms > 0


def _has_form(cosigner: Cosigner) -> bool:
    match cosigner.key:
        case ExtendedPublicKey(text):
            return is_word(text)
        case EthereumKey(address):
            return any(address)
        case _:
            return True
