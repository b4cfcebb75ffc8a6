"""The unprivileged system user under which root's deployment runs servers that refuse root."""

import os
import pwd
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path

from infra.local.errors import LocalError

NAME = "tokend"


@dataclass(frozen=True, slots=True)
class Account:
    """A user as the kernel sees it. `prefix` makes a command run as that user."""

    user_id: int
    group_id: int

    @property
    def prefix(self) -> tuple[str, ...]:
        return (
            "setpriv",
            f"--reuid={self.user_id}",
            f"--regid={self.group_id}",
            "--clear-groups",
        )

    def can_pass_to(self, path: Path) -> bool:
        """Whether this user may enter the folder `path`.

        The kernel is asked, because modes, access lists and mounts all matter.
        """
        command = (*self.prefix, "test", "-x", str(path))
        return subprocess.run(command, cwd="/", check=False).returncode == 0

    def give(self, path: Path, mode: int) -> None:
        """Makes this user the owner of `path`."""
        path.chmod(mode)
        os.chown(path, self.user_id, self.group_id)


def get_server_account() -> Account | None:
    """The user for servers that refuse root, created when first needed; None if we are not root."""
    if os.geteuid() != 0:
        _require_name(os.geteuid())
        return None
    try:
        entry = pwd.getpwnam(NAME)
    except KeyError:
        _create()
        entry = pwd.getpwnam(NAME)
    return Account(entry.pw_uid, entry.pw_gid)


def _require_name(user_id: int) -> None:
    try:
        pwd.getpwuid(user_id)
    except KeyError:
        raise LocalError(
            f"user {user_id} has no entry in /etc/passwd, without which PostgreSQL does not start: "
            "add one, or run tokend as another user"
        ) from None


def _create() -> None:
    if shutil.which("useradd") is None:
        raise LocalError(
            f"PostgreSQL refuses to run as root and there is no user {NAME!r}: "
            f"create that system user, or run tokend as an ordinary user"
        )
    command = [
        "useradd", "--system", "--user-group", "--no-create-home", "--home-dir", "/nonexistent",
        "--shell", "/usr/sbin/nologin", NAME,
    ]  # fmt: skip
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    # Exit code 9: another `tokend up` created the user at the same moment.
    if done.returncode not in (0, 9):
        raise LocalError(
            f"cannot create the system user {NAME!r} ({done.stderr.strip()}): "
            "create it, or run tokend as an ordinary user"
        )
