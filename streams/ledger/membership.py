"""Who may be in a transaction set: judged against the ledger before it, never while applying.

A set that breaks these rules is invalid, so nobody can burn another's transaction by copying it
with a bad signature. That each signature is true was verified before (see `admission`).
"""

from collections.abc import Sequence

from schemas.generated.common import AccountID, PublicKey
from schemas.generated.entries import Signer
from schemas.generated.events import RejectionCode
from schemas.generated.keys import KeyBytes, account_key, signer_key
from streams.ledger.access.requirements import SEND_TRANSACTION, Requirements
from streams.ledger.access.rules import NEVER
from streams.ledger.admission import Authority, Candidate, RejectionReason, compute_output_bytes
from streams.ledger.errors import InvalidSet, InvariantViolation
from streams.ledger.hash_window import HashWindow
from streams.ledger.operation_fees import get_operation_fee_asset
from streams.ledger.operations.table import OPERATIONS
from streams.ledger.state import LedgerState
from streams.ledger.values import SIGNATURE_THRESHOLD, compute_weight


def compute_rejection(
    state: LedgerState, window: HashWindow, candidate: Candidate, close_time_ms: int
) -> RejectionReason | None:
    """Why `candidate` may not be in a set that closes at `close_time_ms`; None: it may."""
    code = _compute_plain_rejection(state, window, candidate, close_time_ms)
    if code is None:
        code = _compute_auth_rejection(state, candidate, close_time_ms)
    if code is None:
        return None
    return RejectionReason(code, DETAILS[code], candidate.transaction_hash)


def compute_unsigned_rejection(
    state: LedgerState, window: HashWindow, candidate: Candidate, close_time_ms: int
) -> RejectionCode | None:
    """The same as far as it does not depend on who has signed."""
    code = _compute_plain_rejection(state, window, candidate, close_time_ms)
    if code is not None:
        return code
    needed = _gather_needed(state, candidate)
    return needed if isinstance(needed, RejectionCode) else None


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


def _compute_plain_rejection(
    state: LedgerState, window: HashWindow, candidate: Candidate, close_time_ms: int
) -> RejectionCode | None:
    """By the transaction's times and size, and whether it is new."""
    if candidate.is_sized_by_state or get_operation_fee_asset(state) is not None:
        candidate.is_sized_by_state = True  # also once operations are free again
        candidate.output_bytes = compute_output_bytes(
            candidate.transaction, candidate.envelope, state
        )
    transaction, settings = candidate.transaction, state.get_network_settings()
    if close_time_ms < transaction.min_time_ms:
        return RejectionCode.TOO_EARLY
    if close_time_ms > transaction.max_time_ms:
        return RejectionCode.TOO_LATE
    if transaction.max_time_ms > close_time_ms + settings.max_time_ahead_ms:
        return RejectionCode.TOO_FAR_AHEAD
    if candidate.output_bytes > settings.max_set_output_bytes:
        return RejectionCode.TOO_LARGE
    if window.has(candidate.transaction_hash, transaction.max_time_ms):
        return RejectionCode.DUPLICATE
    return None


def _compute_auth_rejection(
    state: LedgerState, candidate: Candidate, close_time_ms: int
) -> RejectionCode | None:
    """Remembers with the candidate what it was found authorized under."""
    needed = _gather_needed(state, candidate)
    if isinstance(needed, RejectionCode):
        return needed
    if _is_still_authorized(state, candidate.authority, needed, close_time_ms):
        return None
    judgement = _Judgement(state, candidate.signers, close_time_ms)
    code = judgement.compute_rejection(candidate.transaction.source_account, needed)
    if code is None:
        candidate.authority = Authority(
            state.access_rules, judgement.entries, needed, judgement.ends_at_ms
        )
    return code


def _gather_needed(
    state: LedgerState, candidate: Candidate
) -> list[tuple[AccountID, Requirements]] | RejectionCode:
    """What the signers of each account must be allowed."""
    source = candidate.transaction.source_account
    if state.get_account(source) is None:
        return RejectionCode.NO_ACCOUNT
    needed: list[tuple[AccountID, Requirements]] = []
    for operation in candidate.transaction.operations:
        actor = operation.source or source
        if state.get_account(actor) is None:
            return RejectionCode.NO_OPERATION_ACCOUNT
        get_requirements = OPERATIONS[type(operation.body)].get_requirements
        requirements = get_requirements(operation.body, actor, state)
        if requirements is None:
            return RejectionCode.UNRESOLVED
        if (actor, requirements) not in needed:
            needed.append((actor, requirements))
    return needed


