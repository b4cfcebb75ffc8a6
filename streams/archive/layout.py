"""What objects of an archive are called. Pure.

    checkpoints/<2^64 - 1 - last, 20 digits>-<SHA-256 of the manifest>.avro
    snapshots/<2^64 - 1 - sequence, 20 digits>-<SHA-256 of the manifest>.avro
    objects/<first two digits>/<SHA-256 of the object>.avro

S3 lists names in ascending order: the first that is listed is the newest. Every name holds the hash
of what it names, so that writing an object again changes nothing.
"""

from collections.abc import Iterable
from typing import NamedTuple

from schemas.generated.common import Hash

CHECKPOINT_LEDGERS = 64
CHECKPOINTS, SNAPSHOTS, OBJECTS = "checkpoints/", "snapshots/", "objects/"
LAST = 2**64 - 1
DIGITS = 20


class ManifestName(NamedTuple):
    """A manifest as its name tells it. `sequence`: of its last ledger."""

    sequence: int
    hash: Hash
    key: str


def get_object_key(object_hash: Hash) -> str:
    text = object_hash.hex()
    return f"{OBJECTS}{text[:2]}/{text}.avro"


def get_manifest_key(folder: str, sequence: int, manifest_hash: Hash) -> str:
    """`folder`: CHECKPOINTS or SNAPSHOTS."""
    return f"{get_beginning(folder, sequence)}{manifest_hash.hex()}.avro"


def get_beginning(folder: str, sequence: int) -> str:
    """Of the names of the manifests that end with `sequence`."""
    return f"{folder}{LAST - sequence:0{DIGITS}}-"


def parse_manifests(keys: Iterable[str]) -> list[ManifestName]:
    """Those of `keys` that are names of manifests."""
    found = []
    for key in keys:
        number, _, rest = key.rpartition("/")[2].partition("-")
        text = rest.removesuffix(".avro")
        if len(number) == DIGITS and number.isdecimal() and int(number) <= LAST and len(text) == 64:
            try:
                found.append(ManifestName(LAST - int(number), Hash(bytes.fromhex(text)), key))
            except ValueError:
                continue
    return found


def get_checkpoint_end(sequence: int) -> int:
    """The last ledger of the checkpoint that holds ledger `sequence`."""
    return -(-sequence // CHECKPOINT_LEDGERS) * CHECKPOINT_LEDGERS
