"""The row of the process that projects cases of KYC and checks them, and its signer."""

import stat
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from nacl.utils import random

from gateways.client.keys import get_address, read_seed
from infra.local import api, keychain
from infra.local.folders import PROJECT
from infra.local.place import Place
from infra.local.rows import Program, Service
from schemas.strkey import encode_seed
from schemas.topics import Role

KYC = "kyc"
CHECKER, REVIEWER = "checker", "kyc-reviewer"
IDENTITY = 1_002  # of the checker's signer: its weight is its own
CLAMD = Path("/run/clamav/clamd.ctl")  # Debian's daemon
PROGRAM = Program(
    settings="gateways.checker.settings:KycSettings",
    run="gateways.checker.main:main",
    migrations=(PROJECT / "processors" / "kyc" / "migrations",),
    role=Role.KYC,
    after_restore="UPDATE kyc.progress SET kafka_topic = '', events_offset = 0",
)


def prepare(place: Place) -> None:
    """Makes keys at the first start."""
    _get_seed_file(place)
    get_token_file(place)


def get_checker(place: Place) -> str:
    """The key (G...) that reviews as the checker."""
    return get_address(read_seed(_get_seed_file(place).read_text()))


def describe(place: Place) -> Mapping[str, Any]:
    """For endpoints.json."""
    return {
        "url": place.get_url(f"{KYC}.http"),
        "token_file": str(get_token_file(place)),
        "checker": get_checker(place),
        "has_scanner": find_clamd() is not None,
    }


def get_token_file(place: Place) -> Path:
    return place.get_secret_file("kyc.token", lambda: random(24).hex())


def find_clamd() -> str | None:
    """The socket of this machine's scanner, if it has one."""
    try:
        is_socket = stat.S_ISSOCK(CLAMD.stat().st_mode)
    except OSError:
        return None
    return str(CLAMD) if is_socket else None


def get_service(
    feed: Mapping[str, Callable[[Place], Any]], reads_from: Mapping[str, tuple[str, ...]]
) -> Service:
    """`feed`: which ledger it follows, as functions of the place."""
    return Service(
        name=KYC,
        tier=api.IDENTITY,
        program=KYC,
        get_settings=lambda place: {
            **{key: get(place) for key, get in feed.items()},
            **_get_settings(place),
        },
        database="postgres",
        reads_from=reads_from,
        health_path="/ready",
        status_path="/status",
        get_token=lambda place: get_token_file(place).read_text().strip(),
    )


def _get_settings(place: Place) -> Mapping[str, Any]:
    clamd = find_clamd()
    return {
        "name": KYC,
        "kafka": place.get_kafka_settings(KYC),
        "database": {"url": place.get_database_url(KYC)},
        "http": {
            "listen": place.get_address(f"{KYC}.http"),
            "token_file": str(get_token_file(place)),
        },
        "check": {
            "seed_file": str(_get_seed_file(place)),
            "api": [place.get_gateway_settings(each) for each in api.INSTANCES],
            "keychains": [place.get_gateway_settings(each) for each in keychain.INSTANCES],
            "horizons": [place.get_gateway_settings(f"gateway{pair}") for pair in ("1", "2")],
            **({} if clamd is None else {"clamd": clamd}),
            "documents_url": f"http://{place.get_address('s3')}",
        },
    }


def _get_seed_file(place: Place) -> Path:
    return place.get_secret_file("kyc.checker.seed", lambda: encode_seed(random(32)))
