"""The table of what tokend runs on one machine."""

from infra.chains.nodes import BITCOIN, ETHEREUM
from infra.local import api, network, psim
from infra.local.chains import CHAINS, BitcoinServer, EthereumServer
from infra.local.kafka import KafkaServer
from infra.local.mail import MAIL, MailServer
from infra.local.postgres import PostgresServer
from infra.local.rows import SERVERS, Table
from infra.local.seaweedfs import SeaweedServer

SERVICES = network.get_services()
SHARED = (SERVERS, MAIL, network.CORE, network.HORIZON, network.GATEWAYS, network.NOTIFICATIONS)
PEOPLE, MONEY = (*SHARED, api.IDENTITY), (CHAINS, *SHARED, psim.PSIM)
EVERYTHING = (SERVERS, MAIL, CHAINS, *SHARED[2:], api.IDENTITY, psim.PSIM)

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
    arrange={api.IDENTITY: api.arrange},
    describe=network.describe,
    get_kept_files=lambda place: (network.get_genesis_file(place),),
)
