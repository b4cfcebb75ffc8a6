"""Which data folder is a deployment's own: a copied folder has the identity of its original.

A moved folder keeps its inode, and the place where it was is empty. A copy has another inode while
the original is still there. Recorded paths are only looked at, never written to or deleted.
"""

from pathlib import Path

import msgspec

from infra.local import processes
from infra.local.errors import Fault, LocalError
from infra.local.folders import DataFolder, Home, State, write_private
from infra.local.place import Place

OWNER_FILE = "owner.json"


def claim(place: Place) -> None:
    """Makes the data folder the deployment's home. Raises LocalError if it is a copy."""
    root, state = place.folder.root, place.state
    original = _find_original(place.folder, state.identity, state.home)
    if original is not None:
        raise LocalError(
            f"{root} is a copy of the deployment in {original}, which is still there and has the "
            f"same keys: use that one, or delete this copy with `tokend destroy --data {root}`",
            fault=Fault.COPY,
        )
    for path in processes.find_copies(root):
        raise LocalError(
            f"{path} runs with the same keys as {root}, and one is a copy of the other: "
            f"stop it first with `tokend down --data {path}`",
            fault=Fault.COPY_RUNS,
        )
    state.home = _describe(place.folder)
    place.save()


def own(outside: Path, place: Place) -> None:
    """Writes into `outside`, a folder outside the data folder, to whom it belongs."""
    write_private(outside / OWNER_FILE, msgspec.json.encode(_describe(place.folder)))


def get_owner(outside: Path) -> Home | None:
    """The data folder to which `outside` belongs, as far as it says."""
    try:
        return msgspec.json.decode((outside / OWNER_FILE).read_bytes(), type=Home)
    except (OSError, msgspec.MsgspecError):
        return None


def owns(outside: Path, place: Place) -> bool:
    """Whether `outside` provably belongs to this very data folder, moved or not."""
    owner = get_owner(outside)
    if owner is None or owner.inode != place.folder.root.stat().st_ino:
        return False
    # On another disk a copy may have the same inode by chance.
    return _find_original(place.folder, place.state.identity, owner) is None


def _describe(folder: DataFolder) -> Home:
    return Home(path=str(folder.root), inode=folder.root.stat().st_ino)


def _find_original(folder: DataFolder, identity: str, home: Home | None) -> Path | None:
    """The folder at `home`, if it is another one than `folder` with the same identity."""
    if home is None or home.path == str(folder.root):
        return None
    before = DataFolder(Path(home.path))
    try:
        if before.root.samefile(folder.root):
            return None
        theirs = msgspec.json.decode(before.state_file.read_bytes(), type=State)
    except (OSError, msgspec.MsgspecError):
        return None
    return before.root if theirs.identity == identity else None
