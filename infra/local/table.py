"""The table of what tokend runs on one machine."""

from infra.chains.nodes import BITCOIN, ETHEREUM
from infra.local import api, custody, network, psim
from infra.local.chains import CHAINS, BitcoinServer, EthereumServer
from infra.local.kafka import KafkaServer
from infra.local.mail import MAIL, MailServer
from infra.local.postgres import PostgresServer
from infra.local.rows import SERVERS, Table
from infra.local.seaweedfs import SeaweedServer

SERVICES = network.get_services()
SHARED = (SERVERS, MAIL, network.CORE, network.HORIZON, network.GATEWAYS)
PEOPLE = (*SHARED, network.NOTIFICATIONS, api.IDENTITY)
# Before the Notificators, which ask whether it is well.
MONEY = (SERVERS, MAIL, CHAINS, *SHARED[2:], psim.PSIM, network.NOTIFICATIONS)
EVERYTHING = (*MONEY, api.IDENTITY)

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
