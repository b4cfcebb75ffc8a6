"""Bugs that were made on purpose in what moves value: each must be found by the schedules."""

from collections.abc import Callable, Mapping
from typing import Any

import pytest
from msgspec import structs

from processors.psim.chains.bitcoin_transfers import Output, make_payload, read_payload
from processors.psim.transfers import bitcoin, bitcoin_rules, ethereum, rules, service
from processors.psim.transfers import ledger as transfers_ledger
from processors.psim.transfers.desk import Bump, Found
from schemas.generated.common import Hash, TransferOutcome
from tests.processors.psim.money.coin_model import ModelCoinEndpoint
from tests.processors.psim.money.safe_model import ModelSafeEndpoint
from tests.processors.psim.money.schedules import FailingSchedule, Schedule

Patch = pytest.MonkeyPatch
Plant = Callable[[Patch], None]
EVIDENCE = Hash(bytes(32))


def take_the_tip_for_final(patch: Patch) -> None:
    for endpoint in (ModelCoinEndpoint, ModelSafeEndpoint):
        patch.setattr(endpoint, "get_final_height", endpoint.get_tip_height)


def sign_whatever_is_proposed(patch: Patch) -> None:
    """By all instances, both when it is judged and when it is reviewed."""
    for desk in (bitcoin.BitcoinDesk, ethereum.EthereumDesk):
        patch.setattr(desk, "judge_withdrawal", lambda *_: None)
        patch.setattr(desk, "review", lambda *_: None)


def refund_when_nobody_knows(patch: Patch) -> None:
    """A transfer that was sent and is not seen for a while is given back."""
    right = rules.find_intents

    def find(view: Any, desk: Any, transfer: Any) -> Any:
        number = int(transfer.transfer_id)
        is_late = view.close_time_ms - transfer.created_at_ms > 60_000
        if number not in desk.found and is_late and transfer.versions[0].confirmed:
            lost = Found(TransferOutcome.CONFLICTED, EVIDENCE, desk.final)
            return [rules.make_settlement(view, transfer, lost)]
        return right(view, desk, transfer)

    patch.setattr(service, "find_intents", find)


def take_a_used_nonce_for_proof(patch: Patch) -> None:
    """That a nonce is used is taken for the other transfer's execution."""
    right = ethereum.EthereumDesk._find_conflicts

    def find(self: Any, transfers: Any) -> None:
        right(self, transfers)
        for number, (_, made) in transfers.items():
            used = self._latest.get(made.safe, 0)
            if number not in self.found and made.nonce < used:
                conflict = TransferOutcome.CONFLICTED
                self.found[number] = Found(conflict, EVIDENCE, self.final)

    patch.setattr(ethereum.EthereumDesk, "_find_conflicts", find)


def believe_executions_alone(patch: Patch) -> None:
    """What a token moved is not measured."""

    async def measure(*_: Any) -> TransferOutcome:
        return TransferOutcome.PAID

    patch.setattr(ethereum.EthereumDesk, "_measure_payout", measure)


def never_cancel(patch: Patch) -> None:
    patch.setattr(ethereum.EthereumDesk, "make_cancel", lambda *_: None)


def refund_when_a_cancel_is_committed(patch: Patch) -> None:
    """Before it is final."""
    right = rules.find_intents

    def find(view: Any, desk: Any, transfer: Any) -> Any:
        if transfer.cancel is not None and transfer.outcome is None:
            lost = Found(TransferOutcome.CONFLICTED, EVIDENCE, desk.final)
            return [rules.make_settlement(view, transfer, lost)]
        return right(view, desk, transfer)

    patch.setattr(service, "find_intents", find)


def confirm_without_looking_at_signatures(patch: Patch) -> None:
    patch.setattr(transfers_ledger, "is_signature", lambda *_: True)


def settle_by_the_newest_version_only(patch: Patch) -> None:
    """An earlier version that was mined is taken for somebody else's."""
    right = transfers_ledger.find_payloads

    def find(view: Any, transfer: Any) -> Any:
        return list(right(view, transfer))[-1:]

    patch.setattr(bitcoin, "find_payloads", find)


def leave_the_fee_out(patch: Patch) -> None:
    patch.setattr(rules, "find_coin_asset", lambda *_: None)


def take_a_bump_from_the_recipient(patch: Patch) -> None:
    right = bitcoin_rules.make_bump

    def make(view: Any, facts: Any, transfer: Any, payload: bytes, keyset: Any) -> Bump | None:
        made = right(view, facts, transfer, payload, keyset)
        if made is None:
            return None
        before, after = read_payload(payload), read_payload(made.payload)
        (script, satoshis), more = before.outputs[0], after.fee - before.fee
        outputs = [Output(script, satoshis - more), *before.outputs[1:]]
        return Bump(make_payload(before.inputs, outputs, before.lock_height))

    patch.setattr(bitcoin_rules, "make_bump", make)
    for desk in (bitcoin.BitcoinDesk, ethereum.EthereumDesk):
        patch.setattr(desk, "review", lambda *_: None)


def confirm_with_one_too_few(patch: Patch) -> None:
    right = rules._confirm

    def confirm(view: Any, transfer: Any) -> Any:
        for intent in right(view, transfer):
            body: Any = intent.bodies[0]
            few = structs.replace(body, slots=body.slots[1:])
            yield intent._replace(bodies=(few,))

    patch.setattr(rules, "_confirm", confirm)


PLANTED: Mapping[str, tuple[Plant, type[Schedule], int]] = {
    plant.__name__: (plant, kind, seeds)
    for plant, kind, seeds in (
        (take_the_tip_for_final, Schedule, 30),
        (sign_whatever_is_proposed, Schedule, 30),
        (refund_when_nobody_knows, Schedule, 10),
        (take_a_used_nonce_for_proof, Schedule, 20),
        (believe_executions_alone, Schedule, 30),
        (never_cancel, FailingSchedule, 20),
        (refund_when_a_cancel_is_committed, FailingSchedule, 40),
        (confirm_without_looking_at_signatures, Schedule, 20),
        (settle_by_the_newest_version_only, Schedule, 40),
        (leave_the_fee_out, Schedule, 5),
        (take_a_bump_from_the_recipient, Schedule, 40),
        (confirm_with_one_too_few, Schedule, 5),
    )
}
"""With how many schedules it is looked for."""
