"""The simulator finds defects that are planted: a checker that finds nothing proves nothing."""

from collections.abc import Callable, Iterable

import pytest

from schemas.generated.common import Hash
from streams.herder.herder import Herder
from streams.herder.intake import Intake
from streams.herder.offsets import Offsets
from streams.herder.outputs import Output, Persist
from streams.ledger import close
from streams.ledger.errors import InvariantViolation
from streams.ledger.hash_window import HashWindow
from tests.simulation.checks import Broken
from tests.simulation.disk import CorruptDisk, Disk
from tests.simulation.run import make_plan, simulate

pytestmark = pytest.mark.slow

SEEDS = 200  # until the first that finds it; the rarest is found by one seed in forty
Plant = Callable[[pytest.MonkeyPatch], None]


def do_nothing(*_: object) -> None:
    """In the place of what was taken out."""


def do_nothing_at_all(*_: object) -> list[Output]:
    """In the place of a step that was taken out."""
    return []


def forget_statements(patch: pytest.MonkeyPatch) -> None:
    """What a node said is not durable: after a crash it says something else."""
    patch.setattr(Disk, "persist", do_nothing)


def send_first(patch: pytest.MonkeyPatch) -> None:
    """Statements are sent before they are durable."""
    receive = Herder.receive

    def reversed_receive(self: Herder, *arguments: object) -> list[Output]:
        found = receive(self, *arguments)  # type: ignore[arg-type]
        late = [each for each in found if isinstance(each, Persist)]
        return [each for each in found if not isinstance(each, Persist)] + late

    patch.setattr(Herder, "receive", reversed_receive)


def forget_window(patch: pytest.MonkeyPatch) -> None:
    """Duplicates are not rejected."""
    patch.setattr(HashWindow, "has", do_nothing)


def apply_as_they_came(patch: pytest.MonkeyPatch) -> None:
    """The order of application depends on the order of arrival."""

    def order(set_hash: Hash, envelope_hashes: Iterable[Hash]) -> list[Hash]:
        return list(envelope_hashes)

    patch.setattr(close, "compute_apply_order", order)


def skip_offsets(patch: pytest.MonkeyPatch) -> None:
    """After a restart nothing is read again, and peers' queues are of no help."""
    patch.setattr(Offsets, "get_next", lambda self: dict(self._next))
    patch.setattr(Intake, "receive_advert", do_nothing_at_all)


def forget_to_resend(patch: pytest.MonkeyPatch) -> None:
    """What was lost is lost."""
    patch.setattr(Herder, "_resend", do_nothing_at_all)


PLANTED: dict[str, Plant] = {
    "statements are not durable": forget_statements,
    "statements are sent before they are durable": send_first,
    "duplicates are not rejected": forget_window,
    "the order of arrival decides": apply_as_they_came,
    "nothing is read again": skip_offsets,
    "nothing is resent": forget_to_resend,
}


@pytest.mark.parametrize("plant", PLANTED.values(), ids=PLANTED)
def test_a_planted_defect_is_found(plant: Plant, monkeypatch: pytest.MonkeyPatch) -> None:
    plant(monkeypatch)
    with pytest.raises((Broken, CorruptDisk, InvariantViolation)):
        simulate_all()


def simulate_all() -> None:
    for seed in range(SEEDS):
        simulate(make_plan(seed))
