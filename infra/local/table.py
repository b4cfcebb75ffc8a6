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

PAIRS = (network.HORIZON, network.GATEWAYS)
PAIRS_APART = (network.HORIZON_APART, network.GATEWAYS_APART)
HISTORY = (SERVERS, MAIL, network.CORE, *PAIRS, network.NOTIFICATIONS)
# The Notificators ask whether PSIM is well: it starts before them.
MONEY = (SERVERS, MAIL, CHAINS, network.CORE, *PAIRS, psim.PSIM, network.NOTIFICATIONS)
EVERYTHING = (
    *(SERVERS, MAIL, keychain.VAULT, CHAINS, network.CORE, network.HORIZON, network.HORIZON_APART),
    *(network.GATEWAYS, network.GATEWAYS_APART, psim.PSIM, network.NOTIFICATIONS, api.IDENTITY),
)


def make_table(joined: tuple[str, ...] = ()) -> Table:
    """`joined`: core nodes that the network was given later. Each is a tier of its own, because a
    supervisor that runs takes whole tiers; it starts with the others."""
    cores = (*network.CORES, *joined)
    services = network.get_services()
    services += tuple(network.get_core_row(each, each, cores) for each in joined)

    def get_tiers(*tiers: str) -> tuple[str, ...]:
        at = tiers.index(network.CORE) + 1
        return (*tiers[:at], *joined, *tiers[at:])

    return Table(
        tiers=get_tiers(*EVERYTHING),
        starts_with={
            **dict.fromkeys(joined, network.CORE),
            network.HORIZON_APART: network.HORIZON,
            network.GATEWAYS_APART: network.GATEWAYS,
            api.IDENTITY: network.NOTIFICATIONS,
        },
        profiles={
            "servers": (SERVERS,),
            "core": get_tiers(SERVERS, network.CORE),
            "horizon": get_tiers(*HISTORY),
            "identity": get_tiers(*HISTORY, keychain.VAULT, *PAIRS_APART, api.IDENTITY),
            "psim": get_tiers(*MONEY),
            "all": get_tiers(*EVERYTHING),
        },
        servers=(
            PostgresServer("postgres"),
            PostgresServer(keychain.SERVER, keychain.VAULT),
            KafkaServer("kafka"),
            SeaweedServer(services, uploads=(api.BUCKET,)),
            MailServer(MAIL),
            BitcoinServer(BITCOIN, CHAINS),
            EthereumServer(ETHEREUM, CHAINS),
            SandboxServer(SANDBOX),
        ),
        programs=network.PROGRAMS,
        services=services,
        topics=network.get_kafka_topics(cores),
        prepare=network.prepare,
        arrange={
            api.IDENTITY: "infra.local.checker:arrange",
            psim.PSIM: "infra.local.custody:arrange",
        },
        describe=network.describe,
        get_kept_files=lambda place: (network.get_genesis_file(place),),
        extend=make_table,
    )


TABLE = make_table()
