"""The tokend network of a deployment: keys, genesis file, and each service's settings.

Knows addresses (`Place`) and the services' settings; starts nothing.
"""

import json
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from nacl.utils import random

from gateways.client import keys
from infra.local import api, identity, keychain, kyc, notifications, psim
from infra.local.folders import PROJECT
from infra.local.kafka_admin import Topic
from infra.local.place import Place
from infra.local.rows import Program, Service
from infra.local.seaweedfs import get_bucket
from schemas.strkey import encode_seed
from schemas.topics import (
    INGEST_TOPIC,
    LIABILITIES_TOPIC,
    RESERVES_TOPIC,
    TOPIC_SETTINGS,
    Role,
    get_ledgers_topic,
    get_rejections_topic,
    get_topics,
)

CORE, HORIZON, GATEWAYS, NOTIFICATIONS = "core", "horizon", "gateways", "notifications"
CORES = tuple(f"core{number}" for number in range(1, 5))
PAIRS = {"1": "core1", "2": "core2"}  # Horizon pairs, each behind a node of its own
HORIZON_APART, GATEWAYS_APART = "horizon-apart", "gateways-apart"
PAIRS_APART = {"3": "core3", "4": "core4"}  # for services that may share none with API
HISTORY = "history"
NOTIFICATORS = {"notificator1": "core3", "notificator2": "core4"}  # each follows another node
GATEWAY_MIGRATIONS = PROJECT / "gateways" / "http" / "migrations"
THRESHOLD = 3  # of four: one node may fail, or lie

PROGRAMS = {
    "core": Program(
        settings="streams.node.config:CoreSettings",
        run="streams.node.runner:run",
        migrations=(PROJECT / "streams" / "node" / "migrations",),
        role=Role.CORE,
        after_restore="DELETE FROM ingest_offsets",
    ),
    "horizon-processor": Program(
        settings="processors.horizon.config:HorizonSettings",
        run="processors.horizon.app:main",
        role=Role.HORIZON_PROCESSOR,
    ),
    "horizon-gateway": Program(
        settings="gateways.horizon.settings:HorizonGatewaySettings",
        run="gateways.horizon.main:main",
        migrations=(GATEWAY_MIGRATIONS,),
        role=Role.HORIZON_GATEWAY,
    ),
    "notificator": Program(
        settings="processors.notificator.config:NotificatorSettings",
        run="processors.notificator.app:main",
        migrations=(PROJECT / "processors" / "notificator" / "migrations",),
        role=Role.NOTIFICATOR,
    ),
    "api": api.PROGRAM,
    identity.KEYSERVER: identity.PROGRAM,
    keychain.KEYCHAIN: keychain.PROGRAM,
    "psim": psim.PROGRAM,
    kyc.KYC: kyc.PROGRAM,
}


def prepare(place: Place) -> None:
    """Makes keys and genesis at the first start."""
    for name in ("master", *get_cores(place)):
        _get_seed_file(place, name)
    for core in get_cores(place):
        _get_token_file(place, core)
    notifications.prepare(place)
    api.prepare(place)
    identity.prepare(place)
    keychain.prepare(place)
    psim.prepare(place)
    kyc.prepare(place)
    genesis = get_genesis_file(place)
    if not genesis.exists():
        partial = genesis.with_suffix(".new")
        partial.write_text(json.dumps(_make_genesis(place), indent=1) + "\n")
        partial.replace(genesis)


def get_cores(place: Place) -> tuple[str, ...]:
    """All core nodes of the deployment: those of the genesis, and those that joined later."""
    return (*CORES, *place.state.joined)


def describe(place: Place) -> Mapping[str, Any]:
    """For endpoints.json: what scripts need to use the network."""
    from streams.ledger.genesis import decode_genesis, open_genesis
    from streams.ledger.hashes import compute_network_id

    content = decode_genesis(get_genesis_file(place).read_bytes())
    genesis = open_genesis(content)
    return {
        "network_passphrase": content.network_passphrase,
        "network_id": compute_network_id(content.network_passphrase).hex(),
        "genesis_file": str(get_genesis_file(place)),
        "genesis_hash": genesis.closed.header_hash.hex(),
        "master_account": get_identity(place, "master"),
        "master_seed_file": str(_get_seed_file(place, "master")),
        "ingest_topic": INGEST_TOPIC,
        "ledgers_topics": [get_ledgers_topic(core) for core in get_cores(place)],
        "rejections_topics": [get_rejections_topic(core) for core in get_cores(place)],
        "horizon": [place.get_url(f"gateway{pair}.http") for pair in PAIRS],
        "keychain": keychain.describe(place),
        "cores": {
            core: {
                "url": place.get_url(f"{core}.http"),
                "token_file": str(_get_token_file(place, core)),
            }
            for core in get_cores(place)
        },
        "notificators": notifications.describe(place, tuple(NOTIFICATORS)),
        "api": api.describe(place),
        "keyserver": identity.describe(place),
        "psim": psim.describe(place),
        "kyc": kyc.describe(place),
    }


