"""SCP as the herder uses it: signed envelopes in and out, durable before they are sent. Pure."""

from collections.abc import Iterable

from nacl.signing import SigningKey

from schemas.codec import Malformed, decode, encode
from schemas.generated.common import U64, Hash, PublicKey, Signature
from schemas.generated.consensus import (
    Confirm,
    Envelope,
    Externalize,
    Nominate,
    Prepare,
    QuorumSet,
    Statement,
)
from schemas.generated.overlay import Message, Statements
from streams.consensus import outputs as scp_outputs
from streams.consensus.claims import get_values
from streams.consensus.outputs import TimerKind
from streams.consensus.quorum_set import get_nodes
from streams.consensus.scp import Scp
from streams.herder.lanes import Lane
from streams.herder.outputs import (
    Alarm,
    Broadcast,
    Output,
    Persist,
    SetRow,
    StartTimer,
    StatementRow,
    StopTimer,
    Timer,
    TimerName,
)
from streams.herder.transaction_sets import TransactionSets
from streams.herder.values import Values, decode_value
from streams.ledger.hashes import ZERO_HASH, compute_statement_hash
from streams.ledger.signatures import is_valid_signature

TIMER_NAMES = {
    TimerKind.NOMINATION: TimerName.NOMINATION,
    TimerKind.BALLOT: TimerName.BALLOT,
}
TIMER_KINDS = {name: kind for kind, name in TIMER_NAMES.items()}
EnvelopeKey = tuple[PublicKey, bool]  # node, is it its nomination
# What a peer is told of the slots: less than may wait for it, whatever others put into statements.
STATE_BYTES_MAX = 7 * 1024 * 1024
ENVELOPES_A_MESSAGE, BYTES_A_MESSAGE = 500, 1024 * 1024


