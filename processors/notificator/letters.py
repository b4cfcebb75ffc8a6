"""From a claimed message to a letter for one address, or to the reason why there is none."""

from collections.abc import Awaitable, Callable
from hashlib import sha256
from typing import Any
from urllib.parse import quote

from processors.notificator.channels.base import Letter, is_valid_address
from processors.notificator.config import NotificatorSettings
from processors.notificator.message_types import DAY_S, Channel, MessageType
from processors.notificator.resolver import Contact, Resolver
from processors.notificator.rows import OPERATORS
from processors.notificator.sealing import Unopenable, Vault, unseal
from processors.notificator.states import Claimed
from processors.notificator.store import Store
from processors.notificator.templates import Templates, Unrenderable
from schemas.strkey import encode_account_id


class NoLetter(Exception):
    """`reason`: a code. `is_final`: of the message, not only of this channel."""

    def __init__(self, reason: str, *, is_final: bool = False) -> None:
        super().__init__(reason)
        self.reason = reason
        self.is_final = is_final


class Postponed(Exception):
    """`reason`: a code. `delay_s`: until it is worth looking again."""

    def __init__(self, reason: str, delay_s: float) -> None:
        super().__init__(reason)
        self.reason = reason
        self.delay_s = delay_s


def compute_key(type_: str, token: str) -> str:
    """A message's name towards providers: it tells nothing of the token."""
    return sha256(f"{type_}\0{token}".encode()).hexdigest()[:40]


class Letters:
    """`get_private_key`: of an epoch; raises `Unopenable` if it is gone."""

    def __init__(
        self,
        settings: NotificatorSettings,
        store: Store,
        resolver: Resolver,
        vault: Vault,
        get_private_key: Callable[[int], Awaitable[bytes]],
    ) -> None:
        self._settings = settings
        self._store = store
        self._resolver = resolver
        self._vault = vault
        self._get_private_key = get_private_key
        self._templates = Templates()

    async def write(self, message: Claimed, row: MessageType) -> Letter:
        """Raises `NoLetter`, `Postponed`."""
        channel = row.channels[message.channel]
        contact = await self.find_contact(message)
        address = await self._find_address(contact, channel)
        if message.tries == 0:
            await self._count(row, channel, address)
        try:
            data = {**message.data, **await self._open(message.epoch, message.sealed_data)}
            locale = message.locale or contact.locale
            rendered = self._templates.render(message.type, locale, data)
        except Unopenable:
            raise NoLetter("UNOPENABLE", is_final=True) from None
        except Unrenderable:
            raise NoLetter("UNRENDERABLE", is_final=True) from None
        key = compute_key(message.type, message.token)
        return Letter(
            key=key,
            type=message.type,
            to=address,
            subject=rendered.subject,
            text=rendered.text,
            html=rendered.html,
            sms=rendered.sms or rendered.subject,
            asked_at=message.created_at,
            unsubscribe=self._make_unsubscribe(message, key) if row.is_optional else None,
        )

    async def find_contact(self, message: Any) -> Contact:
        """Of a claimed message. Raises `NoLetter`, `Postponed`."""
        if message.contact is not None:
            try:
                opened = await self._open(message.epoch, message.contact)
            except Unopenable:
                raise NoLetter("UNOPENABLE", is_final=True) from None
            return Contact(_get_text(opened, "email"), _get_text(opened, "phone"))
        if message.account_id is None:
            operators = self._settings.operators
            if message.source != OPERATORS:
                raise NoLetter("NO_ADDRESS", is_final=True)
            return Contact(operators.email, operators.phone, operators.locale)
        try:
            contact = await self._resolver.resolve(encode_account_id(message.account_id))
        except OSError:
            raise Postponed("RESOLVER_AWAY", 5.0) from None
        if contact is None:
            raise NoLetter("NO_ADDRESS", is_final=True)
        return contact

    def get_key(self, message: Any) -> str:
        return compute_key(message.type, message.token)

    def hash_address(self, channel: Channel, contact: Contact) -> bytes | None:
        """How the address is called in the book."""
        address = contact.email if channel is Channel.EMAIL else contact.phone
        return None if address is None else self._vault.hash_address(channel, address)

    async def _find_address(self, contact: Contact, channel: Channel) -> str:
        address = contact.email if channel is Channel.EMAIL else contact.phone
        if address is None:
            raise NoLetter("NO_ADDRESS")
        if not is_valid_address(channel, address):
            raise NoLetter("BAD_ADDRESS")
        if channel is Channel.SMS and not address.startswith(self._settings.sms.countries or "-"):
            raise NoLetter("COUNTRY_NOT_ALLOWED")
        if await self._store.is_suppressed(channel, self._vault.hash_address(channel, address)):
            raise NoLetter("SUPPRESSED")
        return address

    async def _count(self, row: MessageType, channel: Channel, address: str) -> None:
        """The first try uses the limits; what exceeds them waits."""
        recipient = self._vault.hash_address(channel, address).hex()[:32]
        limits = [
            (f"{row.name}:{recipient}", row.per_recipient, row.window_s, "RATE_LIMITED"),
            (row.name, row.per_day, DAY_S, "RATE_LIMITED"),
        ]
        if channel is Channel.SMS:
            limits.append(("sms", self._settings.sms.per_day, DAY_S, "SMS_BUDGET"))
        for key, most, window_s, reason in limits:
            if not await self._store.use(key, most, window_s):
                raise Postponed(reason, min(window_s / 20, 300.0))

    async def _open(self, epoch: int | None, box: bytes | None) -> dict[str, Any]:
        if box is None:
            return {}
        return unseal(await self._get_private_key(-1 if epoch is None else epoch), box)

    def _make_unsubscribe(self, message: Claimed, key: str) -> str | None:
        email = self._settings.email
        if email is None:
            return None
        address = email.sender.rpartition("<")[2].rstrip("> ")
        links = [f"<mailto:{address}?subject={quote(f'unsubscribe {key}')}>"]
        if email.unsubscribe_url is not None and message.account_id is not None:
            account = encode_account_id(message.account_id)
            leaving = self._vault.make_leaving_key(account, message.type)
            links.insert(0, f"<{email.unsubscribe_url}/{leaving}>")
        return ", ".join(links)


def _get_text(opened: dict[str, Any], name: str) -> str | None:
    value = opened.get(name)
    return value if isinstance(value, str) else None
