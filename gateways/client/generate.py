"""Makes the synchronous clients from the asynchronous ones: `python -m gateways.client.generate`.

There is one source, so that the two cannot differ. With --check it only compares.
"""

import argparse
import subprocess
import sys
import tempfile
from pathlib import Path

import unasync

FOLDER = Path(__file__).parent
NAMES = ("api", "horizon", "keychain", "keyserver", "kyc")
REPLACEMENTS = {
    "AsyncApiClient": "ApiClient",
    "AsyncKeyServerClient": "KeyServerClient",
    "AsyncKeyChainClient": "KeyChainClient",
    "AsyncHorizonClient": "HorizonClient",
    "AsyncKycClient": "KycClient",
    "AsyncClient": "Client",
    "aclose": "close",
    "aiter_bytes": "iter_bytes",
    "aiter_lines": "iter_lines",
    "aread": "read",
    "asyncio": "time",
}
HEAD = "# Made from asynchronous/{}.py by `python -m gateways.client.generate`.\n"


def make_synchronous(name: str) -> str:
    """The module `name` without `async` and `await`, formatted like the others."""
    source = (FOLDER / "asynchronous" / f"{name}.py").read_text()
    with tempfile.TemporaryDirectory() as folder:
        before, after = Path(folder, "before"), Path(folder, "after")
        before.mkdir()
        file = before / f"{name}.py"
        file.write_text(source)
        rule = unasync.Rule(f"{before}/", f"{after}/", REPLACEMENTS)
        unasync.unasync_files([str(file)], [rule])
        text = (after / f"{name}.py").read_text().replace("client.asynchronous.", "client.")
        text = text.replace("asynchronous", "synchronous")
    ruff = [str(Path(sys.executable).with_name("ruff"))]
    shown = ["--stdin-filename", str(get_target(name))]
    for command in (
        ["check", "--select", "I", "--fix", "-q", *shown, "-"],
        ["format", *shown, "-"],
    ):
        text = subprocess.run(
            [*ruff, *command], input=text, stdout=subprocess.PIPE, text=True, check=True
        ).stdout
    return HEAD.format(name) + text


def get_target(name: str) -> Path:
    return FOLDER / f"{name}.py"


def main() -> None:
    parser = argparse.ArgumentParser(description="Make the synchronous client.")
    parser.add_argument("--check", action="store_true", help="only compare")
    is_check = parser.parse_args().check
    for name in NAMES:
        made, target = make_synchronous(name), get_target(name)
        if not is_check:
            target.write_text(made)
        elif target.read_text() != made:
            sys.exit(f"{name}.py is not what asynchronous/ gives: run this without --check")


if __name__ == "__main__":
    main()