def get_kafka_topics(cores: tuple[str, ...]) -> tuple[Topic, ...]:
    return tuple(
        Topic(
            row.name,
            row.partitions,
            {
                **TOPIC_SETTINGS,
                "retention.ms": str(row.retention_ms),
                "max.message.bytes": str(row.batch_bytes_max),
                **({} if row.segment_ms is None else {"segment.ms": str(row.segment_ms)}),
            },
        )
        for row in get_topics(cores)
    )


def get_services() -> tuple[Service, ...]:
    rows = [get_core_row(core, CORE, CORES) for core in CORES]
    for pair, core in {**PAIRS, **PAIRS_APART}.items():
        rows += [_get_processor_row(pair, core), _get_gateway_row(pair, core)]
    rows += [_get_notificator_row(name, core) for name, core in NOTIFICATORS.items()]
    rows += [_get_psim_row(name, core) for name, core in psim.PSIMS.items()]
    notificators = tuple(NOTIFICATORS)
    gateways = tuple(f"gateway{pair}" for pair in PAIRS)
    rows += identity.get_services(notificators, gateways, get_genesis_file)
    rows += keychain.get_services(get_genesis_file, get_nodes_of_pairs, kyc.get_checker)
    rows += api.get_services(notificators, get_genesis_file)
    return (*rows, _get_kyc_row())


def get_nodes_of_pairs(place: Place) -> list[str]:
    """The keys (G...) of the core nodes behind `PAIRS`."""
    return [get_identity(place, core) for core in PAIRS.values()]


def get_genesis_file(place: Place) -> Path:
    return place.folder.config / "genesis.json"


def get_core_row(core: str, tier: str, cores: tuple[str, ...]) -> Service:
    """`cores`: whose archives it may read."""
    return Service(
        name=core,
        tier=tier,
        program="core",
        get_settings=lambda place: _get_core_settings(place, core),
        database="postgres",
        uses={"s3": (HISTORY,)},
        reads_from={"s3": tuple(get_history_bucket(other) for other in cores if other != core)},
        health_path="/health",
        status_path="/status",
        get_token=lambda place: _get_token_file(place, core).read_text().strip(),
    )


def get_peers(place: Place, core: str) -> list[Mapping[str, str]]:
    """All other nodes, as a node's settings name them."""
    return [
        {
            "name": other,
            "node_id": get_identity(place, other),
            "address": place.get_address(f"{other}.overlay"),
        }
        for other in get_cores(place)
        if other != core
    ]


def _get_core_settings(place: Place, core: str) -> Mapping[str, Any]:
    return {
        "name": core,
        "seed_file": str(_get_seed_file(place, core)),
        "genesis_file": str(get_genesis_file(place)),
        "is_flooding": False,  # all nodes of the deployment read the same cluster
        "database": {"url": place.get_database_url(core)},
        "kafka": place.get_kafka_settings(core),
        "overlay": {
            "listen": place.get_address(f"{core}.overlay"),
            "peers": get_peers(place, core),
        },
        "http": {
            "listen": place.get_address(f"{core}.http"),
            "token_file": str(_get_token_file(place, core)),
        },
        "archive": {
            "bucket": place.get_bucket_settings(core, get_history_bucket(core)),
            "others": get_archives(place, core),
        },
    }


def get_history_bucket(core: str) -> str:
    return get_bucket(core, HISTORY)


def get_archives(place: Place, user: str) -> list[Mapping[str, str]]:
    """All nodes' archives but `user`'s own, as it reads them."""
    others = [core for core in CORES if core != user]
    return [place.get_bucket_settings(user, get_history_bucket(core)) for core in others]


def _get_processor_row(pair: str, core: str) -> Service:
    return Service(
        name=f"horizon{pair}",
        tier=HORIZON if pair in PAIRS else HORIZON_APART,
        program="horizon-processor",
        get_settings=lambda place: get_processor_settings(place, pair, core),
        database="postgres",
        reads_from={"s3": tuple(get_history_bucket(core) for core in CORES)},
    )


