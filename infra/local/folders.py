"""Where things are: the clone with its fetched files, and the data folder of one deployment.

Knows paths and modes only; nothing about servers, services or processes.
"""

import os
import pwd
import re
import secrets
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Literal

import msgspec

from infra.local.errors import DamagedState, Fault, LocalError

PROJECT = Path(__file__).resolve().parents[2]
KAFKA_JARS = PROJECT / ".cache" / "kafka" / "libs"
KAFKA_ARCHIVE = PROJECT / ".cache" / "kafka" / "kafka.aot"

# A unix socket's path has at most 107 bytes, and supervisor adds ".PID" to it while it binds.
SOCKET_PATH_BYTES_MAX = 90

# What settings files cannot express in a path: the supervisor's (%, line breaks, comment signs),
# Kafka's, for which a comma ends a folder's name, and any that is UTF-8.
UNFIT = re.compile(r"[%,\x00-\x1f\x7f\ud800-\udfff]|\s[;#]")


def make_password() -> str:
    """64 hexadecimal digits: 256 bits, in need of no quotes, and never taken for an option."""
    return secrets.token_hex(32)


class Home(msgspec.Struct):
    """A data folder as it was when its deployment last started. `path` is only looked at."""

    path: str
    inode: int


class State(msgspec.Struct, kw_only=True):
    """What a data folder remembers from one start to the next. Nothing in it is secret.

    It acts on no absolute path: a copied or moved folder must never reach into another one.
    `identity`: 128 random bits, made with the folder. `outside`: the PostgreSQL servers whose
    databases stand outside the folder (see `postgres.choose_folder`). `home`: see `homes`.
    `socket_name`: see `supervisor.choose_socket_folder`. `joined`: core nodes that were added after
    the genesis, oldest first.
    """

    version: Literal[3] = 3  # another one when older folders can no longer be used
    identity: str
    kafka_cluster_id: str
    profile: str = ""
    ports: dict[str, int] = {}
    outside: list[str] = []
    home: Home | None = None
    socket_name: str = ""
    joined: list[str] = []


def make_state() -> State:
    """The memory of a new deployment."""
    # Kafka's tools would take an id that begins with a dash for an option.
    cluster_id = "A" + secrets.token_urlsafe(16)[1:]
    return State(identity=secrets.token_hex(16), kafka_cluster_id=cluster_id)


class DataFolder:
    """Paths inside one data folder, and the small files that tokend itself keeps there."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.config = root / "config"
        self.kafka = root / "kafka"
        self.keks = root / "keks"
        self.logs = root / "logs"
        self.secrets = root / "secrets"
        self.services = root / "services"
        self.endpoints_file = root / "endpoints.json"
        self.lock_file = root / "lock"
        self.state_file = root / "state.json"

    def make(self, *, is_shared: bool) -> None:
        """Makes the folders. `is_shared`: another user must be able to pass through `root`."""
        if UNFIT.search(str(self.root)):
            raise LocalError(
                f"no data folder can be called {str(self.root)!a} (no %, comma, control character "
                "or comment sign): name another one by --data",
                fault=Fault.UNUSABLE_NAME,
            )
        try:
            self.root.mkdir(parents=True, exist_ok=True)
            if not self._is_ours():
                raise LocalError(
                    f"{self.root} holds files that are not tokend's: "
                    "name an empty folder by --data",
                    fault=Fault.FOREIGN_FILES,
                )
            self.root.chmod(0o711 if is_shared else 0o700)
            for folder in self._get_own_folders():
                folder.mkdir(mode=0o700, exist_ok=True)
        except OSError as error:
            raise LocalError(
                f"cannot write to the data folder {self.root} ({error.strerror}): "
                "name another one by --data",
                fault=Fault.NOT_WRITABLE,
            ) from None

    def _is_ours(self) -> bool:
        """Whether the folder is empty, a deployment's, or left by a first start that failed."""
        first = {self.lock_file.name, *(folder.name for folder in self._get_own_folders())}
        return self.state_file.exists() or first.issuperset(p.name for p in self.root.iterdir())

    def _get_own_folders(self) -> tuple[Path, ...]:
        return (self.config, self.kafka, self.keks, self.logs, self.secrets, self.services)

    def load_state(self) -> State:
        """What the folder remembers, or a new memory if it has none."""
        try:
            return msgspec.json.decode(self.state_file.read_bytes(), type=State)
        except FileNotFoundError:
            return make_state()
        except msgspec.MsgspecError:
            raise DamagedState(
                f"{self.state_file} is damaged or of an older version: put it back from a backup, "
                f"or delete the deployment with `tokend destroy --data {self.root}`"
            ) from None
        except PermissionError:
            raise LocalError(
                f"the data folder {self.root} belongs to another user: "
                "name one of your own by --data"
            ) from None

    def get_mark(self) -> str | None:
        """What tells the processes of this folder from those of any other, a copy of it included;
        None if there is no readable state.
        """
        try:
            state = msgspec.json.decode(self.state_file.read_bytes(), type=State)
            return f"{state.identity}.{self.root.stat().st_ino}"
        except (OSError, msgspec.MsgspecError):
            return None

    def save_state(self, state: State) -> None:
        write_private(self.state_file, msgspec.json.format(msgspec.json.encode(state)))

    def get_secret_file(self, name: str, generate: Callable[[], str] = make_password) -> Path:
        """The file (mode 0600) that holds secret `name`, generated when it is first asked for."""
        file = self.secrets / name
        if not file.exists():
            write_private(file, generate().encode() + b"\n")
        return file

    def get_kek_file(self, name: str, generate: Callable[[], bytes]) -> Path:
        """The file (mode 0600) of the key-encryption keys `name`. It is in no backup."""
        file = self.keks / f"{name}.json"
        if not file.exists():
            write_private(file, generate())
        return file

    def get_secret(self, name: str) -> str:
        return self.get_secret_file(name).read_text().removesuffix("\n")


def get_default_root(environ: Mapping[str, str], user_id: int) -> Path:
    """Root's deployment belongs to the machine, any other user's to the XDG data home."""
    if user_id == 0:
        return Path("/var/lib/tokend")
    data_home = environ.get("XDG_DATA_HOME", "")
    if data_home.startswith("/"):
        return Path(data_home) / "tokend"
    home = environ.get("HOME", "")
    if not home.startswith("/"):
        try:
            home = pwd.getpwuid(user_id).pw_dir
        except KeyError:
            raise LocalError("you have no home folder: name a data folder by --data") from None
    return Path(home) / ".local" / "share" / "tokend"


def write_private(file: Path, content: bytes) -> None:
    """Writes a file only its owner may read; whoever reads it meanwhile sees old or new, whole."""
    new = file.with_name(f".{file.name}.{os.getpid()}")
    descriptor = os.open(new, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600)
    with os.fdopen(descriptor, "wb") as stream:
        stream.write(content)
        stream.flush()
        os.fsync(stream.fileno())
    new.replace(file)
