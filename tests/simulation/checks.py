"""What must hold in every run, looked at while it happens and once more at its end."""

from collections.abc import Callable
from dataclasses import dataclass, field

from schemas.codec import decode
from schemas.generated.common import Hash, PublicKey
from schemas.generated.consensus import Nominate, Statement
from schemas.generated.overlay import Message, SignedHeader, Statements
from streams.archive.history import History
from streams.consensus.claims import can_follow
from streams.herder.outputs import Commit
from streams.ledger.chain import ChainPosition, verify_record
from streams.ledger.genesis import GENESIS_SEQUENCE
from tests.simulation.disk import Disk

OpenHistory = Callable[[ChainPosition], History]


class Broken(AssertionError):
    """A run has shown a defect; the message says which promise was broken."""


@dataclass
class Checks:
    """The memory of one run's checkers."""

    offered: set[Hash] = field(default_factory=set)  # envelope hashes that anybody offered
    headers: dict[int, Hash] = field(default_factory=dict)  # agreement: one for each sequence
    closed: dict[Hash, int] = field(default_factory=dict)  # transaction -> its ledger
    closed_envelopes: set[Hash] = field(default_factory=set)
    close_times: dict[int, int] = field(default_factory=dict)
    said: dict[tuple[PublicKey, int, bool], Statement] = field(default_factory=dict)
    signed: dict[tuple[PublicKey, int], Hash] = field(default_factory=dict)

    def forget(self, node: PublicKey) -> None:
        """It has lost its memory, so nobody can hold it to what it said."""
        self.said = {key: each for key, each in self.said.items() if key[0] != node}
        self.signed = {key: each for key, each in self.signed.items() if key[0] != node}

    def check_commit(self, name: str, commit: Commit) -> None:
        header, header_hash = commit.closed.header, commit.closed.header_hash
        known = self.headers.get(header.sequence)
        if known is not None and known != header_hash:
            raise Broken(f"{name} closed another ledger {header.sequence} than the others")
        if known is not None:
            return
        self.headers[header.sequence] = header_hash
        self.close_times[header.sequence] = header.close_time_ms
        for applied in commit.closed.applied:
            candidate = applied.candidate
            if applied.defect is not None:
                raise Broken(f"{name}: a transaction met a defect: {applied.defect!r}")
            if candidate.envelope_hash not in self.offered:
                raise Broken(f"{name}: ledger {header.sequence} has what nobody offered")
            if candidate.transaction_hash in self.closed:
                raise Broken(f"{name}: ledger {header.sequence} repeats a transaction")
            self.closed[candidate.transaction_hash] = header.sequence
            self.closed_envelopes.add(candidate.envelope_hash)

    def check_sent(self, node: PublicKey, message: Message) -> None:
        """What a node says must not contradict what it ever said, before a crash or after."""
        body = message.body
        if isinstance(body, Statements):
            for envelope in body.envelopes:
                statement = decode(Statement, envelope.statement)
                if statement.node_id == node:
                    self._check_statement(node, statement)
        elif isinstance(body, SignedHeader) and body.signature.node_id == node:
            first = self.signed.setdefault((node, body.sequence), body.header_hash)
            if first != body.header_hash:
                raise Broken(f"{node.hex()[:8]} signed two headers of ledger {body.sequence}")

    def check_durable(self, name: str, node: PublicKey, message: Message, disk: Disk) -> None:
        """Who signs a header has made its ledger durable first."""
        body = message.body
        if isinstance(body, SignedHeader) and body.signature.node_id == node:
            row = disk.ledgers.get(body.sequence)
            if row is None or row.header_hash != body.header_hash:
                raise Broken(f"{name} signed ledger {body.sequence} before it was durable")

    def _check_statement(self, node: PublicKey, statement: Statement) -> None:
        key = (node, statement.slot, isinstance(statement.pledges, Nominate))
        before = self.said.get(key)
        if before is not None and not can_follow(before.pledges, statement.pledges):
            raise Broken(
                f"{node.hex()[:8]} contradicts itself in slot {statement.slot}:\n"
                f"first {before.pledges}\nthen {statement.pledges}"
            )
        self.said[key] = statement


def check_chain(
    name: str, disk: Disk, position: ChainPosition, open_history: OpenHistory | None = None
) -> None:
    """Every ledger after `position`, as a consumer would verify it: from archives what the disk no
    longer has. The newest may still lack its certificate."""
    newest = max(disk.ledgers)
    oldest = min(each for each in disk.ledgers if each > GENESIS_SEQUENCE)
    if open_history is not None and oldest > position.sequence + 1:
        history = open_history(position)
        for _ in history.read_on(oldest - 1):
            position = history.position
    for sequence in range(position.sequence + 1, newest + 1):
        record = disk.get_record(sequence)
        if record is not None:
            position = verify_record(position, record).position
        elif sequence < newest:
            raise Broken(f"{name}: ledger {sequence} was never certified")