def get_processor_settings(place: Place, pair: str, core: str) -> Mapping[str, Any]:
    """What `tokend replay` reads too."""
    return {
        "name": f"horizon{pair}",
        "kafka": place.get_kafka_settings(f"horizon{pair}"),
        "database": {"url": place.get_database_url(f"horizon{pair}")},
        "genesis_file": str(get_genesis_file(place)),
        "ledgers_topic": get_ledgers_topic(core),
        "peer_topics": [get_ledgers_topic(other) for other in CORES if other != core],
        "archives": get_archives(place, f"horizon{pair}"),
        "rejections_topics": [get_rejections_topic(other) for other in get_cores(place)],
        "reserves_topics": [RESERVES_TOPIC, LIABILITIES_TOPIC],
    }


def _get_gateway_row(pair: str, core: str) -> Service:
    return Service(
        name=f"gateway{pair}",
        tier=GATEWAYS if pair in PAIRS else GATEWAYS_APART,
        program="horizon-gateway",
        get_settings=lambda place: {
            "host": place.listen_host,
            "port": place.get_port(f"gateway{pair}.http"),
            "public_url": place.get_url(f"gateway{pair}.http"),
            "genesis_file": str(get_genesis_file(place)),
            "database": {"url": place.get_database_url(f"horizon{pair}", f"gateway{pair}")},
            "store": {"url": place.get_database_url(f"gateway{pair}")},
            "kafka": place.get_kafka_settings(f"gateway{pair}"),
            **({} if pair in PAIRS else {"proof_readers": [keychain.get_reader(place)]}),
            "core": {
                "url": place.get_url(f"{core}.http"),
                "token_file": str(_get_token_file(place, core)),
            },
        },
        database="postgres",
        reads=(f"horizon{pair}",),
        health_path="/ready",
        status_path="/health",
        is_public=True,
    )


def _get_notificator_row(name: str, core: str) -> Service:
    return Service(
        name=name,
        tier=NOTIFICATIONS,
        program="notificator",
        get_settings=lambda place: {
            **notifications.get_settings(place, name, get_cores(place)),
            "api": api.describe_private(place),
            "genesis_file": str(get_genesis_file(place)),
            "ledgers_topic": get_ledgers_topic(core),
            "peer_topics": [get_ledgers_topic(other) for other in CORES if other != core],
        },
        database="postgres",
        shared_database=notifications.DATABASE,
        health_path="/health",
        status_path="/status",
        get_token=lambda place: notifications.get_token_file(place).read_text().strip(),
    )


def _get_psim_row(name: str, core: str) -> Service:
    return psim.make_row(name, _get_feed(name, core), {"s3": tuple(map(get_history_bucket, CORES))})


def _get_kyc_row() -> Service:
    feed = _get_feed(kyc.KYC, CORES[0])
    return kyc.get_service(feed, {"s3": tuple(map(get_history_bucket, CORES))})


def _get_feed(name: str, core: str) -> Mapping[str, Callable[[Place], Any]]:
    """Which ledger a service follows."""
    return {
        "genesis_file": lambda place: str(get_genesis_file(place)),
        "ledgers_topic": lambda _: get_ledgers_topic(core),
        "peer_topics": lambda _: [get_ledgers_topic(other) for other in CORES if other != core],
        "archives": lambda place: get_archives(place, name),
    }


def _make_genesis(place: Place) -> Mapping[str, Any]:
    master = get_identity(place, "master")
    return {
        # Random, so that nothing signed for one deployment is valid in another.
        "network_passphrase": f"tokend deployment {random(16).hex()}",
        "close_time_ms": str(time.time_ns() // 1_000_000),
        "master": {"account": master, "signers": [{"public_key": master}]},
        "quorum_set": {
            "threshold": THRESHOLD,
            "validators": [get_identity(place, core) for core in CORES],
        },
    }


def _get_seed_file(place: Place, name: str) -> Path:
    return place.get_secret_file(f"{name}.seed", lambda: encode_seed(random(32)))


def _get_token_file(place: Place, name: str) -> Path:
    return place.get_secret_file(f"{name}.token", lambda: random(24).hex())


def get_identity(place: Place, name: str) -> str:
    """The G... key of a seed file."""
    return keys.get_address(keys.read_seed(_get_seed_file(place, name).read_text()))
