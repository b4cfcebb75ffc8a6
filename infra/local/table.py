"""The table of what tokend runs on one machine."""

from infra.local import api, network
from infra.local.kafka import KafkaServer
from infra.local.mail import MAIL, MailServer
from infra.local.postgres import PostgresServer
from infra.local.rows import SERVERS, Table
from infra.local.seaweedfs import SeaweedServer

SERVICES = network.get_services()
PEOPLE = (
    SERVERS,
    MAIL,
    network.CORE,
    network.HORIZON,
    network.GATEWAYS,
    network.NOTIFICATIONS,
    api.IDENTITY,
)

TABLE = Table(
    tiers=PEOPLE,
    profiles={
        "servers": (SERVERS,),
        "core": (SERVERS, network.CORE),
        "identity": PEOPLE,
        "all": PEOPLE,
    },
    servers=(
        PostgresServer("postgres"),
        KafkaServer("kafka"),
        SeaweedServer(SERVICES, uploads=(api.BUCKET,)),
        MailServer(MAIL),
    ),
    programs=network.PROGRAMS,
    services=SERVICES,
    topics=network.get_kafka_topics(),
    prepare=network.prepare,
    arrange=api.arrange,
    arranged_tier=api.IDENTITY,
    describe=network.describe,
    get_kept_files=lambda place: (network.get_genesis_file(place),),
)
