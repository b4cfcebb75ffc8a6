"""Where every run begins: a network with an issuer, an asset and people who hold some of it.

Its first ledgers are closed without consensus, by the ledger's own code, and put on one disk, of
which every node is given a copy.
"""

from dataclasses import dataclass
from functools import cache

from schemas.generated.ledger import Certificate
from schemas.generated.operations import CreateAccount
from streams.herder.outputs import Commit
from streams.ledger.admission import Candidate
from streams.ledger.chain import ChainPosition
from streams.ledger.genesis import open_genesis
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


@dataclass(frozen=True)
class Beginning:
    """The network after its first ledgers, what is on every disk, and where checking starts."""

    network: Network
    disk: Disk
    position: ChainPosition


@cache
def make_beginning(validators: int) -> Beginning:
    network = Network(make_genesis(validators))
    disk = Disk()
    opened = open_genesis(network.genesis)
    disk.commit(Commit(opened.closed, None, Certificate(())), 0)

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
    return Beginning(network, disk, position)


def _create_person(name: str) -> CreateAccount:
    """With a second key that may sign alone as well."""
    signers = (get_owner(name), get_owner(get_spare(name), identity=1))
    return CreateAccount(get_account(name), None, GENERAL_ROLE, signers)
