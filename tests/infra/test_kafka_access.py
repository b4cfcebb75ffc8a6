"""Every user at every topic with every operation, at a real broker, against the table of topics."""

import asyncio
import contextlib
import shutil
from collections.abc import AsyncIterator, Callable, Iterator
from concurrent.futures import Future
from typing import Any

import pytest
from aiokafka.client import AIOKafkaClient
from aiokafka.conn import create_conn
from aiokafka.errors import SaslAuthenticationFailed, UnsupportedSaslMechanismError
from aiokafka.protocol.admin import DeleteGroupsRequest
from aiokafka.protocol.commit import OffsetCommitRequest, OffsetFetchRequest
from aiokafka.protocol.fetch import FetchRequest
from confluent_kafka import (
    Consumer,
    KafkaError,
    KafkaException,
    Producer,
    TopicCollection,
    TopicPartition,
)
from confluent_kafka.admin import (
    AclBinding,
    AclOperation,
    AclPermissionType,
    AdminClient,
    AlterConfigOpType,
    ConfigEntry,
    ConfigResource,
    NewPartitions,
    ResourcePatternType,
    ResourceType,
    ScramCredentialInfo,
    ScramMechanism,
    UserScramCredentialUpsertion,
)
from confluent_kafka.cimpl import NewTopic

from infra.local import kafka, kafka_admin, launch
from infra.local.network import CORES
from infra.local.place import Place
from infra.local.table import TABLE
from schemas.settings import SECURITY_PROTOCOL, KafkaSettings
from schemas.topics import MESSAGE_BYTES_MAX, Operation, Resource, get_grants, get_topics
from tests.support.servers import make_folder

pytestmark = pytest.mark.servers

ROLES = TABLE.get_roles()
TOPICS = tuple(topic.name for topic in get_topics(CORES))
GRANTS = get_grants(ROLES)
REFUSALS = (
    KafkaError.TOPIC_AUTHORIZATION_FAILED,
    KafkaError.GROUP_AUTHORIZATION_FAILED,
    KafkaError.CLUSTER_AUTHORIZATION_FAILED,
    # Of the client itself: it is not told who leads a topic that it may not see.
    KafkaError._NOENT,
)
NOT_YET = (KafkaError.COORDINATOR_LOAD_IN_PROGRESS, KafkaError.NOT_COORDINATOR)
ANSWER_S = 30.0


def ignore(_: str) -> None:
    """Where nobody wants to know of the progress."""


def make_coordinator(settings: dict[str, Any]) -> None:
    """Its topic of groups is made when the first is used."""
    consumer = Consumer({**settings, "group.id": "first", "enable.auto.commit": False})
    consumer.commit(offsets=[TopicPartition(TOPICS[0], 0, 0)], asynchronous=False)
    consumer.close()


@pytest.fixture(scope="module")
def place() -> Iterator[Place]:
    """A broker with the whole network's topics and users, and a record in each topic."""
    root = make_folder()
    running = asyncio.run(launch.start_deployment(root, TABLE, "servers", ignore))
    try:
        administrator = kafka.get_administrator(running.place)
        make_coordinator(administrator)
        producer = Producer(administrator)
        for topic in TOPICS:
            producer.produce(topic, b"first", partition=0)
        assert producer.flush(ANSWER_S) == 0
        yield running.place
    finally:
        running.stop(ignore)
        shutil.rmtree(root, ignore_errors=True)


