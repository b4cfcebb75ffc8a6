"""API's rows in a deployment: two instances that share a database and a bucket."""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from nacl.signing import SigningKey
from nacl.utils import random

from gateways.client.keys import get_address, read_seed
from infra.local import notifications, psim, sandbox
from infra.local.folders import PROJECT
from infra.local.place import Place
from infra.local.rows import Program, Service
from infra.local.seaweedfs import get_bucket
from schemas.strkey import encode_seed
from schemas.topics import API_NOTIFICATIONS, Role

IDENTITY = "identity"
DATABASE, DOCUMENTS = "api", "documents"
KEYCHAINS, KEYSERVERS = ("keychain1", "keychain2"), ("keyserver1", "keyserver2")
CASES = "kyc"
"""The database of the projection of KYC cases."""
BUCKET = get_bucket(DATABASE, DOCUMENTS)
INSTANCES = {"api1": ("1", "2"), "api2": ("2", "1")}  # each asks another Horizon pair first

PROGRAM = Program(
    settings="gateways.api.settings:ApiGatewaySettings",
    run="gateways.api.main:main",
    migrations=(
        PROJECT / "gateways" / "http" / "migrations",
        PROJECT / "gateways" / "api" / "migrations",
    ),
    role=Role.API,
)


def prepare(place: Place) -> None:
    """Makes keys at the first start."""
    _get_registrar_file(place)
    get_token_file(place)
    get_statement_key(place)
    place.get_kek_file(DATABASE)


def get_services(
    notificators: tuple[str, ...], get_genesis_file: Callable[[Place], Path]
) -> tuple[Service, ...]:
    def make_row(name: str, pairs: tuple[str, ...]) -> Service:
        return Service(
            name=name,
            tier=IDENTITY,
            program="api",
            get_settings=lambda place: {
                **_get_settings(place, name, pairs, notificators),
                "genesis_file": str(get_genesis_file(place)),
            },
            database="postgres",
            shared_database=DATABASE,
            reads=(CASES,),
            uses={"s3": (DOCUMENTS,)},
            health_path="/ready",
            status_path="/health",
            is_public=True,
        )

    return tuple(make_row(name, pairs) for name, pairs in INSTANCES.items())


def get_registrar(place: Place) -> str:
    """The key (G...) that creates accounts, and asks other services to erase."""
    return get_address(read_seed(_get_registrar_file(place).read_text()))


def describe(place: Place) -> list[str]:
    """For endpoints.json: where users reach it."""
    return [place.get_url(f"{name}.http") for name in INSTANCES]


def describe_private(place: Place) -> Mapping[str, Any]:
    """For the Notificator: who knows people's addresses."""
    return {
        "urls": [place.get_private_url(f"{name}.private") for name in INSTANCES],
        "token_file": str(get_token_file(place)),
    }


def get_statement_key_file(place: Place) -> Path:
    """The KeyServer signs by it that somebody has confirmed an e-mail."""
    return place.get_secret_file("keyserver.statement.key", lambda: random(32).hex())


def get_statement_key(place: Place) -> SigningKey:
    return SigningKey(bytes.fromhex(get_statement_key_file(place).read_text().strip()))


def _get_settings(
    place: Place, name: str, pairs: tuple[str, ...], notificators: tuple[str, ...]
) -> Mapping[str, Any]:
    published = place.get_published("s3")
    return {
        "name": name,
        "host": place.listen_host,
        "port": place.get_port(f"{name}.http"),
        "public_url": place.get_url(f"{name}.http"),
        "store": {"url": place.get_database_url(DATABASE)},
        "cases": {"url": place.get_database_url(CASES, DATABASE)},
        "cors": {"origins": ["*"]},  # requests are signed: there is nothing that a cookie would add
        "horizon": [place.get_gateway_settings(f"gateway{pair}") for pair in pairs],
        "registrar_seed_file": str(_get_registrar_file(place)),
        "statement_keys": [bytes(get_statement_key(place).verify_key).hex()],
        "kek": {"name": DATABASE, "path": str(place.get_kek_file(DATABASE))},
        "documents": place.get_bucket_settings(name, BUCKET),
        **({} if published is None else {"documents_url": f"http://{published}"}),
        "kafka": place.get_kafka_settings(name),
        "callbacks": [sandbox.GATEWAY],
        "notifications_topic": API_NOTIFICATIONS,
        "erasure": {
            "keychains": [place.get_gateway_settings(each) for each in KEYCHAINS],
            "keyservers": [place.get_gateway_settings(each) for each in KEYSERVERS],
        },
        "private": {
            "listen": place.get_address(f"{name}.private"),
            "token_file": str(get_token_file(place)),
            "payout_token_file": str(psim.get_payout_token_file(place)),
        },
        "notificators": {
            "urls": [place.get_private_url(f"{each}.http") for each in notificators],
            "token_file": str(notifications.get_token_file(place)),
        },
    }


def _get_registrar_file(place: Place) -> Path:
    return place.get_secret_file("api.registrar.seed", lambda: encode_seed(random(32)))


def get_token_file(place: Place) -> Path:
    return place.get_secret_file("api.token", lambda: random(24).hex())
