"""Fixtures for the tests of the launcher and the command line."""

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from infra.local import processes
from tests.support.servers import make_folder


@pytest.fixture
def root() -> Iterator[Path]:
    """A folder for a deployment's data; whatever still runs on it afterwards is ended."""
    root = make_folder()
    yield root
    processes.end_processes(root)
    shutil.rmtree(root, ignore_errors=True)