class Agreement:
    """SCP, the newest envelope of every node per slot, and what was externalized."""

    def __init__(
        self,
        network_id: Hash,
        signing_key: SigningKey,
        quorum_set: QuorumSet,
        values: Values,
        sets: TransactionSets,
    ) -> None:
        self.node_id = PublicKey(bytes(signing_key.verify_key))
        self.is_validator = self.node_id in get_nodes(quorum_set)
        self.scp = Scp(self.node_id, quorum_set, values, self.is_validator)
        self.externalized: dict[int, bytes] = {}  # values, by slot
        self._network_id = network_id
        self._signing_key = signing_key
        self._sets = sets
        self._members = frozenset(get_nodes(quorum_set))
        self._known: dict[int, dict[EnvelopeKey, tuple[Statement, Envelope]]] = {}
        self._persisted_sets: set[Hash] = set()

    def reconfigure(self, quorum_set: QuorumSet, from_slot: int) -> list[Output]:
        """Another quorum set rules from a slot on."""
        nodes = get_nodes(quorum_set)
        self.is_validator = self.node_id in nodes
        self._members = frozenset(nodes)
        found = self.scp.reconfigure(quorum_set, self.is_validator, U64(from_slot))
        return self.translate(found)

    def open_envelope(self, envelope: Envelope) -> Statement | None:
        """The statement of a member, if the signature is true and it is news; None otherwise."""
        try:
            statement = decode(Statement, envelope.statement)
        except Malformed:
            return None
        known = self._known.get(statement.slot, {}).get(_get_key(statement))
        if statement.node_id not in self._members or (known and known[1] == envelope):
            return None
        payload = compute_statement_hash(self._network_id, envelope.statement)
        if not is_valid_signature(statement.node_id, payload, envelope.signature):
            return None
        return statement

    def receive(self, statement: Statement, envelope: Envelope) -> tuple[bool, list[Output]]:
        """Hands an opened statement to SCP; keeps its envelope for those who ask later. The first
        value tells whether it was taken in."""
        found = self.scp.receive(statement)
        is_taken = not any(isinstance(each, scp_outputs.Refused) for each in found)
        if is_taken:
            self._keep(statement, envelope)
        return is_taken, self.translate(found)

    def restore(self, statements: Iterable[Statement]) -> list[Output]:
        """Own statements as they were made durable: not sent now, but told to those who ask."""
        restored = tuple(statements)
        for statement in restored:
            self._keep(statement, self._seal(statement))
        return self.translate(self.scp.restore(restored))

    def _keep(self, statement: Statement, envelope: Envelope) -> None:
        self._known.setdefault(statement.slot, {})[_get_key(statement)] = (statement, envelope)

    def _seal(self, statement: Statement) -> Envelope:
        raw = encode(statement)
        payload = compute_statement_hash(self._network_id, raw)
        return Envelope(raw, Signature(self._signing_key.sign(payload).signature))

    def translate(self, found: Iterable[scp_outputs.Output]) -> list[Output]:
        """SCP's outputs as the node's. All statements of a step are made durable in one go."""
        emitted: list[Statement] = []
        outputs: list[Output] = []
        for each in found:
            match each:
                case scp_outputs.Emit(statement):
                    emitted.append(statement)
                case scp_outputs.StartTimer(slot, kind, number, timeout_ms):
                    outputs.append(StartTimer(Timer(TIMER_NAMES[kind], slot, number), timeout_ms))
                case scp_outputs.StopTimer(slot, kind):
                    outputs.append(StopTimer(TIMER_NAMES[kind], slot))
                case scp_outputs.Externalized(slot, value):
                    self.externalized[slot] = value
                case scp_outputs.Equivocation(slot, node):
                    outputs.append(Alarm(f"slot {slot}: {node.hex()} contradicts itself"))
                case scp_outputs.ValueReplaced(slot, value):
                    set_hash = _get_set_hash(value).hex()
                    outputs.append(Alarm(f"slot {slot}: the set {set_hash} never arrived"))
                case _:
                    pass  # told for dashboards; `get_status` reads the machine instead
        return self._send(emitted) + outputs

    def _send(self, emitted: list[Statement]) -> list[Output]:
        if not emitted:
            return []
        rows, sets, envelopes = [], [], []
        for statement in emitted:
            envelope = self._seal(statement)
            is_nomination = isinstance(statement.pledges, Nominate)
            rows.append(StatementRow(statement.slot, is_nomination, envelope.statement))
            sets.extend(self._get_sets_to_keep(statement))
            self._keep(statement, envelope)
            envelopes.append(envelope)
        message = Message(Statements(tuple(envelopes)))
        return [Persist(tuple(rows), tuple(sets)), Broadcast(Lane.SCP, message)]

    def _get_sets_to_keep(self, statement: Statement) -> list[SetRow]:
        """The sets a statement votes to commit, once each: the vote must outlive a restart of all
        nodes at once, and so must what it is about."""
        pledges = statement.pledges
        is_commit = isinstance(pledges, Confirm | Externalize) or (
            isinstance(pledges, Prepare) and pledges.counter_commit > 0
        )
        rows = []
        for value in get_values(pledges) if is_commit else ():
            set_hash = _get_set_hash(value)
            if set_hash in self._persisted_sets or not self._sets.is_complete(set_hash):
                continue
            members = self._sets.get_candidates(set_hash)
            self._persisted_sets.add(set_hash)
            if members:
                envelopes = tuple(members[each].envelope for each in sorted(members))
                rows.append(SetRow(statement.slot, set_hash, envelopes))
        return rows

    def get_envelopes(self, from_slot: int, is_own: bool = False) -> tuple[Envelope, ...]:
        """What is known of the slots from there on, for a peer that asks, or to say it again."""
        return tuple(
            envelope
            for slot in sorted(self._known)
            if slot >= from_slot
            for statement, envelope in self._known[slot].values()
            if not is_own or statement.node_id == self.node_id
        )

    def get_state(self, from_slot: int) -> list[Message]:
        """What is known of the slots from there on, the first of them first, as far as it fits."""
        messages: list[Message] = []
        batch: list[Envelope] = []
        total = size = 0
        for envelope in self.get_envelopes(from_slot):
            total += len(envelope.statement)
            if total > STATE_BYTES_MAX:
                break
            if batch and (
                len(batch) == ENVELOPES_A_MESSAGE
                or size + len(envelope.statement) > BYTES_A_MESSAGE
            ):
                messages.append(Message(Statements(tuple(batch))))
                batch, size = [], 0
            batch.append(envelope)
            size += len(envelope.statement)
        return [*messages, Message(Statements(tuple(batch)))] if batch else messages

    def get_statements(self, slot: int) -> list[Statement]:
        """The newest that each node said in a slot, of nomination and of ballots."""
        return [statement for statement, _ in self._known.get(slot, {}).values()]

    def purge(self, below_slot: int) -> list[Output]:
        for slot in [slot for slot in self._known if slot < below_slot]:
            del self._known[slot]
        for slot in [slot for slot in self.externalized if slot < below_slot]:
            del self.externalized[slot]
        self._persisted_sets = {s for s in self._persisted_sets if self._sets.get(s) is not None}
        return self.translate(self.scp.purge(below_slot))


def _get_key(statement: Statement) -> EnvelopeKey:
    return statement.node_id, isinstance(statement.pledges, Nominate)


def _get_set_hash(value: bytes) -> Hash:
    decoded = decode_value(value)
    return ZERO_HASH if decoded is None else decoded.set_hash
