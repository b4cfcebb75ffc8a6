"""Makes the synchronous client from the asynchronous one: `python -m gateways.client.generate`.

There is one source, so that the two cannot differ. With --check it only compares.
"""

import argparse
import subprocess
import sys
import tempfile
from pathlib import Path

import unasync

FOLDER = Path(__file__).parent
SOURCE, TARGET = FOLDER / "asynchronous" / "horizon.py", FOLDER / "horizon.py"
REPLACEMENTS = {
    "AsyncHorizonClient": "HorizonClient",
    "AsyncClient": "Client",
    "aclose": "close",
    "aiter_lines": "iter_lines",
    "aread": "read",
    "asyncio": "time",
}
HEAD = "# Made from asynchronous/horizon.py by `python -m gateways.client.generate`.\n"


def make_synchronous(source: str) -> str:
    """The module without `async` and `await`, formatted like the others."""
    with tempfile.TemporaryDirectory() as folder:
        before, after = Path(folder, "before"), Path(folder, "after")
        before.mkdir()
        file = before / SOURCE.name
        file.write_text(source)
        rule = unasync.Rule(f"{before}/", f"{after}/", REPLACEMENTS)
        unasync.unasync_files([str(file)], [rule])
        text = (after / SOURCE.name).read_text().replace("asynchronous", "synchronous")
    ruff = [str(Path(sys.executable).with_name("ruff"))]
    name = ["--stdin-filename", str(TARGET)]
    for command in (["check", "--select", "I", "--fix", "-q", *name, "-"], ["format", *name, "-"]):
        text = subprocess.run(
            [*ruff, *command], input=text, stdout=subprocess.PIPE, text=True, check=True
        ).stdout
    return HEAD + text


def main() -> None:
    parser = argparse.ArgumentParser(description="Make the synchronous client.")
    parser.add_argument("--check", action="store_true", help="only compare")
    made = make_synchronous(SOURCE.read_text())
    if not parser.parse_args().check:
        TARGET.write_text(made)
    elif TARGET.read_text() != made:
        sys.exit(f"{TARGET.name} is not what {SOURCE.parent.name}/ gives: run this without --check")


if __name__ == "__main__":
    main()
