"""What a node says of itself at /status: for people, for `tokend status`, for its Horizon. Pure."""

from typing import TYPE_CHECKING, Any

from schemas.strkey import encode_account_id

if TYPE_CHECKING:
    from streams.node.runner import Node

STALL_MS = 10_000  # beyond the heartbeat


def get_status(node: "Node", now_ms: int) -> dict[str, Any]:
    """Sequences, hashes (hex), what the open slot waits for, and whether all is well.

    Missing is who is not connected, or has said nothing in a slot that was started.
    """
    herder = node.herder
    header = herder.ledger.header
    slot = herder.agreement.scp.get_state(herder.open_slot)
    names = {herder.agreement.node_id: node.settings.name, **node.names}
    silent = set(() if slot is None else slot.missing) | (set(node.names) - node.connected)
    heartbeat_ms = herder.ledger.state.get_settings().heartbeat_ms
    return {
        "node": node.settings.name,
        "node_id": encode_account_id(herder.agreement.node_id),
        "network_id": herder.network_id.hex(),
        "sequence": header.sequence,
        "header_hash": herder.ledger.header_hash.hex(),
        "close_time_ms": header.close_time_ms,
        "uncertified": len(herder.certifier.uncertified),
        "published": node.publisher.published,
        "waiting_transactions": len(herder.intake.queue),
        "connected": sorted(names.get(n, encode_account_id(n)) for n in node.connected),
        "missing": sorted(names.get(n, encode_account_id(n)) for n in silent),
        "behind": max(0, herder.catch_up.get_slots_behind(herder.open_slot)),
        "phase": "idle" if slot is None else slot.phase.name.lower(),
        "is_healthy": now_ms - node.last_progress_ms < heartbeat_ms + STALL_MS,
    }
