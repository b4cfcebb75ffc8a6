"""Fixtures for all tests, the number that says how often each fault runs, and of which system."""

import shutil
import signal
from typing import Any

import pytest
from hypothesis import HealthCheck, settings
from xdist.scheduler import LoadScopeScheduling

from tests.support.chains import chains
from tests.support.object_store import object_store
from tests.support.servers import NATIVE, PROVIDERS, own_servers, servers

__all__ = ["chains", "object_store", "own_servers", "servers"]

ROUNDS = "fault_round", "later_round"
SYSTEMS = {
    "core": (
        "tests/integration/test_hostile_ingest.py",
        "tests/integration/test_hostile_overlay.py",
        "tests/integration/test_kill_points.py",
        "tests/streams/ledger/border/",
        "tests/streams/node/test_other_object_store.py",
    ),
    "horizon": ("tests/processors/horizon/", "tests/gateways/horizon/"),
    "notificator": ("tests/processors/notificator/",),
    "keyserver": ("tests/gateways/keyserver/",),
    "api": ("tests/gateways/api/",),
    "kyc": ("tests/gateways/keychain/", "tests/gateways/kyc/"),
    "deposit": (
        "tests/border/deposit/",
        "tests/processors/psim/test_schedules.py",
    ),
    "withdraw": (
        "tests/border/withdraw/",
        "tests/processors/psim/chains/",
        "tests/processors/psim/money/",
        "tests/processors/psim/test_reserves.py",
    ),
    "banks": (
        "tests/processors/psim/banks/",
        "tests/processors/psim/gateways/",
        "tests/processors/psim/rates/",
    ),
    "deployment": (
        "tests/infra/cli/test_matrix.py",
        "tests/integration/test_faults.py",
        "tests/integration/test_disk_full.py",
    ),
}
"""Where the faults of each system are: every fault is of one (`make test-faults SYSTEM=NAME`)."""
BORDER = frozenset({"deposit", "withdraw", "banks"})
"""Systems whose faults are those of `make test-border`."""

TOGETHER = tuple(f"tests/gateways/{name}/" for name in ("api", "keychain", "keyserver", "kyc"))
"""Packages whose tests share servers: one of several processes runs all of a package."""

WHOLE_S = 900
"""A test of a whole deployment may have to start it, on a machine of half the speed."""

# How long an example takes depends on what else the machine does.
settings.register_profile("patient", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("patient")


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--faults", type=int, default=1, help="how often each fault runs (kill points: half)"
    )
    parser.addoption("--system", choices=SYSTEMS, help="only the faults of this system")
    parser.addoption(
        "--servers", choices=PROVIDERS, default=NATIVE, help="where Kafka and PostgreSQL come from"
    )


def pytest_configure() -> None:
    """Children are told to stop by signals, so none may be ignored: as they are where the tests
    run in the background of a shell or under nohup."""
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        if signal.getsignal(number) is signal.SIG_IGN:
            handler = signal.default_int_handler if number == signal.SIGINT else signal.SIG_DFL
            signal.signal(number, handler)


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Runs what has a round as often as `--faults` says, and says in its id which round it is."""
    faults = metafunc.config.getoption("--faults")
    for name, first, last in ((ROUNDS[0], 1, faults), (ROUNDS[1], 2, max(2, faults // 2))):
        if name in metafunc.fixturenames:
            numbers = range(first, last + 1)
            ids = [f"round {number} of {last}" for number in numbers]
            metafunc.parametrize(name, [number - 1 for number in numbers], ids=ids)


class GroupScheduling(LoadScopeScheduling):  # type: ignore[misc]
    """What one of several processes runs: a package of `TOGETHER`, or a file. (The groups of xdist
    itself have no effect under pytest 9: it writes their names where ids are no longer kept.)"""

    def _split_scope(self, nodeid: str) -> str:
        return _get_group(nodeid)


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> GroupScheduling | None:
    return GroupScheduling(config, log) if config.getoption("dist") == "loadfile" else None


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Marks tests by the fixtures they ask for: `servers`, `whole` and `faults`; faults of the
    border's systems as `border`, too. With `--system` only its faults are left."""
    for item in items:
        names = set(getattr(item, "fixturenames", ()))
        if {
            "border",
            "chains",
            "servers",
            "own_servers",
            "object_store",
            "whole_deployment",
        } & names:
            item.add_marker("servers")
        if "whole_deployment" in names:
            item.add_marker("whole")
            if item.get_closest_marker("timeout") is None:
                item.add_marker(pytest.mark.timeout(WHOLE_S))
        if {*ROUNDS, "examples"} & names:
            item.add_marker("faults")
    kinds = ("faults", "border")
    systems = {e: get_system(e) for e in items if any(map(e.get_closest_marker, kinds))}
    for item, system in systems.items():
        if system in BORDER:
            item.add_marker("border")
    absent = [item for item in items if is_of_core(item) and not find_core()]
    config.hook.pytest_deselected(items=absent)
    items[:] = [item for item in items if item not in absent]
    wanted = config.getoption("--system")
    if wanted is not None:
        others = [item for item in items if systems.get(item) != wanted]
        config.hook.pytest_deselected(items=others)
        items[:] = [item for item in items if systems.get(item) == wanted]
    _sort(items)


def _sort(items: list[pytest.Item]) -> None:
    """Packages of `TOGETHER` first, for they take longest, then files that start servers; what only
    computes fills the end."""
    groups = {item: _get_group(item.nodeid) for item in items}
    has_servers = {group for item, group in groups.items() if item.get_closest_marker("servers")}

    def get_weight(item: pytest.Item) -> tuple[bool, bool]:
        return groups[item] in TOGETHER, groups[item] in has_servers

    items.sort(key=get_weight, reverse=True)


def _get_group(nodeid: str) -> str:
    path = nodeid.partition("::")[0]
    return next((place for place in TOGETHER if path.startswith(place)), path)


def find_core() -> str | None:
    """Bitcoin Core's node, which no set-up fetches."""
    return shutil.which("bitcoind")


def is_of_core(item: pytest.Item) -> bool:
    callspec = getattr(item, "callspec", None)
    return callspec is not None and callspec.params.get("node") == "bitcoind"


def pytest_report_header() -> str:
    found = find_core() or "no bitcoind on the PATH, so what runs on it is deselected"
    return f"Bitcoin Core: {found}"


def get_system(fault: pytest.Item) -> str:
    """Raises UsageError unless exactly one system has it."""
    path = fault.path.relative_to(fault.config.rootpath).as_posix()
    found = [name for name, places in SYSTEMS.items() if path.startswith(places)]
    if len(found) != 1:
        raise pytest.UsageError(f"{path}: which system's faults? put it into SYSTEMS of conftest")
    return found[0]
