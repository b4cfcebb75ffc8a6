"""The KeyServer's rows in a deployment: two instances on one database.

Its key-encryption keys lie apart from all other secrets, and in no backup.
"""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from infra.local import api
from infra.local.folders import PROJECT
from infra.local.place import Place
from infra.local.rows import Program, Service
from schemas.topics import Role

KEYSERVER = "keyserver"
INSTANCES = ("keyserver1", "keyserver2")

PROGRAM = Program(
    settings="gateways.keyserver.settings:KeyServerSettings",
    run="gateways.keyserver.main:main",
    migrations=(
        PROJECT / "gateways" / "http" / "migrations",
        PROJECT / "gateways" / "keyserver" / "migrations",
    ),
    role=Role.KEYSERVER,
)


def prepare(place: Place) -> None:
    """Makes key-encryption keys at the first start."""
    place.get_kek_file(KEYSERVER)


def describe(place: Place) -> list[str]:
    """For endpoints.json: where users reach it."""
    return [place.get_url(f"{name}.http") for name in INSTANCES]


def get_services(
    notificators: tuple[str, ...],
    gateways: tuple[str, ...],
    get_genesis_file: Callable[[Place], Path],
) -> tuple[Service, ...]:
    """`gateways`: Horizon's."""

    def make_row(name: str) -> Service:
        return Service(
            name=name,
            tier=api.IDENTITY,
            program=KEYSERVER,
            get_settings=lambda place: {
                **_get_settings(place, name, notificators, gateways),
                "genesis_file": str(get_genesis_file(place)),
            },
            database="postgres",
            shared_database=KEYSERVER,
            health_path="/ready",
            status_path="/health",
            is_public=True,
        )

    return tuple(make_row(name) for name in INSTANCES)


def _get_settings(
    place: Place, name: str, notificators: tuple[str, ...], gateways: tuple[str, ...]
) -> Mapping[str, Any]:
    return {
        "host": place.listen_host,
        "port": place.get_port(f"{name}.http"),
        "public_url": place.get_url(f"{name}.http"),
        "store": {"url": place.get_database_url(KEYSERVER)},
        "cors": {"origins": ["*"]},  # requests are signed: there is nothing that a cookie would add
        "kafka": place.get_kafka_settings(name),
        "kek": {"name": KEYSERVER, "path": str(place.get_kek_file(KEYSERVER))},
        "statement_key_file": str(api.get_statement_key_file(place)),
        "notificators": [place.get_private_url(f"{each}.http") for each in notificators],
        "erasers": [api.get_registrar(place)],
        "horizons": [place.get_private_url(f"{each}.http") for each in gateways],
    }
