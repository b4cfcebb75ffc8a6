"""Who is logged in: one private file with his keys and where his servers are."""

import json
import os
from dataclasses import asdict, dataclass, replace
from pathlib import Path

from infra.local.errors import LocalError
from infra.local.folders import write_private


@dataclass(frozen=True, slots=True)
class Session:
    """`seed`: of the wallet's key. `device`: the seed of this device's key; empty until the
    KeyServer knows it. `signup`: the id of a sign-up that waits for its code. `version`: of the
    wallet.
    """

    email: str
    account: str
    recovery: str
    seed: str
    keyserver: str
    api: str = ""
    horizon: str = ""
    device: str = ""
    signup: str = ""
    version: int = 1

    def change(self, **changes: str | int) -> "Session":
        return replace(self, **changes)  # type: ignore[arg-type]


def get_path(given: Path | None) -> Path:
    """`--session`, or the usual place in the home folder."""
    if given is not None:
        return given
    home = os.environ.get("XDG_CONFIG_HOME") or Path.home() / ".config"
    return Path(home) / "tokend" / "session.json"


def load_session(given: Path | None) -> Session:
    """Raises LocalError if nobody is logged in."""
    found = find_session(given)
    if found is None:
        raise LocalError("you are not logged in: tokend login")
    return found


def find_session(given: Path | None) -> Session | None:
    path = get_path(given)
    try:
        return Session(**json.loads(path.read_bytes()))
    except FileNotFoundError:
        return None
    except (OSError, ValueError, TypeError):
        raise LocalError(f"{path} cannot be read: delete it and log in again") from None


def save_session(given: Path | None, session: Session) -> Path:
    path = get_path(given)
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    write_private(path, json.dumps(asdict(session), indent=1).encode() + b"\n")
    return path


def forget_session(given: Path | None) -> None:
    get_path(given).unlink(missing_ok=True)