@pytest.fixture(params=ROLES)
def user(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def client(place: Place, user: str) -> dict[str, Any]:
    return {**place.get_kafka_login(user).get_client_settings(), "log_level": 0}


def is_allowed(answer: "Future[Any]") -> bool:
    """Whether it was done; anything but a refusal for want of rights is an error of the test."""
    error = answer.exception(ANSWER_S)
    if error is None:
        return True
    assert isinstance(error, KafkaException)
    assert error.args[0].code() in REFUSALS, error
    return False


def get_declared(user: str, *operations: Operation) -> set[str]:
    """The topics with which `user` may do one of `operations`."""
    return {
        grant.name
        for grant in GRANTS
        if grant.user == user and grant.resource is Resource.TOPIC and grant.operation in operations
    }


def test_write(client: dict[str, Any], user: str) -> None:
    outcomes: dict[str, KafkaError | None] = {}
    producer = Producer({**client, "message.timeout.ms": 20_000})
    for topic in TOPICS:

        def note(error: KafkaError | None, _: Any, topic: str = topic) -> None:
            outcomes[topic] = error

        producer.produce(topic, b"x", partition=0, on_delivery=note)
    assert producer.flush(ANSWER_S) == 0
    assert {topic for topic, error in outcomes.items() if error is None} == get_declared(
        user, Operation.WRITE
    )
    codes = {error.code() for error in outcomes.values() if error is not None}
    assert codes == {KafkaError.TOPIC_AUTHORIZATION_FAILED}


@contextlib.asynccontextmanager
async def connect(login: KafkaSettings) -> AsyncIterator[AIOKafkaClient]:
    """For bare requests of the protocol, where clients would not even ask, or would crash."""
    credentials = login.get_credentials()
    client = AIOKafkaClient(
        bootstrap_servers=login.bootstrap_servers,
        security_protocol=SECURITY_PROTOCOL,
        sasl_mechanism=credentials["mechanism"],
        sasl_plain_username=credentials["username"],
        sasl_plain_password=credentials["password"],
    )
    await client.bootstrap()
    try:
        yield client
    finally:
        await client.close()


async def fetch(login: KafkaSettings) -> dict[str, int]:
    """The error code for each topic when all are fetched."""
    async with connect(login) as client:
        wanted = [(topic, [(0, 0, MESSAGE_BYTES_MAX)]) for topic in TOPICS]
        answer = await client.send(1, FetchRequest(100, 1, MESSAGE_BYTES_MAX, 0, wanted))
    return {topic: partitions[0][1] for topic, partitions in answer.topics}


def test_read(place: Place, user: str) -> None:
    codes = asyncio.run(fetch(place.get_kafka_login(user)))
    assert codes.keys() == set(TOPICS)
    assert {topic for topic, code in codes.items() if code == 0} == get_declared(
        user, Operation.READ
    )
    assert set(codes.values()) - {0} == {KafkaError.TOPIC_AUTHORIZATION_FAILED}


def test_look_at_topics(client: dict[str, Any], user: str) -> None:
    admin = AdminClient(client)
    answers = admin.describe_topics(TopicCollection(list(TOPICS)))
    assert {topic for topic, answer in answers.items() if is_allowed(answer)} == get_declared(
        user, Operation.READ, Operation.WRITE
    )
    listed = set(admin.list_topics(timeout=ANSWER_S).topics)
    assert listed == get_declared(user, Operation.READ, Operation.WRITE)


def alter_config(admin: AdminClient, resource: ResourceType, name: str, value: str) -> Any:
    entry = ConfigEntry("retention.ms", value, incremental_operation=AlterConfigOpType.SET)
    if resource is ResourceType.BROKER:
        entry = ConfigEntry(
            "log.cleaner.threads", value, incremental_operation=AlterConfigOpType.SET
        )
    wanted = ConfigResource(resource, name, incremental_configs=[entry])
    return next(iter(admin.incremental_alter_configs([wanted]).values()))


TOPIC_OPERATIONS: dict[str, Callable[[AdminClient, str], Any]] = {
    "create": lambda admin, topic: admin.create_topics([NewTopic(f"{topic}.more", 1, 1)])[
        f"{topic}.more"
    ],
    "add partitions": lambda admin, topic: admin.create_partitions([NewPartitions(topic, 9)])[
        topic
    ],
    "change settings": lambda admin, topic: alter_config(
        admin, ResourceType.TOPIC, topic, "86400000"
    ),
    "delete records": lambda admin, topic: next(
        iter(admin.delete_records([TopicPartition(topic, 0, 1)]).values())
    ),
    "delete": lambda admin, topic: admin.delete_topics([topic])[topic],
}


@pytest.mark.parametrize("operation", TOPIC_OPERATIONS)
def test_nobody_changes_topics(client: dict[str, Any], operation: str) -> None:
    admin = AdminClient(client)
    answers = {topic: TOPIC_OPERATIONS[operation](admin, topic) for topic in TOPICS}
    assert [topic for topic, answer in answers.items() if is_allowed(answer)] == []


def test_who_sees_settings(client: dict[str, Any], user: str) -> None:
    wanted = [ConfigResource(ResourceType.TOPIC, topic) for topic in TOPICS]
    admin = AdminClient(client)
    answers = admin.describe_configs(wanted)
    seen = {each.name for each, answer in answers.items() if is_allowed(answer)}
    assert seen == get_declared(user, Operation.DESCRIBE_CONFIGS)


def make_user(admin: AdminClient) -> Any:
    how = ScramCredentialInfo(ScramMechanism.SCRAM_SHA_512, 4096)
    wanted = UserScramCredentialUpsertion("intruder", how, b"secret")
    return admin.alter_user_scram_credentials([wanted])["intruder"]


def grant_all(admin: AdminClient) -> Any:
    wanted = AclBinding(
        ResourceType.TOPIC,
        "*",
        ResourcePatternType.LITERAL,
        "User:intruder",
        "*",
        AclOperation.ALL,
        AclPermissionType.ALLOW,
    )
    return admin.create_acls([wanted])[wanted]


def see_grants(admin: AdminClient) -> Any:
    return admin.describe_acls(kafka_admin.get_filter())


CLUSTER_OPERATIONS: dict[str, Callable[[AdminClient], Any]] = {
    "make a user": make_user,
    "grant": grant_all,
    "change the broker": lambda admin: alter_config(admin, ResourceType.BROKER, "1", "1"),
    "see the broker": lambda admin: next(
        iter(admin.describe_configs([ConfigResource(ResourceType.BROKER, "1")]).values())
    ),
}


@pytest.mark.parametrize("operation", CLUSTER_OPERATIONS)
def test_nobody_changes_the_cluster(client: dict[str, Any], operation: str) -> None:
    admin = AdminClient(client)
    assert not is_allowed(CLUSTER_OPERATIONS[operation](admin))


def test_nobody_sees_grants(client: dict[str, Any]) -> None:
    """The library tells a refusal as an empty list."""
    admin = AdminClient(client)
    assert see_grants(admin).result(ANSWER_S) == []


async def use_groups(login: KafkaSettings, topic: str) -> dict[str, set[str]]:
    """Which of the groups `USER.matrix` the user may see, move and delete."""
    allowed: dict[str, set[str]] = {"see": set(), "move": set(), "delete": set()}
    async with connect(login) as client:

        async def ask(request: Any, get_code: Callable[[Any], int]) -> int:
            while True:
                code = get_code(await client.send(1, request))
                if code not in NOT_YET:
                    return code
                await asyncio.sleep(0.1)

        for other in ROLES:
            group = f"{other}.matrix"
            see = OffsetFetchRequest(group, [(topic, [0])])
            move = OffsetCommitRequest(group, -1, "", -1, [(topic, [(0, 0, "")])])
            codes = {
                "see": await ask(see, lambda answer: answer.error_code),
                "move": await ask(move, lambda answer: answer.topics[0][1][0][1]),
                "delete": await ask(DeleteGroupsRequest([group]), get_delete_code),
            }
            for what, code in codes.items():
                assert code in (0, *REFUSALS), (what, group, code)
                if code == 0:
                    allowed[what].add(other)
    return allowed


def get_delete_code(answer: Any) -> int:
    ((_, code),) = answer.results
    return int(code)


def test_groups(place: Place, user: str) -> None:
    """A user sees and moves the groups of his own name if he reads anything, and deletes none."""
    mine = {g.user for g in GRANTS if g.resource is Resource.GROUPS} & {user}
    topic = min(get_declared(user, Operation.READ), default=TOPICS[0])
    allowed = asyncio.run(use_groups(place.get_kafka_login(user), topic))
    assert allowed == {"see": mine, "move": mine, "delete": set()}


def test_the_administrator_may_do_all_of_it(place: Place) -> None:
    """So that every refusal above is for want of rights and for no other reason."""
    administrator = kafka.get_administrator(place)
    admin = AdminClient(administrator)
    kafka_admin.create_topics(administrator, [kafka_admin.Topic("scratch")])
    producer = Producer(administrator)
    producer.produce("scratch", b"x", partition=0)
    assert producer.flush(ANSWER_S) == 0
    for do_to_topic in TOPIC_OPERATIONS.values():
        assert is_allowed(do_to_topic(admin, "scratch"))
    for do in CLUSTER_OPERATIONS.values():
        assert is_allowed(do(admin))


def test_grants_are_exactly_those_declared(place: Place) -> None:
    """Also after somebody added one by hand and a start put it right."""
    administrator = kafka.get_administrator(place)
    more = [*GRANTS[1:], GRANTS[0]._replace(name="scratch")]
    kafka_admin.set_grants(administrator, ROLES, more)
    login = place.get_kafka_login(GRANTS[0].user)
    assert read_grants(administrator) != {(g.user, g.name, g.operation) for g in GRANTS}
    kafka_admin.prepare(administrator, (), ROLES, [login])
    assert read_grants(administrator) == {(g.user, g.name, g.operation) for g in GRANTS}


def read_grants(administrator: dict[str, Any]) -> set[tuple[str, str, str]]:
    admin = AdminClient(administrator)
    found = see_grants(admin).result(ANSWER_S)
    return {
        (acl.principal.removeprefix("User:"), acl.name, acl.operation.name.lower())
        for acl in found
        if acl.principal != "User:intruder"
    }


async def log_in(address: str, mechanism: str, user: str, password: str) -> bool:
    """By the protocol itself, because clients have nothing to say to a controller."""
    host, _, port = address.partition(":")
    try:
        connection = await create_conn(
            host,
            int(port),
            security_protocol=SECURITY_PROTOCOL,
            sasl_mechanism=mechanism,
            sasl_plain_username=user,
            sasl_plain_password=password,
        )
    except (SaslAuthenticationFailed, UnsupportedSaslMechanismError):
        return False
    connection.close()
    return True


LISTENERS = {
    "kafka": ("SCRAM-SHA-512", set(ROLES)),
    "kafka.broker": ("PLAIN", {kafka.BROKER_USER, kafka.ADMINISTRATOR}),
    "kafka.controller": ("PLAIN", {kafka.BROKER_USER}),
}


@pytest.mark.parametrize("listener", LISTENERS)
def test_who_may_log_in_where(place: Place, listener: str) -> None:
    """Each user with his own password, with a wrong one and by each mechanism."""
    address = place.get_address(listener)
    users = (*ROLES, kafka.BROKER_USER, kafka.ADMINISTRATOR)
    right, expected = LISTENERS[listener]

    def may(mechanism: str, user: str, password: str) -> bool:
        return asyncio.run(log_in(address, mechanism, user, password))

    passwords = {user: place.get_secret(f"kafka.{user}") for user in users}
    assert {user for user in users if may(right, user, passwords[user])} == expected
    for user in ("users", kafka.BROKER_USER, kafka.ADMINISTRATOR):
        assert not may(right, user, "wrong")
        for wrong in {"PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512"} - {right}:
            assert not may(wrong, user, passwords[user])


@pytest.mark.parametrize("listener", ["kafka", "kafka.broker"])
def test_nobody_asks_without_a_log_in(place: Place, listener: str) -> None:
    address = {"bootstrap.servers": place.get_address(listener), "security.protocol": "PLAINTEXT"}
    assert not kafka_admin.is_ready(address, 2)
    login = place.get_kafka_login("users").get_client_settings()
    settings = login if listener == "kafka" else kafka.get_administrator(place)
    assert kafka_admin.is_ready(settings, ANSWER_S)
