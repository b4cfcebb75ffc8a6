"""Bugs that were made on purpose: each must be found by the schedules."""

from collections.abc import Callable, Mapping
from typing import Any

import pytest

from processors.psim import meanings
from processors.psim import view as views
from processors.psim.chains.source import Block, ChainPayment
from processors.psim.deposit import chain, rules, watch
from processors.psim.intents import Intent
from processors.psim.signing import rules as signing
from schemas.codec import decode
from schemas.generated.common import Amount, Hash, PublicKey
from schemas.generated.entries import ExternalAddress, ExternalAddressState, Signer
from schemas.generated.transactions import Transaction
from tests.processors.psim.chain_model import ModelSource
from tests.processors.psim.schedules import OTHER_TOKEN, DeepSchedule, Schedule
from tests.processors.psim.world import TOKEN

Patch = pytest.MonkeyPatch
Plant = Callable[[Patch], None]


def take_the_tip_for_final(patch: Patch) -> None:
    async def get_final_height(source: ModelSource) -> int:
        return await source.get_tip_height()

    patch.setattr(ModelSource, "get_final_height", get_final_height)


def name_transactions_without_outputs(patch: Patch) -> None:
    right = rules.compute_reference_text

    def compute(chain_id: str, transaction_id: Hash, ordinal: int) -> str:
        return right(chain_id, transaction_id, 0 * ordinal)

    for module in (rules, chain):
        patch.setattr(module, "compute_reference_text", compute)


def cut_amounts_to_64_bits(patch: Patch) -> None:
    patch.setattr(rules, "Amount", lambda value: Amount(value & (1 << 64) - 1))


def credit_dust(patch: Patch) -> None:
    right = meanings.find_meanings

    def find(view: Any, chain_id: str) -> Any:
        found, mistakes = right(view, chain_id)
        return {token: each._replace(minimum=0) for token, each in found.items()}, mistakes

    patch.setattr(watch, "find_meanings", find)


def believe_what_tokens_say(patch: Patch) -> None:
    async def measure(_: Any, __: Block, payments: list[ChainPayment]) -> Any:
        return [(payment, payment.amount) for payment in payments]

    patch.setattr(watch, "measure", measure)


def read_the_first_payment_of_a_block_only(patch: Patch) -> None:
    right = chain.ChainProgress.fold_block

    def fold(progress: Any, block: Block, payments: Any, view: Any, meanings: Any) -> None:
        right(progress, block, list(payments)[:1], view, meanings)

    patch.setattr(chain.ChainProgress, "fold_block", fold)


def checkpoint_over_what_is_open(patch: Patch) -> None:
    def get_done_height(progress: chain.ChainProgress) -> int:
        return -1 if progress.cursor is None else progress.cursor.height

    patch.setattr(chain.ChainProgress, "get_done_height", get_done_height)


def sign_what_peers_say(patch: Patch) -> None:
    right = signing.Signing.step

    def step(
        self: Any, window: int, intents: Mapping[Hash, Intent], signers: Mapping[PublicKey, Signer]
    ) -> Any:
        believed = dict(intents)
        for key, told in self._evidence.items():
            for evidence in told.values():
                operations = decode(Transaction, evidence.transaction).operations
                bodies = tuple(each.body for each in operations)
                believed.setdefault(key, Intent(key, rules.OPERATION, bodies))
        return right(self, window, believed, signers)

    patch.setattr(signing.Signing, "step", step)


def park_at_once(patch: Patch) -> None:
    patch.setattr(rules, "UNOWNED_MS", 0)


def sign_in_the_first_window_only(patch: Patch) -> None:
    def is_due(self: Any, key: Hash, intent: Intent) -> bool:
        first: int = self._first.setdefault(key, self._window)
        return intent.is_offered and first == self._window

    patch.setattr(signing.Signing, "_is_due", is_due)


def never_answer(patch: Patch) -> None:
    """With the bug before, instances whose first windows differ never meet."""
    sign_in_the_first_window_only(patch)
    patch.setattr(signing.Signing, "_is_told", lambda *_: False)


def send_a_single_signature(patch: Patch) -> None:
    def choose(signers: list[Signer]) -> list[PublicKey]:
        return sorted(each.data.public_key for each in signers)[:1]

    patch.setattr(signing, "choose_signers", choose)


def take_another_token_for_ours(patch: Patch) -> None:
    right = meanings.find_meanings

    def find(view: Any, chain_id: str) -> Any:
        found, mistakes = right(view, chain_id)
        return {**found, **({OTHER_TOKEN: found[TOKEN]} if TOKEN in found else {})}, mistakes

    patch.setattr(watch, "find_meanings", find)


def look_for_bound_addresses_only(patch: Patch) -> None:
    right = views.LedgerView._index

    def index(self: views.LedgerView, key: Any, after: bytes | None) -> None:
        right(self, key, after)
        entry = None if after is None else self.state.get(key)
        if isinstance(entry, ExternalAddress) and entry.state is not ExternalAddressState.BOUND:
            self.addresses[entry.system].discard(entry.address)

    patch.setattr(views.LedgerView, "_index", index)


def forget_the_tokens_at_a_start(patch: Patch) -> None:
    right = watch.ChainWatch._find_meanings

    def find(self: Any, view: Any) -> Any:
        found = right(self, view)
        return found if self.progress.open or self.progress.counts else {}

    patch.setattr(watch.ChainWatch, "_find_meanings", find)


def overlook_a_replaced_block(patch: Patch) -> None:
    async def note(*_: Any) -> bool:
        return True

    patch.setattr(watch.ChainWatch, "_note_replaced", note)


def step_back_by_one_block(patch: Patch) -> None:
    patch.setattr(watch, "compute_back_height", lambda _, checkpoint: int(checkpoint.height) - 1)


PLANTED: Mapping[str, tuple[Plant, type[Schedule], int]] = {
    plant.__name__: (plant, kind, seeds)
    for plant, kind, seeds in (
        (take_the_tip_for_final, Schedule, 20),
        (name_transactions_without_outputs, Schedule, 20),
        (cut_amounts_to_64_bits, Schedule, 10),
        (credit_dust, Schedule, 20),
        (believe_what_tokens_say, Schedule, 20),
        (read_the_first_payment_of_a_block_only, Schedule, 20),
        (checkpoint_over_what_is_open, Schedule, 60),
        (sign_what_peers_say, Schedule, 20),
        (park_at_once, Schedule, 30),
        (never_answer, Schedule, 100),
        (send_a_single_signature, Schedule, 20),
        (take_another_token_for_ours, Schedule, 20),
        (look_for_bound_addresses_only, Schedule, 30),
        (forget_the_tokens_at_a_start, Schedule, 60),
        (overlook_a_replaced_block, DeepSchedule, 10),
        (step_back_by_one_block, DeepSchedule, 20),
    )
}
