"""Runs verbs of `tokend` in this process, where importing takes its second once."""

import sys
from collections.abc import Mapping, Sequence

import structlog
from typer.testing import CliRunner

from infra.cli.main import app


def run_verb(words: Sequence[str], environ: Mapping[str, str] | None = None) -> str:
    """What it prints. Raises what it raises. Servers in this process log elsewhere meanwhile."""
    before = structlog.get_config()
    structlog.configure(logger_factory=lambda *_: structlog.PrintLogger(sys.__stderr__))
    try:
        done = CliRunner().invoke(app, words, env=environ)
    finally:
        structlog.configure(**before)
    if done.exception is not None:
        raise done.exception
    return done.stdout
