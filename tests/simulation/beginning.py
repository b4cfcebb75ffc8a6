"""Where every run begins: a network with an issuer, an asset and people who hold some of it.

Its first ledgers are closed without consensus, by the ledger's own code, and put on one disk, of
which every node is given a copy.
"""

from dataclasses import dataclass
from functools import cache

from msgspec.structs import replace

from schemas.generated.ledger import Certificate
from schemas.generated.operations import CreateAccount
from streams.herder.outputs import Commit
from streams.ledger.admission import Candidate
from streams.ledger.chain import ChainPosition
from streams.ledger.genesis import GenesisQuorumSet, open_genesis
from streams.ledger.values import GENERAL_ROLE
from tests.simulation.disk import Disk
from tests.simulation.workload import get_spare
from tests.support.network import (
    Network,
    create_account,
    create_asset,
    create_balance,
    get_account,
    get_owner,
    issue,
    make_genesis,
)

NAMES = ("alice", "bob", "carol", "dave")
AMOUNT = 1_000_000
FLAT_4, FLAT_7, ORGANISATIONS = "four", "seven", "three organisations of three"
VALIDATORS = {FLAT_4: 4, FLAT_7: 7, ORGANISATIONS: 9}
"""How many there are, by topology."""


@dataclass(frozen=True)
class Beginning:
    """The network after its first ledgers, what is on every disk, and where checking starts."""

    network: Network
    disk: Disk
    position: ChainPosition
    genesis: Disk
    genesis_position: ChainPosition


@cache
def make_beginning(validators: int, topology: str = "") -> Beginning:
    """All in one set, or by topology."""
    genesis = make_genesis(validators)
    if topology == ORGANISATIONS:
        genesis = replace(genesis, quorum_set=make_organisations(genesis.quorum_set.validators))
    network = Network(genesis)
    disk = Disk()
    opened = open_genesis(network.genesis)
    disk.commit(Commit(opened.closed, None, Certificate(())), 0)
    empty = disk.copy()

    def close(*candidates: Candidate) -> None:
        closed = network.close(*candidates)
        certificate = network.records[-1].certificate
        disk.commit(Commit(closed, None, certificate), 0)

    close(
        network.prepare("master", create_account("issuer")),
        *(network.prepare("master", _create_person(name)) for name in NAMES),
    )
    close(network.prepare("issuer", create_asset("EUR")))
    close(*(network.prepare(name, create_balance(name, "EUR")) for name in NAMES))
    close(
        *(
            network.prepare("issuer", issue(network, name, "EUR", AMOUNT, f"to {name}"))
            for name in NAMES
        )
    )
    header = network.ledger.header
    position = ChainPosition(
        header.network_id,
        header.sequence,
        network.ledger.header_hash,
        header.close_time_ms,
        network.ledger.state.get_validators().quorum_set,
    )
    return Beginning(network, disk, position, empty, opened.position)


def make_organisations(keys: tuple[str, ...]) -> GenesisQuorumSet:
    """Two of three validators speak for an organisation, two of three organisations for all."""
    inner = tuple(GenesisQuorumSet(2, keys[at : at + 3]) for at in range(0, len(keys), 3))
    return GenesisQuorumSet(2, (), inner)


def _create_person(name: str) -> CreateAccount:
    """With a second key that may sign alone as well."""
    signers = (get_owner(name), get_owner(get_spare(name), identity=1))
    return CreateAccount(get_account(name), None, GENERAL_ROLE, signers)
