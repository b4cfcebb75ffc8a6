"""The table of what tokend runs on one machine."""

from infra.chains.nodes import BITCOIN, ETHEREUM
from infra.local import api, custody, keychain, network, psim
from infra.local.chains import CHAINS, BitcoinServer, EthereumServer
from infra.local.kafka import KafkaServer
from infra.local.mail import MAIL, MailServer
from infra.local.postgres import PostgresServer
from infra.local.rows import SERVERS, Table
from infra.local.seaweedfs import SeaweedServer

SERVICES = network.get_services()
PAIRS = (network.HORIZON, network.GATEWAYS)
PAIRS_APART = (network.HORIZON_APART, network.GATEWAYS_APART)
IDENTITY = (*PAIRS_APART, api.IDENTITY)
# The Notificators ask whether PSIM is well: it starts before them.
PEOPLE = (
    *(SERVERS, MAIL, keychain.VAULT),
    *(network.CORE, *PAIRS, network.NOTIFICATIONS, *IDENTITY),
)
MONEY = (SERVERS, MAIL, CHAINS, network.CORE, *PAIRS, psim.PSIM, network.NOTIFICATIONS)
EVERYTHING = (
    *(SERVERS, MAIL, keychain.VAULT, CHAINS),
    *(network.CORE, *PAIRS, psim.PSIM, network.NOTIFICATIONS, *IDENTITY),
)

TABLE = Table(
    tiers=EVERYTHING,
    profiles={
        "servers": (SERVERS,),
        "core": (SERVERS, network.CORE),
        "identity": PEOPLE,
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
    ),
    programs=network.PROGRAMS,
    services=SERVICES,
    topics=network.get_kafka_topics(),
    prepare=network.prepare,
    arrange={api.IDENTITY: api.arrange, psim.PSIM: custody.arrange},
    describe=network.describe,
    get_kept_files=lambda place: (network.get_genesis_file(place),),
)
