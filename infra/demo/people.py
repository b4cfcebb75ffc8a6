"""Who takes part in the demo."""

from dataclasses import dataclass

from nacl.signing import SigningKey

from gateways.client.keys import get_address


@dataclass
class Person:
    """Somebody with a key."""

    name: str
    key: SigningKey

    @property
    def address(self) -> str:
        return get_address(self.key)
