"""What an instance signs, when, and which signatures go to the network. Pure.

From the same final facts every instance makes the same bytes (`streams.ledger.windows`). It signs a
fact in the window in which it first holds it, and 1, 2, 4, 8, ... windows later; a peer's evidence
for the current window is answered at any time, if the own derivation is the same. Nothing is ever
signed that was not derived here.
"""

from collections.abc import Callable, Iterable, Mapping
from typing import NamedTuple

import msgspec

from processors.psim.intents import Intent
from schemas.codec import encode
from schemas.generated.common import AccountID, Hash, PublicKey, Signature
from schemas.generated.entries import Signer
from schemas.generated.events import Evidence, EvidenceSignature
from schemas.generated.transactions import DecoratedSignature, TransactionEnvelope
from streams.ledger.hashes import compute_transaction_hash
from streams.ledger.signatures import is_valid_signature
from streams.ledger.values import SIGNATURE_THRESHOLD, compute_weight
from streams.ledger.windows import make_window_transaction

HELD_MAX = 100_000
"""Records of peers about facts that are not held here, in one window; more are dropped."""


class Publish(NamedTuple):
    """To the other instances; `evidence` is None where a peer has told it already."""

    evidence: Evidence | None
    signature: EvidenceSignature


class Submit(NamedTuple):
    """To the network: enough signatures are there."""

    envelope: bytes
    transaction_hash: Hash


class Disagreement(NamedTuple):
    """Two derivations from one fact: the bytes of both transactions."""

    key: Hash
    window: int
    own: bytes
    peer: PublicKey
    theirs: bytes


class Round(msgspec.Struct):
    """One fact in one window, as it is derived here. `checked`: how many signatures there were when
    they were judged last. `is_closed`: it stands in a ledger."""

    intent: Intent
    window: int
    transaction: bytes
    transaction_hash: Hash
    checked: int = 0
    is_signed: bool = False
    is_submitted: bool = False
    is_closed: bool = False


Output = Publish | Submit


