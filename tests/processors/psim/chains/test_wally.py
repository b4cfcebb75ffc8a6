"""A process that uses wallycore ends as it wants to."""

import subprocess
import sys


def test_a_process_ends_with_its_own_exit_code() -> None:
    """pytest is one in which wallycore's own clean-up crashes."""
    arguments = ("--collect-only", "-q", "-p", "no:cacheprovider", __file__)
    done = subprocess.run((sys.executable, "-m", "pytest", *arguments), check=False)
    assert done.returncode == 0
