"""Set-up's refusals, each one line that says what to do, and make's silence when all is done.

What set-up does when all is well is shown by whatever runs these tests: it made their environment.
"""

import os
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from infra.local.folders import PROJECT
from tests.infra.cli.test_deployments import become
from tests.support.servers import make_folder

TOOLS = ("sh", "dirname", "id", "mkdir", "mktemp", "rm", "flock", "uname", "grep", "tail", "head")


@pytest.fixture
def clone() -> Iterator[Path]:
    """The files that set-up reads, and a folder `bin` with the few tools it takes for granted."""
    clone = make_folder()
    clone.chmod(0o777)
    (clone / "infra").mkdir()
    shutil.copytree(PROJECT / "infra/local", clone / "infra/local")
    shutil.copytree(PROJECT / "infra/kafka", clone / "infra/kafka")
    shutil.copytree(PROJECT / "infra/chains", clone / "infra/chains")
    for name in ("Makefile", "requirements.lock", "pyproject.toml"):
        shutil.copy(PROJECT / name, clone)
    (clone / "bin").mkdir()
    for tool in TOOLS:
        (clone / "bin" / tool).symlink_to(shutil.which(tool) or tool)
    yield clone
    shutil.rmtree(clone)


def make_tool(clone: Path, name: str, text: str) -> None:
    tool = clone / "bin" / name
    tool.unlink(missing_ok=True)
    tool.write_text(f"#!/bin/sh\n{text}\n")
    tool.chmod(0o755)


def set_up(clone: Path, step: str, **options: Any) -> "subprocess.CompletedProcess[str]":
    environment = {"PATH": str(clone / "bin")}
    return subprocess.run(
        [str(clone / "infra/local/setup.sh"), step],
        env=environment,
        capture_output=True,
        text=True,
        check=False,
        **options,
    )


def expect_refusal(done: "subprocess.CompletedProcess[str]", expected: str) -> None:
    """One line, after none or one that tells what was being done."""
    assert done.returncode == 1
    assert done.stdout == ""
    *progress, refusal = done.stderr.splitlines()
    assert len(progress) <= 1
    assert refusal.startswith("tokend: ")
    assert expected in refusal


def test_elsewhere_than_linux_it_refuses(clone: Path) -> None:
    make_tool(clone, "uname", "echo Darwin")
    expect_refusal(set_up(clone, "python"), "needs Linux, and this is Darwin: use a Linux machine")
    assert not (clone / ".cache").exists()


def test_without_python_it_says_what_to_install(clone: Path) -> None:
    expect_refusal(set_up(clone, "python"), "Python is missing: install python3 (3.11 or newer)")


def test_an_old_python_is_refused(clone: Path) -> None:
    make_tool(clone, "python3", 'case "$2" in *print*) echo 3.9 ;; *) exit 1 ;; esac')
    expect_refusal(set_up(clone, "python"), "needs Python 3.11 or newer, and python3 is 3.9")


def test_an_ordinary_user_is_told_what_to_install(clone: Path) -> None:
    """Without apt and without root alike: nobody is asked for a password."""
    make_tool(clone, "apt-get", "echo apt-get must not run; exit 1")
    make_tool(
        clone,
        "python3",
        'case "$2" in *print*) echo 3.12 ;; *ensurepip*) exit 1 ;; *) exit 0 ;; esac',
    )
    options = become(os.getuid() or 65534)
    expect_refusal(
        set_up(clone, "python", **options),
        "Python's venv is missing: install the package python3.12-venv "
        "(Debian, Ubuntu: sudo apt-get install python3.12-venv), then run make again.",
    )
    expect_refusal(
        set_up(clone, "kafka", **options),
        "Maven (it fetches Kafka) is missing: install the package maven",
    )


def test_files_that_are_not_the_pinned_ones_are_refused(clone: Path) -> None:
    """A registry that serves something else, played by a Maven that writes one file."""
    for tool in ("sha256sum", "find", "wc"):
        (clone / "bin" / tool).symlink_to(shutil.which(tool) or tool)
    make_tool(clone, "java", "exit 0")
    make_tool(
        clone,
        "mvn",
        'for word; do case "$word" in -DoutputDirectory=*) folder=${word#*=} ;; esac; done\n'
        'echo x >"$folder/kafka-clients-4.4.0.jar"',
    )
    expect_refusal(set_up(clone, "kafka"), "Kafka's files are not the pinned ones: ")
    assert not (clone / ".cache/kafka/libs").exists()


def make(folder: Path, *arguments: str) -> "subprocess.CompletedProcess[str]":
    """As typed by hand: what the make that runs these tests hands down would make it talk."""
    inherited = ("MAKEFLAGS", "MAKELEVEL", "MFLAGS")
    return subprocess.run(
        ["make", *arguments],
        cwd=folder,
        capture_output=True,
        text=True,
        check=True,
        env={name: value for name, value in os.environ.items() if name not in inherited},
    )


def test_make_is_silent_when_nothing_is_due(clone: Path) -> None:
    (clone / ".venv/bin").mkdir(parents=True)
    (clone / ".venv/bin/pip").write_text(f"#!{clone}/.venv/bin/python\n")
    (clone / ".cache/kafka").mkdir(parents=True)
    for stamp in (".venv/setup.stamp", ".cache/kafka/setup.stamp", ".cache/chains.stamp"):
        (clone / stamp).touch()
    done = make(clone, "setup")
    assert (done.stdout, done.stderr) == ("", "")

    # A clone that was moved has scripts that name the old folder.
    (clone / ".venv/bin/pip").write_text("#!/elsewhere/.venv/bin/python\n")
    done = make(clone, "--dry-run", "setup")
    assert "infra/local/setup.sh python" in done.stdout


def test_make_help_lists_every_target() -> None:
    done = make(PROJECT)
    listed = {line.split()[0] for line in done.stdout.splitlines()}
    makefile = (PROJECT / "Makefile").read_text()
    phony = next(line for line in makefile.splitlines() if line.startswith(".PHONY:"))
    assert listed == set(phony.split()[1:])
