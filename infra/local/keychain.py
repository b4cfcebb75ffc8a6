"""The KeyChain's rows in a deployment: two instances on a PostgreSQL server of their own, behind
Horizon pairs that API does not use.
"""

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from nacl.utils import random

from gateways.client import keys
from infra.local import api, postgres
from infra.local.folders import PROJECT
from infra.local.place import Place
from infra.local.rows import Program, Service
from schemas.strkey import encode_seed

KEYCHAIN = "keychain"
VAULT = "vault"
"""The tier of its PostgreSQL server, which has nothing of anybody else."""
SERVER = "keychain-postgres"
INSTANCES = {"keychain1": ("3", "4"), "keychain2": ("4", "3")}
CONTROL = Path("global") / "pg_control"
SYSTEM_BYTES = 8

PROGRAM = Program(
    settings="gateways.keychain.settings:KeyChainSettings",
    run="gateways.keychain.main:main",
    migrations=(
        PROJECT / "gateways" / "http" / "migrations",
        PROJECT / "gateways" / "keychain" / "migrations",
    ),
)


def prepare(place: Place) -> None:
    """Makes keys at the first start."""
    _get_reader_file(place)
    place.get_kek_file(KEYCHAIN)


def describe(place: Place) -> list[str]:
    """For endpoints.json: where users reach it."""
    return [place.get_url(f"{name}.http") for name in INSTANCES]


def get_reader(place: Place) -> str:
    """The key (G...) by which it asks its Horizon for proofs."""
    return keys.get_address(keys.read_seed(_get_reader_file(place).read_text()))


def get_services(
    get_genesis_file: Callable[[Place], Path],
    get_nodes: Callable[[Place], Sequence[str]],
    get_machine: Callable[[Place], str],
) -> tuple[Service, ...]:
    """`get_nodes`: the keys (G...) of the core nodes behind API; `get_machine`: the checker's."""

    def make_row(name: str, pairs: tuple[str, ...]) -> Service:
        return Service(
            name=name,
            tier=api.IDENTITY,
            program=KEYCHAIN,
            get_settings=lambda place: {
                **_get_settings(place, name, pairs),
                "genesis_file": str(get_genesis_file(place)),
                "machines": [get_machine(place)],
                "apart_from": {"nodes": list(get_nodes(place)), **_get_system(place)},
            },
            database=SERVER,
            shared_database=KEYCHAIN,
            health_path="/ready",
            status_path="/health",
            is_public=True,
        )

    return tuple(make_row(name, pairs) for name, pairs in INSTANCES.items())


def _get_settings(place: Place, name: str, pairs: tuple[str, ...]) -> Mapping[str, Any]:
    return {
        "host": place.listen_host,
        "port": place.get_port(f"{name}.http"),
        "public_url": place.get_url(f"{name}.http"),
        "store": {"url": place.get_database_url(KEYCHAIN, server=SERVER)},
        "cors": {"origins": ["*"]},  # requests are signed: there is nothing that a cookie would add
        "horizon": [place.get_gateway_settings(f"gateway{pair}") for pair in pairs],
        "reader_seed_file": str(_get_reader_file(place)),
        "kek": {"name": KEYCHAIN, "path": str(place.get_kek_file(KEYCHAIN))},
    }


def _get_system(place: Place) -> dict[str, str]:
    """The identifier of API's PostgreSQL: the first thing in its control file. In containers it is
    not to be seen, and there both have a server of their own by the file that starts them."""
    file = postgres.get_folder(place) / CONTROL
    if not file.exists():
        return {}
    return {"database_system": str(int.from_bytes(file.read_bytes()[:SYSTEM_BYTES], "little"))}


def _get_reader_file(place: Place) -> Path:
    return place.get_secret_file("keychain.reader.seed", lambda: encode_seed(random(32)))
