"""Who signs what, and when: windows, answers, minimal sets, disagreement."""

from typing import Any

import pytest

from processors.psim.intents import Intent, compute_evidence_key
from processors.psim.signing.rules import Publish, Signing, Submit, choose_signers
from schemas.codec import decode
from schemas.generated.common import Hash, Signature, SignerData
from schemas.generated.entries import Signer
from schemas.generated.events import Evidence, EvidenceSignature
from schemas.generated.operations import AdvanceCheckpoint, CheckpointChain
from schemas.generated.transactions import Transaction, TransactionEnvelope
from streams.ledger.values import OWNER_SIGNER_ROLE
from streams.ledger.windows import compute_window_times
from tests.processors.psim.world import NAMES, make_signer
from tests.support.network import get_account, get_public_key

NETWORK_ID = Hash(bytes([7]) * 32)
SOURCE = get_account("custody")
KEY = compute_evidence_key("checkpoint", "chain", 1)


def make_intent(height: int = 1, *, is_offered: bool = True) -> Intent:
    body = CheckpointChain("eip155:1", AdvanceCheckpoint(height, Hash(bytes(32))))
    return Intent(KEY, "checkpoint_chain", (body,), is_offered)


def make_entry(name: str, weight: int = 500, identity: int | None = None) -> Signer:
    number = NAMES.index(name) + 1 if identity is None else identity
    data = SignerData(get_public_key(name), OWNER_SIGNER_ROLE, weight, number, b"")
    return Signer(SOURCE, data)


SIGNERS = {get_public_key(name): make_entry(name) for name in NAMES}


def make_signing(name: str) -> Signing:
    key = make_signer(name)
    return Signing("deposit", NETWORK_ID, SOURCE, key.public_key, key.sign)


def step(signing: Signing, window: int, *intents: Intent) -> list[Any]:
    return signing.step(window, {each.key: each for each in intents}, SIGNERS)


def get_told(outputs: list[Any]) -> list[Evidence | EvidenceSignature]:
    told = [each for each in outputs if isinstance(each, Publish)]
    return [part for each in told for part in (each.evidence, each.signature) if part is not None]


def tell(signing: Signing, outputs: list[Any]) -> None:
    for each in get_told(outputs):
        signing.take(each)


def test_a_fact_is_signed_in_its_first_window_and_1_2_4_8_windows_later() -> None:
    signing = make_signing("psim1")
    signed = [w for w in range(100, 140) if get_told(step(signing, w, make_intent()))]
    assert [window - 100 for window in signed] == [0, 1, 2, 4, 8, 16, 32]


def test_two_signatures_of_the_same_bytes_are_submitted_in_the_window_s_times() -> None:
    first, second = make_signing("psim1"), make_signing("psim2")
    told = step(first, 5, make_intent())
    assert step(second, 5) == []
    tell(second, told)
    outputs = step(second, 5, make_intent())
    (envelope,) = [each.envelope for each in outputs if isinstance(each, Submit)]
    opened = decode(TransactionEnvelope, envelope)
    keys = [each.signer for each in opened.signatures]
    assert keys == sorted(map(get_public_key, ("psim1", "psim2")))
    transaction = decode(Transaction, opened.transaction)
    times = compute_window_times(5)
    assert (transaction.min_time_ms, transaction.max_time_ms) == times


def test_a_peer_is_answered_in_windows_in_which_one_is_silent_oneself() -> None:
    first, second = make_signing("psim1"), make_signing("psim2")
    for window in (10, 11, 12):
        step(first, window, make_intent())
    assert step(first, 13, make_intent()) == []
    asked = step(second, 13, make_intent())
    tell(first, asked)
    outputs = step(first, 13, make_intent())
    assert any(isinstance(each, Submit) for each in outputs)
    (answer,) = [each for each in outputs if isinstance(each, Publish)]
    assert answer.evidence is None


