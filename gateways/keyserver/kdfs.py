"""How clients turn secrets into keys: the live versions, the same for everybody.

Nobody's own version is told before he has proved the secret: a client tries the newest first.
"""

import msgspec

SALT_BYTES = 16


class Kdf(msgspec.Struct, frozen=True):
    """Argon2id with these parameters. `memory_kib`: 1024 bytes each; `passes`: over the memory."""

    version: int
    algorithm: str
    memory_kib: int
    passes: int
    lanes: int


LIVE = (Kdf(version=1, algorithm="argon2id", memory_kib=65_536, passes=3, lanes=1),)
"""Newest first. One is taken out when no wallet has it any more."""

NEWEST = LIVE[0].version
VERSIONS = frozenset(kdf.version for kdf in LIVE)
