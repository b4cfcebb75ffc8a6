"""Ids of external systems, and which chains are halted. No chain's rules are known here."""

import re

from streams.ledger.state import LedgerState

# CAIP-2: a namespace and a reference, as eip155:1.
CHAIN_ID = re.compile(r"[-a-z0-9]{3,8}:[-_a-zA-Z0-9]{1,32}")
BANK = "bank:"


def is_chain_id(text: str) -> bool:
    """Also of a bank, whose id has the same form."""
    return CHAIN_ID.fullmatch(text) is not None


def is_bank(system: str) -> bool:
    """Banks have references that pass on, files that are uploaded once, and no coins."""
    return system.startswith(BANK)


def is_halted(state: LedgerState, chain_id: str) -> bool:
    """Whether the chain went back behind a checkpoint and nobody let it go on since."""
    checkpoint = state.get_chain_checkpoint(chain_id)
    return checkpoint is not None and checkpoint.evidence is not None
