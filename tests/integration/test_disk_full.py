"""A full disk under Kafka and under PostgreSQL: it is told, nothing is lost, all goes on by itself.

`disk_full` does it, in a mount namespace of its own. That needs root, or a kernel that lets users
have namespaces: where neither is so, this fails and says it.
"""

import subprocess
import sys

import pytest

from infra.local.folders import PROJECT
from tests.integration.disk_full import get_namespace_command

ROUND_S = 240


@pytest.mark.servers
@pytest.mark.faults
@pytest.mark.timeout(5 * ROUND_S)
def test_a_full_disk_loses_nothing(
    pytestconfig: pytest.Config, capfd: pytest.CaptureFixture[str]
) -> None:
    rounds = max(1, pytestconfig.getoption("--faults") // 2)
    namespace = get_namespace_command()
    can = subprocess.run([*namespace, "true"], capture_output=True, text=True, check=False)
    if can.returncode != 0:
        pytest.fail(
            "a small disk cannot be mounted: run the tests as root, or let users have namespaces "
            f"({' '.join(namespace)}: {can.stderr.strip()})"
        )
    program = (sys.executable, "-m", "tests.integration.disk_full", str(rounds))
    with capfd.disabled():
        done = subprocess.run([*namespace, *program], cwd=PROJECT, check=False)
    assert done.returncode == 0
