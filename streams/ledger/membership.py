"""Who may be in a transaction set: judged against the ledger before it, never while applying.

A set that breaks these rules is invalid, so nobody can burn another's transaction by copying it
with a bad signature. That each signature is true was verified before (see `admission`).
"""

from collections.abc import Sequence

from schemas.generated.common import AccountID, Permission, PublicKey
from schemas.generated.entries import Signer
from schemas.generated.events import RejectionCode
from schemas.generated.keys import KeyBytes, account_key, signer_key
from streams.ledger.admission import Authority, Candidate, RejectionReason, compute_output_bytes
from streams.ledger.errors import InvalidSet
from streams.ledger.hash_window import HashWindow
from streams.ledger.operations.table import OPERATIONS
from streams.ledger.state import LedgerState
from streams.ledger.values import SIGNATURE_THRESHOLD, has_permission


def compute_rejection(
    state: LedgerState, window: HashWindow, candidate: Candidate, close_time_ms: int
) -> RejectionReason | None:
    """Why `candidate` may not be in a set that closes at `close_time_ms`; None: it may."""
    if candidate.is_sized_by_state:
        candidate.output_bytes = compute_output_bytes(
            candidate.transaction, candidate.envelope, state
        )
    code = _compute_plain_rejection(state, candidate, close_time_ms)
    if code is None and window.has(candidate.transaction_hash, candidate.transaction.max_time_ms):
        code = RejectionCode.DUPLICATE
    if code is None and not _is_still_authorized(state, candidate.authority):
        entries: dict[KeyBytes, bytes | None] = {}
        code = _compute_auth_rejection(state, candidate, entries)
        if code is None:
            candidate.authority = Authority(state.roles, entries)
    if code is None:
        return None
    return RejectionReason(code, DETAILS[code], candidate.transaction_hash)


def validate_set(
    state: LedgerState, window: HashWindow, candidates: Sequence[Candidate], close_time_ms: int
) -> None:
    """Raises `InvalidSet` unless every candidate may be in the set, and all of them together."""
    settings = state.get_network_settings()
    if len(candidates) > settings.max_set_transactions:
        raise InvalidSet(f"{len(candidates)} transactions, {settings.max_set_transactions} allowed")
    if len({each.transaction_hash for each in candidates}) != len(candidates):
        raise InvalidSet("two envelopes of one transaction")
    for candidate in candidates:
        rejection = compute_rejection(state, window, candidate, close_time_ms)
        if rejection is not None:
            raise InvalidSet(f"{candidate.envelope_hash.hex()}: {rejection.code.name}")
    if sum(each.output_bytes for each in candidates) > settings.max_set_output_bytes:
        raise InvalidSet("the transactions' worst-case output exceeds a ledger's")


def compute_weight(signers: Sequence[Signer]) -> int:
    """Only the heaviest signer of an identity counts."""
    if len(signers) == 1:  # the most common case, at a third of the cost
        return signers[0].data.weight
    heaviest: dict[int, int] = {}
    for signer in signers:
        data = signer.data
        heaviest[data.identity] = max(data.weight, heaviest.get(data.identity, 0))
    return sum(heaviest.values())


def _compute_plain_rejection(
    state: LedgerState, candidate: Candidate, close_time_ms: int
) -> RejectionCode | None:
    """By the transaction's times and size."""
    transaction, settings = candidate.transaction, state.get_network_settings()
    if close_time_ms < transaction.min_time_ms:
        return RejectionCode.TOO_EARLY
    if close_time_ms > transaction.max_time_ms:
        return RejectionCode.TOO_LATE
    if transaction.max_time_ms > close_time_ms + settings.max_time_ahead_ms:
        return RejectionCode.TOO_FAR_AHEAD
    if candidate.output_bytes > settings.max_set_output_bytes:
        return RejectionCode.TOO_LARGE
    return None


def _is_still_authorized(state: LedgerState, authority: Authority | None) -> bool:
    """Whether nothing has changed since that the judgement depended on."""
    if authority is None or authority.roles is not state.roles:
        return False
    encoded = state.encoded
    return all(encoded.get(key) is raw for key, raw in authority.entries.items())


def _compute_auth_rejection(
    state: LedgerState, candidate: Candidate, entries: dict[KeyBytes, bytes | None]
) -> RejectionCode | None:
    """Order as TokenD's: the transaction's source, then every operation, then unused signatures.

    Notes in `entries` the accounts and signers that were asked for.
    """
    transaction, signers = candidate.transaction, candidate.signers
    source = transaction.source_account
    account = state.get_account(source)
    _note(state, entries, account_key(source))
    if account is None:
        return RejectionCode.NO_ACCOUNT
    if not has_permission(state.get_account_role(account.role_id), Permission.SEND_TRANSACTION):
        return RejectionCode.SENDER_NOT_ALLOWED
    used: set[PublicKey] = set()
    if not _is_authorized(state, source, signers, None, used, entries):
        return RejectionCode.BAD_AUTH
    checked: list[tuple[AccountID, Permission]] = []  # a permission's hash costs more than it saves
    for operation in transaction.operations:
        actor = operation.source or source
        permission = OPERATIONS[type(operation.body)].permission
        if (actor, permission) in checked:
            continue
        checked.append((actor, permission))
        _note(state, entries, account_key(actor))
        if state.get_account(actor) is None:
            return RejectionCode.NO_OPERATION_ACCOUNT
        if not _is_authorized(state, actor, signers, permission, used, entries):
            return RejectionCode.BAD_AUTH
    if len(used) != len(signers):
        return RejectionCode.BAD_AUTH_EXTRA
    return None


def _is_authorized(
    state: LedgerState,
    account_id: AccountID,
    signers: Sequence[PublicKey],
    permission: Permission | None,
    used: set[PublicKey],
    entries: dict[KeyBytes, bytes | None],
) -> bool:
    """Whether those of `signers` that may sign this reach the threshold; notes them in `used`."""
    able = []
    for key in signers:
        signer = state.get_signer(account_id, key)
        _note(state, entries, signer_key(account_id, key))
        if signer is not None and _may_sign(state, signer, permission):
            able.append(signer)
            used.add(key)
    return compute_weight(able) >= SIGNATURE_THRESHOLD


def _note(state: LedgerState, entries: dict[KeyBytes, bytes | None], key: KeyBytes) -> None:
    entries[key] = state.encoded.get(key)


def _may_sign(state: LedgerState, signer: Signer, permission: Permission | None) -> bool:
    """The transaction itself may be signed by any signer of its source (TokenD 1.1)."""
    if permission is None:
        return True
    return has_permission(state.get_signer_role(signer.data.role_id), permission)


DETAILS = {
    RejectionCode.TOO_EARLY: "the ledger has not reached min_time_ms",
    RejectionCode.TOO_LATE: "the ledger has passed max_time_ms",
    RejectionCode.TOO_FAR_AHEAD: "max_time_ms lies further ahead than the network allows",
    RejectionCode.DUPLICATE: "the transaction is in a ledger already",
    RejectionCode.TOO_LARGE: "the transaction's worst-case output exceeds a ledger's",
    RejectionCode.NO_ACCOUNT: "the source account does not exist",
    RejectionCode.SENDER_NOT_ALLOWED: "the source account's role may not send transactions",
    RejectionCode.NO_OPERATION_ACCOUNT: "the source account of an operation does not exist",
    RejectionCode.BAD_AUTH: "the signatures do not reach the threshold of 1000",
    RejectionCode.BAD_AUTH_EXTRA: "a signature is not needed",
}