class Signing:
    """One service's. `sign`: with the instance's own key `public_key`."""

    def __init__(
        self,
        service: str,
        network_id: Hash,
        source: AccountID,
        public_key: PublicKey,
        sign: Callable[[Hash], Signature],
    ) -> None:
        self._service = service
        self._network_id = network_id
        self._source = source
        self._public_key = public_key
        self._sign = sign
        self._window = -1
        self._first: dict[Hash, int] = {}  # the window in which each fact was first held
        self._rounds: dict[Hash, Round] = {}  # of the current window, by evidence key
        self._by_hash: dict[Hash, Round] = {}
        self._evidence: dict[Hash, dict[PublicKey, Evidence]] = {}
        self._signatures: dict[Hash, dict[PublicKey, Signature]] = {}
        self._early: list[Evidence | EvidenceSignature] = []  # of the next window
        self._held = 0

    def step(
        self, window: int, intents: Mapping[Hash, Intent], signers: Mapping[PublicKey, Signer]
    ) -> list[Output]:
        """With what is derived now; `signers`: those of the source account now."""
        if window != self._window:
            self._begin(window)
        for key in [each for each in self._first if each not in intents]:
            del self._first[key]
            self._forget(key)
        outputs: list[Output] = []
        if self._public_key not in signers:
            return outputs
        for key, intent in intents.items():
            made = self._rounds.get(key)
            if made is not None and (made.is_closed or made.is_signed) and made.intent == intent:
                outputs += self._submit(made, signers)
                continue
            is_due = self._is_due(key, intent)
            if is_due or key in self._evidence:
                made = self._make_round(intent)
                if is_due or self._is_told(made):
                    outputs.append(self._sign_round(made))
                    outputs += self._submit(made, signers)
        return outputs

    def take(self, told: Evidence | EvidenceSignature) -> None:
        """What a peer derived, or its signature; whether it is one is judged when it is used. It
        counts in its window only, which a peer may have seen begin a moment earlier."""
        if told.window not in (self._window, self._window + 1) or not self._make_room():
            return
        if told.window != self._window:
            self._early.append(told)
        elif isinstance(told, Evidence):
            self._evidence.setdefault(told.key, {})[told.signer] = told
        else:
            self._signatures.setdefault(told.transaction_hash, {})[told.signer] = told.signature

    def note_applied(self, hashes: Iterable[Hash]) -> None:
        """Transactions that stand in a ledger, whatever came of them: nothing is repeated."""
        for each in hashes:
            made = self._by_hash.get(each)
            if made is not None:
                made.is_closed = True

    def repeat(self, signers: Mapping[PublicKey, Signer]) -> list[Output]:
        """Once more what was signed in this window and stands in no ledger: it may be lost."""
        outputs: list[Output] = []
        for made in self._rounds.values():
            if made.is_signed and not made.is_closed:
                outputs.append(self._publish(made, is_told=False))
                made.is_submitted, made.checked = False, 0
                outputs += self._submit(made, signers)
        return outputs

    def find_disagreements(self) -> list[Disagreement]:
        """Of the current window: facts about which a peer derived something else."""
        return [
            Disagreement(key, made.window, made.transaction, peer, evidence.transaction)
            for key, made in self._rounds.items()
            for peer, evidence in sorted(self._evidence.get(key, {}).items())
            if evidence.transaction != made.transaction
        ]

    def count_open(self) -> int:
        """Facts that were signed here in this window and stand in no ledger."""
        return sum(made.is_signed and not made.is_closed for made in self._rounds.values())

    def _begin(self, window: int) -> None:
        self._window = window
        self._rounds, self._by_hash = {}, {}
        self._evidence, self._signatures, self._held = {}, {}, 0
        early, self._early = self._early, []
        for told in early:
            if told.window == window:
                self.take(told)

    def _forget(self, key: Hash) -> None:
        made = self._rounds.pop(key, None)
        if made is not None:
            self._by_hash.pop(made.transaction_hash, None)
            self._signatures.pop(made.transaction_hash, None)
        self._evidence.pop(key, None)

    def _make_room(self) -> bool:
        self._held += 1
        return self._held <= HELD_MAX

    def _is_due(self, key: Hash, intent: Intent) -> bool:
        """In the window of the beginning, and 1, 2, 4, 8, ... windows later."""
        if not intent.is_offered:
            return False
        passed = self._window - self._first.setdefault(key, self._window)
        return passed & (passed - 1) == 0

    def _make_round(self, intent: Intent) -> Round:
        before = self._rounds.get(intent.key)
        if before is not None and before.intent == intent:
            return before
        transaction = make_window_transaction(
            self._network_id,
            self._source,
            intent.operation,
            intent.key,
            self._window,
            *intent.bodies,
        )
        raw = encode(transaction)
        made = Round(intent, self._window, raw, compute_transaction_hash(self._network_id, raw))
        self._first.setdefault(intent.key, self._window)
        self._rounds[intent.key] = self._by_hash[made.transaction_hash] = made
        return made

    def _is_told(self, made: Round) -> bool:
        told = self._evidence.get(made.intent.key, {}).values()
        return any(each.transaction == made.transaction for each in told)

    def _sign_round(self, made: Round) -> Publish:
        signature = self._sign(made.transaction_hash)
        signatures = self._signatures.setdefault(made.transaction_hash, {})
        signatures[self._public_key] = signature
        made.is_signed = True
        return self._publish(made, self._is_told(made))

    def _publish(self, made: Round, is_told: bool) -> Publish:
        signature = self._signatures[made.transaction_hash][self._public_key]
        key, window = made.intent.key, made.window
        evidence = None
        if not is_told:
            evidence = Evidence(self._service, key, window, made.transaction, self._public_key)
        return Publish(
            evidence,
            EvidenceSignature(key, window, made.transaction_hash, self._public_key, signature),
        )

    def _submit(self, made: Round, signers: Mapping[PublicKey, Signer]) -> list[Output]:
        if made.is_closed or made.is_submitted or not made.is_signed:
            return []
        given = self._signatures[made.transaction_hash]
        if len(given) == made.checked:
            return []
        for key in sorted(set(given) & set(signers)):
            if not is_valid_signature(key, made.transaction_hash, given[key]):
                del given[key]
        made.checked = len(given)
        chosen = choose_signers([signers[key] for key in sorted(set(given) & set(signers))])
        if not chosen:
            return []
        made.is_submitted = True
        signatures = tuple(DecoratedSignature(key, given[key]) for key in chosen)
        envelope = encode(TransactionEnvelope(made.transaction, signatures))
        return [Submit(envelope, made.transaction_hash)]


def choose_signers(signers: list[Signer]) -> list[PublicKey]:
    """A minimal set of these that reaches the threshold, ascending by key, the first of them in
    preference, so that instances submit the same envelope; empty: they do not reach it."""
    chosen = sorted(signers, key=lambda each: each.data.public_key)
    if compute_weight(chosen) < SIGNATURE_THRESHOLD:
        return []
    for each in reversed(chosen.copy()):
        without = [other for other in chosen if other is not each]
        if compute_weight(without) >= SIGNATURE_THRESHOLD:
            chosen = without
    return [each.data.public_key for each in chosen]