def test_what_is_not_derived_here_is_never_signed() -> None:
    first, second = make_signing("psim1"), make_signing("psim2")
    step(second, 5)
    tell(second, step(first, 5, make_intent()))
    assert step(second, 5) == []
    assert step(second, 5, make_intent(is_offered=False))


def test_what_is_not_offered_waits_until_a_peer_asks() -> None:
    signing = make_signing("psim1")
    assert step(signing, 5, make_intent(is_offered=False)) == []


def test_evidence_of_another_window_is_not_answered() -> None:
    first, second = make_signing("psim1"), make_signing("psim2")
    for window in (10, 11, 12):
        step(first, window, make_intent())
    asked = step(second, 12, make_intent())
    step(first, 13, make_intent())
    tell(first, asked)
    assert step(first, 13, make_intent()) == []


def test_a_peer_whose_window_began_a_moment_earlier_is_heard() -> None:
    first, second = make_signing("psim1"), make_signing("psim2")
    step(first, 5)
    tell(first, step(second, 6, make_intent()))
    outputs = step(first, 6, make_intent())
    assert any(isinstance(each, Submit) for each in outputs)


def test_another_derivation_is_not_answered_but_shown() -> None:
    first, second = make_signing("psim1"), make_signing("psim2")
    own = step(first, 5, make_intent())
    tell(first, step(second, 5, make_intent(height=2)))
    assert step(first, 5, make_intent()) == []
    (found,) = first.find_disagreements()
    assert found.peer == get_public_key("psim2")
    assert found.own == get_told(own)[0].transaction  # type: ignore[union-attr]
    assert found.theirs != found.own


def test_a_false_signature_counts_for_nothing() -> None:
    first, second = make_signing("psim1"), make_signing("psim2")
    step(first, 5, make_intent())
    (evidence, given) = get_told(step(second, 5, make_intent()))
    assert isinstance(given, EvidenceSignature)
    forged = EvidenceSignature(
        given.key, given.window, given.transaction_hash, given.signer, Signature(bytes(64))
    )
    first.take(evidence)
    first.take(forged)
    assert step(first, 5, make_intent()) == []
    first.take(given)
    assert [type(each) for each in step(first, 5, make_intent())] == [Submit]


def test_a_signer_that_was_removed_counts_for_nothing() -> None:
    first, second = make_signing("psim1"), make_signing("psim2")
    step(first, 5, make_intent())
    tell(first, step(second, 5, make_intent()))
    left = {key: each for key, each in SIGNERS.items() if key != get_public_key("psim2")}
    assert first.step(5, {KEY: make_intent()}, left) == []


def test_what_stands_in_a_ledger_is_not_repeated() -> None:
    signing = make_signing("psim1")
    (told,) = step(signing, 5, make_intent())
    assert signing.repeat(SIGNERS)
    signing.note_applied([told.signature.transaction_hash])
    assert signing.repeat(SIGNERS) == []
    assert signing.count_open() == 0


@pytest.mark.parametrize(
    ("signers", "chosen"),
    [
        ([("psim1", 500, 1), ("psim2", 500, 2), ("psim3", 500, 3)], 2),
        ([("psim1", 400, 1), ("psim2", 400, 2), ("psim3", 600, 3)], 2),
        ([("psim1", 500, 1), ("psim2", 500, 1), ("psim3", 400, 3)], 0),
        ([("psim1", 1000, 1), ("psim2", 500, 2), ("psim3", 500, 3)], 1),
        ([("psim1", 334, 1), ("psim2", 333, 2), ("psim3", 333, 3)], 3),
    ],
)
def test_a_minimal_set_reaches_the_threshold(
    signers: list[tuple[str, int, int]], chosen: int
) -> None:
    entries = {get_public_key(name): make_entry(name, *rest) for name, *rest in signers}
    found = choose_signers(list(entries.values()))
    assert len(found) == chosen
    assert found == sorted(found)
    weight = sum(entries[key].data.weight for key in found)
    assert all(weight - entries[key].data.weight < 1000 for key in found)