def _is_still_authorized(
    state: LedgerState,
    authority: Authority | None,
    needed: list[tuple[AccountID, Requirements]],
    close_time_ms: int,
) -> bool:
    """Whether nothing has changed since that the judgement depended on."""
    if authority is None or authority.access_rules is not state.access_rules:
        return False
    if close_time_ms >= authority.ends_at_ms or authority.needed != needed:
        return False
    encoded = state.encoded
    return all(encoded.get(key) is raw for key, raw in authority.entries.items())


class _Judgement:
    """Who of an envelope's signers may sign what. Notes the accounts and signers that it asked for
    and when the first of their roles ends."""

    def __init__(
        self, state: LedgerState, signers: Sequence[PublicKey], close_time_ms: int
    ) -> None:
        self._state = state
        self._signers = signers
        self._close_time_ms = close_time_ms
        self._used: set[PublicKey] = set()
        self.entries: dict[KeyBytes, bytes | None] = {}
        self.ends_at_ms = NEVER

    def compute_rejection(
        self, source: AccountID, needed: list[tuple[AccountID, Requirements]]
    ) -> RejectionCode | None:
        """Order as TokenD's: the transaction's source, then every operation, then unused
        signatures. The transaction itself may be signed by any signer of its source."""
        account = self._state.get_account(source)
        self._note(account_key(source))
        if account is None:
            raise InvariantViolation(f"the source {source.hex()} is gone")
        role = self._state.access_rules.get_account_role(self._state, account.role_id)
        self.ends_at_ms = min(self.ends_at_ms, role.ends_at_ms)
        if not role.is_allowed(SEND_TRANSACTION, self._close_time_ms):
            return RejectionCode.SENDER_NOT_ALLOWED
        if not self._is_authorized(source, ()):
            return RejectionCode.BAD_AUTH
        for actor, requirements in needed:
            if not self._is_authorized(actor, requirements):
                return RejectionCode.BAD_AUTH
        return None if len(self._used) == len(self._signers) else RejectionCode.BAD_AUTH_EXTRA

    def _is_authorized(self, account_id: AccountID, requirements: Requirements) -> bool:
        """Whether those signers of the account that may sign this reach the threshold."""
        able = []
        for key in self._signers:
            signer = self._state.get_signer(account_id, key)
            self._note(signer_key(account_id, key))
            if signer is not None and self._may_sign(signer, requirements):
                able.append(signer)
                self._used.add(key)
        return compute_weight(able) >= SIGNATURE_THRESHOLD

    def _may_sign(self, signer: Signer, requirements: Requirements) -> bool:
        role = self._state.access_rules.get_signer_role(self._state, signer.data.role_id)
        if requirements:
            self.ends_at_ms = min(self.ends_at_ms, role.ends_at_ms)
        return all(role.is_allowed(each, self._close_time_ms) for each in requirements)

    def _note(self, key: KeyBytes) -> None:
        self.entries[key] = self._state.encoded.get(key)


DETAILS = {
    RejectionCode.TOO_EARLY: "the ledger has not reached min_time_ms",
    RejectionCode.TOO_LATE: "the ledger has passed max_time_ms",
    RejectionCode.TOO_FAR_AHEAD: "max_time_ms lies further ahead than the network allows",
    RejectionCode.DUPLICATE: "the transaction is in a ledger already",
    RejectionCode.TOO_LARGE: "the transaction's worst-case output exceeds a ledger's",
    RejectionCode.NO_ACCOUNT: "the source account does not exist",
    RejectionCode.SENDER_NOT_ALLOWED: "the source account's role may not send transactions",
    RejectionCode.NO_OPERATION_ACCOUNT: "the source account of an operation does not exist",
    RejectionCode.UNRESOLVED: "an operation names a balance, asset, signer or request that does not"
    " exist",
    RejectionCode.BAD_AUTH: "the signatures do not reach the threshold of 1000",
    RejectionCode.BAD_AUTH_EXTRA: "a signature is not needed",
}
