"""Validators that lie: what a node sends is replaced, message by message and peer by peer.

Each behaviour takes what the real herder of that node would send, and says what the peer gets. The
other validators must stay level and certified whatever it is.
"""

from collections.abc import Callable, Sequence
from random import Random

from msgspec.structs import replace
from nacl.signing import SigningKey

from schemas.codec import decode, encode
from schemas.generated.common import Hash, PublicKey, Signature
from schemas.generated.consensus import Envelope, Statement
from schemas.generated.ledger import HeaderSignature
from schemas.generated.overlay import (
    Message,
    SetUnknown,
    SignedHeader,
    Statements,
    Transactions,
    TransactionSet,
)
from streams.ledger.hashes import (
    compute_header_payload,
    compute_set_hash,
    compute_statement_hash,
)

OLD_KEPT = 200
NOISE = 20


class Liar:
    """A validator with its key. `others`: in whose name it may speak."""

    def __init__(
        self, random: Random, key: SigningKey, others: Sequence[PublicKey], network_id: Hash
    ) -> None:
        self.random = random
        self.key = key
        self.node_id = PublicKey(bytes(key.verify_key))
        self.others = others
        self.network_id = network_id
        self._old: list[Message] = []

    def tell(self, name: str, receiver: int, message: Message) -> list[Message]:
        """What the receiver gets in the place of `message`, by the behaviour of that name."""
        if isinstance(message.body, Statements):
            self._old = [*self._old[-OLD_KEPT:], message]
        return BEHAVIOURS[name](self, receiver, message)

    def be_silent(self, _: int, __: Message) -> list[Message]:
        return []

    def repeat_old(self, _: int, message: Message) -> list[Message]:
        """Stale statements beside new ones."""
        return [message, *self.random.sample(self._old, min(2, len(self._old)))]

    def tell_half(self, receiver: int, message: Message) -> list[Message]:
        """The newest to some, only what was said before to the others."""
        if receiver % 2 or not isinstance(message.body, Statements):
            return [message]
        return [self.random.choice(self._old)]

    def forge(self, _: int, message: Message) -> list[Message]:
        """Statements in the name of others, or with a false signature."""
        body = message.body
        if not isinstance(body, Statements) or not body.envelopes:
            return [message]
        false = tuple(self._forge(each) for each in body.envelopes)
        return [Message(Statements(false)), message]

    def _forge(self, envelope: Envelope) -> Envelope:
        if self.random.random() < 0.3:
            return Envelope(envelope.statement, Signature(self.random.randbytes(64)))
        statement = decode(Statement, envelope.statement)
        raw = encode(replace(statement, node_id=self.random.choice(self.others)))
        payload = compute_statement_hash(self.network_id, raw)
        return Envelope(raw, Signature(self.key.sign(payload).signature))

    def hide_sets(self, _: int, message: Message) -> list[Message]:
        """What it votes for is to be had nowhere."""
        body = message.body
        if not isinstance(body, TransactionSet):
            return [message]
        set_hash = compute_set_hash(body.previous_header_hash, body.envelope_hashes)
        return [Message(SetUnknown(set_hash))]

    def spoil_sets(self, _: int, message: Message) -> list[Message]:
        """Others than it votes for: with what nobody has, out of order, with one twice, too few."""
        body = message.body
        if not isinstance(body, TransactionSet):
            return [message]
        hashes = body.envelope_hashes
        unknown = Hash(self.random.randbytes(32))
        spoilt = ((*hashes, unknown), hashes[::-1], (*hashes, *hashes[:1]), hashes[1:])
        return [Message(replace(body, envelope_hashes=self.random.choice(spoilt)))]

    def sign_otherwise(self, _: int, message: Message) -> list[Message]:
        """Headers that no ledger has, under true and false signatures of its own."""
        body = message.body
        if not isinstance(body, SignedHeader):
            return [message]
        other = Hash(self.random.randbytes(32))
        payload = compute_header_payload(self.network_id, body.sequence, other)
        signed = HeaderSignature(self.node_id, Signature(self.key.sign(payload).signature))
        return [
            Message(SignedHeader(body.sequence, other, signed)),
            Message(SignedHeader(body.sequence, other, body.signature)),
        ]

    def flood(self, _: int, message: Message) -> list[Message]:
        """Everything many times, and bytes that are no transactions."""
        noise = tuple(self.random.randbytes(self.random.randrange(1, 200)) for _ in range(NOISE))
        return [message, message, message, Message(Transactions(noise))]


BEHAVIOURS: dict[str, Callable[[Liar, int, Message], list[Message]]] = {
    "silent": Liar.be_silent,
    "stale": Liar.repeat_old,
    "equivocating": Liar.tell_half,
    "forging": Liar.forge,
    "hiding sets": Liar.hide_sets,
    "spoiling sets": Liar.spoil_sets,
    "signing otherwise": Liar.sign_otherwise,
    "flooding": Liar.flood,
}
