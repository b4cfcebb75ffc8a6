"""The row of the process that projects cases of KYC and checks them, and its signer."""

import stat
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from nacl.signing import SigningKey
from nacl.utils import random

from gateways.client.errors import ClientError
from gateways.client.horizon import HorizonClient
from gateways.client.keys import get_address
from gateways.client.platform.apply import apply_platform
from gateways.client.platform.file import read_platform
from infra.local import api, keychain
from infra.local.errors import LocalError
from infra.local.folders import PROJECT
from infra.local.place import Place
from infra.local.registrar import DOCUMENT_CLASS, FORM_CLASS, add_signer, is_signer
from infra.local.rows import Program, Report, Service
from schemas.strkey import decode_seed, encode_seed
from schemas.topics import Role

KYC = "kyc"
CHECKER, REVIEWER = "checker", "kyc-reviewer"
IDENTITY = 1_002  # of the checker's signer: its weight is its own
CLAMD = Path("/run/clamav/clamd.ctl")  # Debian's daemon
PLATFORM = f"""
[signer_rules.read-submissions]
resource = {{ type = "custom_resource", resource = "api", action = "read-documents" }}
action = "CUSTOM"

[signer_rules.open-kyc-forms]
resource = {{ type = "custom_resource", resource = "keychain:{FORM_CLASS}", action = "open" }}
action = "CUSTOM"

[signer_rules.open-kyc-documents]
resource = {{ type = "custom_resource", resource = "keychain:{DOCUMENT_CLASS}", action = "open" }}
action = "CUSTOM"

# It clears its own task, and may add the one for people.
[signer_rules.check-roles]
action = "REVIEW"
[signer_rules.check-roles.resource]
type = "request_resource"
kind = "change_role"
tasks_to_add = 32
tasks_to_remove = 1024

# People who review: the operator adds signers of this role.
[signer_rules.review-roles]
resource = {{ type = "request_resource", kind = "change_role" }}
action = "REVIEW"

[signer_rules.read-role-requests]
resource = {{ type = "request_resource", kind = "change_role" }}
action = "READ"

[signer_roles.{REVIEWER}]
rules = [
    "read-submissions", "open-kyc-forms", "open-kyc-documents", "review-roles",
    "read-role-requests",
]

[signer_roles.{CHECKER}]
rules = ["read-submissions", "open-kyc-forms", "open-kyc-documents", "check-roles"]
"""

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
    return get_address(_read_key(_get_seed_file(place)))


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


def arrange(place: Place, report: Report) -> None:
    """What API needs of the network, and then the checker's signer. Raises LocalError."""
    api.arrange(place, report)
    master = _read_key(place.get_secret_file("master.seed"))
    try:
        with HorizonClient(place.get_url("gateway1.http"), master) as client:
            apply_platform(client, master, read_platform(PLATFORM))
            if not is_signer(client, get_address(master), get_checker(place)):
                add_signer(client, master, get_checker(place), CHECKER, IDENTITY)
                report("the checker may look at what people hand in")
    except ClientError as error:
        raise LocalError(f"cannot prepare the network for the checker: {error}") from None


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


def _read_key(file: Path) -> SigningKey:
    return SigningKey(decode_seed(file.read_text().strip()))
