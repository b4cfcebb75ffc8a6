"""What a node says of itself at /status: for operators and its Horizon. Shell."""

from typing import Any

from schemas.strkey import encode_account_id
from streams.broker import BrokerWatch
from streams.consensus.quorum import is_satisfied
from streams.consensus.quorum_set import get_nodes
from streams.herder.herder import Herder
from streams.node.archive_reader import ArchiveReader
from streams.node.archiver import Archiver
from streams.node.ingest import Ingest
from streams.node.peers import Peers
from streams.node.performer import Performer
from streams.node.publisher import Publisher

STALL_MS = 10_000  # beyond the heartbeat
BROKER_AWAY_S = 15.0


class Status:
    """Looks at the parts of the node `name` whenever it is asked."""

    def __init__(
        self,
        name: str,
        herder: Herder,
        peers: Peers,
        ingest: Ingest,
        publisher: Publisher,
        performer: Performer,
        archiver: Archiver,
        archive_reader: ArchiveReader,
    ) -> None:
        self._name = name
        self._ingest = ingest
        self._herder = herder
        self._peers = peers
        self._publisher = publisher
        self._performer = performer
        self._archiver = archiver
        self._archive_reader = archive_reader

    def get(self) -> dict[str, Any]:
        """Sequences, hashes (hex), what the open slot waits for, and whether all is well.

        Missing is who is not connected, or has said nothing in a slot that was started.
        """
        herder, peers = self._herder, self._peers
        header = herder.ledger.header
        slot = herder.agreement.scp.get_state(herder.open_slot)
        names = {herder.agreement.node_id: self._name, **peers.names}
        silent = set(() if slot is None else slot.missing) | (set(peers.names) - peers.connected)
        missing = sorted(names.get(n, encode_account_id(n)) for n in silent)
        has_quorum = is_satisfied(herder.quorum_set, set(get_nodes(herder.quorum_set)) - silent)
        halted = f"no quorum since ledger {header.sequence}, missing {', '.join(missing)}"
        stalls = self._find_stalls()
        return {
            "node": self._name,
            "node_id": encode_account_id(herder.agreement.node_id),
            "network_id": herder.network_id.hex(),
            "sequence": header.sequence,
            "header_hash": herder.ledger.header_hash.hex(),
            "close_time_ms": header.close_time_ms,
            "uncertified": len(herder.certifier.uncertified),
            "published": self._publisher.published,
            "waiting_transactions": len(herder.intake.queue),
            "connected": sorted(names.get(n, encode_account_id(n)) for n in peers.connected),
            "missing": missing,
            "has_quorum": has_quorum,
            "behind": max(0, herder.catch_up.get_slots_behind(herder.open_slot)),
            "phase": "idle" if slot is None else slot.phase.name.lower(),
            "unreadable_batches": self._ingest.unreadable_batches,
            "kafka_clients_replaced": sum(watch.rebuilds for watch in self._get_watches()),
            "archived": self._archiver.archived,
            "archive_backlog": self._archiver.get_backlog(header.sequence),
            "archive_target": self._archive_reader.target,
            "problems": [
                *stalls,
                *([] if has_quorum else [halted]),
                *self._ingest.get_problems(),
                *self._archiver.get_problems(header.sequence),
                *filter(None, [self._archive_reader.problem]),
            ],
            "is_healthy": not stalls,
        }

    def _get_watches(self) -> list[BrokerWatch]:
        watches = (self._ingest.watch, self._publisher.watch)
        return [watch for watch in watches if watch is not None]

    def _find_stalls(self) -> list[str]:
        """What the node waits for longer than is healthy, a line each."""
        heartbeat_ms = self._herder.ledger.state.get_network_settings().heartbeat_ms
        silent_s = self._performer.get_silent_s()
        stalls = []
        if silent_s * 1_000 >= heartbeat_ms + STALL_MS:
            stalls.append(f"no ledger was closed for {silent_s:.0f} s")
        for watch in self._get_watches():
            if watch.get_away_s() >= BROKER_AWAY_S:
                stalls.append(f"{watch.purpose}: no broker for {watch.get_away_s():.0f} s")
        return stalls
