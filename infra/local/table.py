"""The table of what tokend runs on one machine."""

from infra.chains.nodes import BITCOIN, ETHEREUM
from infra.local import api, keychain, network, psim
from infra.local.chains import CHAINS, BitcoinServer, EthereumServer
from infra.local.kafka import KafkaServer
from infra.local.mail import MAIL, MailServer
from infra.local.postgres import PostgresServer
from infra.local.rows import SERVERS, Table
from infra.local.sandbox import SANDBOX, SandboxServer
from infra.local.seaweedfs import SeaweedServer

SERVICES = network.get_services()
PAIRS = (network.HORIZON, network.GATEWAYS)
PAIRS_APART = (network.HORIZON_APART, network.GATEWAYS_APART)
HISTORY = (SERVERS, MAIL, network.CORE, *PAIRS, network.NOTIFICATIONS)
# The Notificators ask whether PSIM is well: it starts before them.
MONEY = (SERVERS, MAIL, CHAINS, network.CORE, *PAIRS, psim.PSIM, network.NOTIFICATIONS)
EVERYTHING = (
    *(SERVERS, MAIL, keychain.VAULT, CHAINS, network.CORE, network.HORIZON, network.HORIZON_APART),
    *(network.GATEWAYS, network.GATEWAYS_APART, psim.PSIM, network.NOTIFICATIONS, api.IDENTITY),
)

TABLE = Table(
    tiers=EVERYTHING,
    starts_with={
        network.HORIZON_APART: network.HORIZON,
        network.GATEWAYS_APART: network.GATEWAYS,
        api.IDENTITY: network.NOTIFICATIONS,
    },
    profiles={
        "servers": (SERVERS,),
        "core": (SERVERS, network.CORE),
        "horizon": HISTORY,
        "identity": (*HISTORY, keychain.VAULT, *PAIRS_APART, api.IDENTITY),
        "psim": MONEY,
        "all": EVERYTHING,
    },
    servers=(
        PostgresServer("postgres"),
        PostgresServer(keychain.SERVER, keychain.VAULT),
        KafkaServer("kafka"),
        SeaweedServer(SERVICES, uploads=(api.BUCKET,)),
        MailServer(MAIL),
        BitcoinServer(BITCOIN, CHAINS),
        EthereumServer(ETHEREUM, CHAINS),
        SandboxServer(SANDBOX),
    ),
    programs=network.PROGRAMS,
    services=SERVICES,
    topics=network.get_kafka_topics(),
    prepare=network.prepare,
    arrange={
        api.IDENTITY: "infra.local.checker:arrange",
        psim.PSIM: "infra.local.custody:arrange",
    },
    describe=network.describe,
    get_kept_files=lambda place: (network.get_genesis_file(place),),
)
