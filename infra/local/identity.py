"""The KeyServer's rows in a deployment: two instances on one database, and its secrets.

Its key-encryption keys lie apart from all other secrets, and in no backup.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from nacl.signing import SigningKey
from nacl.utils import random

from infra.local.folders import PROJECT
from infra.local.place import Place
from infra.local.rows import Program, Service
from schemas.strkey import decode_seed, encode_account_id, encode_seed
from schemas.topics import Role

IDENTITY = "identity"
KEYSERVER = "keyserver"
KEYSERVERS = ("keyserver1", "keyserver2")

PROGRAMS = {
    KEYSERVER: Program(
        settings="gateways.keyserver.settings:KeyServerSettings",
        run="gateways.keyserver.main:main",
        migrations=(
            PROJECT / "gateways" / "http" / "migrations",
            PROJECT / "gateways" / "keyserver" / "migrations",
        ),
        role=Role.KEYSERVER,
    ),
}


def prepare(place: Place) -> None:
    """Makes keys at the first start."""
    get_statement_key(place)
    place.get_kek_file(KEYSERVER)


def describe(place: Place) -> Mapping[str, Any]:
    """For endpoints.json."""
    return {
        "keyserver": [place.get_url(f"{name}.http") for name in KEYSERVERS],
        "statement_key": get_statement_key(place),
    }


def get_statement_key(place: Place) -> str:
    """The public half, G..., of the key that signs registration statements."""
    file = place.get_secret_file(f"{KEYSERVER}.statement.seed", lambda: encode_seed(random(32)))
    seed = decode_seed(file.read_text().strip())
    return encode_account_id(bytes(SigningKey(seed).verify_key))


def get_services(
    get_genesis_file: Callable[[Place], Any], gateways: Sequence[str], notificators: Sequence[str]
) -> tuple[Service, ...]:
    """`gateways`: Horizon gateways, by name. All of the network comes from the caller."""

    def get_settings(place: Place, name: str) -> Mapping[str, Any]:
        return {
            "host": place.listen_host,
            "port": place.get_port(f"{name}.http"),
            "public_url": place.get_url(f"{name}.http"),
            "genesis_file": str(get_genesis_file(place)),
            "store": {"url": place.get_database_url(KEYSERVER)},
            "kafka": place.get_kafka_settings(name),
            "kek": {"name": KEYSERVER, "path": str(place.get_kek_file(KEYSERVER))},
            "statement_seed_file": str(place.get_secret_file(f"{KEYSERVER}.statement.seed")),
            "notificators": [_get_private_url(place, each) for each in notificators],
            "horizons": [_get_private_url(place, each) for each in gateways],
        }

    def make_row(name: str) -> Service:
        return Service(
            name=name,
            tier=IDENTITY,
            program=KEYSERVER,
            get_settings=lambda place: get_settings(place, name),
            database="postgres",
            shared_database=KEYSERVER,
            health_path="/ready",
            status_path="/health",
            is_public=True,
        )

    return tuple(make_row(name) for name in KEYSERVERS)


def _get_private_url(place: Place, name: str) -> str:
    """As services reach it, not as users do."""
    return f"http://{place.get_address(f'{name}.http')}"
