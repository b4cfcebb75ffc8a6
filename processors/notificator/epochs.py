"""The keys of the weeks: made in time, shared by all instances, deleted when their time is over."""

import time

from nacl.public import PrivateKey

from processors.notificator.sealing import Unopenable, Vault, get_epoch, is_over
from processors.notificator.store import Store

EVERY_S = 600.0


def get_now_ms() -> int:
    return time.time_ns() // 1_000_000


class Epochs:
    """Keys in the database, private ones encrypted by `vault`."""

    def __init__(self, store: Store, vault: Vault) -> None:
        self._store = store
        self._vault = vault

    async def renew(self) -> None:
        """Makes this week's key and the next one's; deletes those whose time is over."""
        epoch = get_epoch(get_now_ms())
        for number in (epoch, epoch + 1):
            key = PrivateKey.generate()
            await self._store.count(
                "INSERT INTO notificator.epochs (epoch, public_key, private_key)"
                " VALUES (%s, %s, %s) ON CONFLICT DO NOTHING",
                (number, bytes(key.public_key), self._vault.encrypt(bytes(key))),
            )
        rows = await self._store.query("SELECT epoch FROM notificator.epochs")
        over = [row.epoch for row in rows if is_over(row.epoch, get_now_ms())]
        await self._store.count("DELETE FROM notificator.epochs WHERE epoch = ANY(%s)", (over,))

    async def get_public_key(self) -> tuple[int, bytes]:
        """This week's number and key: what producers seal to."""
        epoch = get_epoch(get_now_ms())
        rows = await self._store.query(
            "SELECT public_key FROM notificator.epochs WHERE epoch = %s", (epoch,)
        )
        if not rows:
            await self.renew()
            return await self.get_public_key()
        return epoch, bytes(rows[0].public_key)

    async def get_private_key(self, epoch: int) -> bytes:
        """Raises `Unopenable` for an epoch whose key is gone, or must be."""
        rows = await self._store.query(
            "SELECT private_key FROM notificator.epochs WHERE epoch = %s", (epoch,)
        )
        if not rows or is_over(epoch, get_now_ms()):
            raise Unopenable(f"the key of epoch {epoch} is gone")
        return self._vault.decrypt(bytes(rows[0].private_key))
