"""What `tokend up` does at a broker as its administrator: topics, users, access lists.

Clients are described by their librdkafka settings. Knows nothing about the content of topics.
"""

import time
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from infra.local.errors import LocalError
from schemas.settings import KafkaSettings
from schemas.topics import Grant, Operation, Resource, Role, get_grants

if TYPE_CHECKING:
    from confluent_kafka.admin import AclBinding

ANSWER_S = 60.0

# Passwords have 256 random bits: more rounds would only make log-ins slower.
SCRAM_ROUNDS = 4096


@dataclass(frozen=True, slots=True)
class Topic:
    """A topic to create. `config`: Kafka's own topic settings, such as retention.ms."""

    name: str
    partitions: int = 1
    config: Mapping[str, str] = field(default_factory=dict)


def prepare(
    administrator: Mapping[str, Any],
    topics: Sequence[Topic],
    roles: Mapping[str, Role],
    logins: Sequence[KafkaSettings],
) -> None:
    """Creates topics and users (`logins`) with the rights of `roles`; returns when all can log in.

    Blocks. May be repeated. Raises LocalError.
    """
    create_topics(administrator, topics)
    set_grants(administrator, roles, get_grants(roles))
    set_passwords(administrator, logins)


def is_ready(client: Mapping[str, Any], timeout_s: float) -> bool:
    """Whether a broker answers a request for its metadata. Blocks up to `timeout_s`."""
    from confluent_kafka import KafkaException
    from confluent_kafka.admin import AdminClient

    admin = AdminClient({**client, "log_level": 0})
    try:
        admin.list_topics(timeout=timeout_s)
    except KafkaException:
        return False
    return True


def create_topics(administrator: Mapping[str, Any], topics: Sequence[Topic]) -> None:
    """Creates missing topics and blocks until they exist. Existing ones are not changed.

    Raises LocalError.
    """
    from confluent_kafka import KafkaError, KafkaException
    from confluent_kafka.admin import AdminClient
    from confluent_kafka.cimpl import NewTopic

    if not topics:
        return
    admin = AdminClient(dict(administrator))
    wanted = [
        NewTopic(t.name, t.partitions, replication_factor=1, config=dict(t.config)) for t in topics
    ]
    for name, future in admin.create_topics(wanted, operation_timeout=30).items():
        try:
            future.result(timeout=ANSWER_S)
        except KafkaException as error:
            reason: KafkaError = error.args[0]
            if reason.code() != KafkaError.TOPIC_ALREADY_EXISTS:
                raise LocalError(f"Kafka refuses topic {name}: {reason.str()}") from None


def delete_topic(administrator: Mapping[str, Any], name: str) -> None:
    """Blocks until it is gone; one that is not there is gone. Raises LocalError."""
    from confluent_kafka import KafkaError, KafkaException
    from confluent_kafka.admin import AdminClient

    admin = AdminClient(dict(administrator))
    try:
        admin.delete_topics([name], operation_timeout=30)[name].result(timeout=ANSWER_S)
    except KafkaException as error:
        reason: KafkaError = error.args[0]
        if reason.code() != KafkaError.UNKNOWN_TOPIC_OR_PART:
            raise LocalError(f"Kafka does not delete topic {name}: {reason.str()}") from None
    deadline = time.monotonic() + ANSWER_S
    while name in admin.list_topics(timeout=ANSWER_S).topics:
        if time.monotonic() > deadline:
            raise LocalError(f"Kafka does not delete topic {name}: see its log")
        time.sleep(0.05)


def set_grants(
    administrator: Mapping[str, Any], users: Collection[str], grants: Sequence[Grant]
) -> None:
    """From now on `users` may do what `grants` say and nothing else. Raises LocalError."""
    from confluent_kafka import KafkaException
    from confluent_kafka.admin import AdminClient

    admin = AdminClient(dict(administrator))
    wanted = {_get_acl(grant) for grant in grants}
    principals = {f"User:{user}" for user in users}
    try:
        found = admin.describe_acls(get_filter()).result(timeout=ANSWER_S)
        there = {acl for acl in found if acl.principal in principals}
        # The library refuses an empty list.
        new, old = sorted(wanted - there), [get_filter(acl) for acl in sorted(there - wanted)]
        changes = [
            *(admin.create_acls(new).values() if new else ()),
            *(admin.delete_acls(old).values() if old else ()),
        ]
        for change in changes:
            change.result(timeout=ANSWER_S)
    except KafkaException as error:
        raise LocalError(f"Kafka refuses an access list: {error.args[0].str()}") from None


def _get_acl(grant: Grant) -> "AclBinding":
    from confluent_kafka.admin import (
        AclBinding,
        AclOperation,
        AclPermissionType,
        ResourcePatternType,
        ResourceType,
    )

    operations = {
        Operation.READ: AclOperation.READ,
        Operation.WRITE: AclOperation.WRITE,
        Operation.DESCRIBE_CONFIGS: AclOperation.DESCRIBE_CONFIGS,
    }
    kinds = {
        Resource.TOPIC: (ResourceType.TOPIC, ResourcePatternType.LITERAL),
        Resource.GROUPS: (ResourceType.GROUP, ResourcePatternType.PREFIXED),
    }
    kind, pattern = kinds[grant.resource]
    return AclBinding(
        kind,
        grant.name,
        pattern,
        f"User:{grant.user}",
        "*",
        operations[grant.operation],
        AclPermissionType.ALLOW,
    )


def get_filter(acl: "AclBinding | None" = None) -> Any:
    """A filter for exactly this access list, or for all."""
    from confluent_kafka.admin import (
        AclBindingFilter,
        AclOperation,
        AclPermissionType,
        ResourcePatternType,
        ResourceType,
    )

    if acl is not None:
        return AclBindingFilter(
            acl.restype,
            acl.name,
            acl.resource_pattern_type,
            acl.principal,
            acl.host,
            acl.operation,
            acl.permission_type,
        )
    anything: Any = None  # which the annotations of the library do not know
    return AclBindingFilter(
        ResourceType.ANY,
        anything,
        ResourcePatternType.ANY,
        anything,
        anything,
        AclOperation.ANY,
        AclPermissionType.ANY,
    )


def set_passwords(administrator: Mapping[str, Any], logins: Sequence[KafkaSettings]) -> None:
    """Creates users or changes their passwords; returns when they can log in. Raises LocalError."""
    from confluent_kafka import KafkaException
    from confluent_kafka.admin import (
        AdminClient,
        ScramCredentialInfo,
        ScramMechanism,
        UserScramCredentialUpsertion,
    )

    admin = AdminClient(dict(administrator))
    how = ScramCredentialInfo(ScramMechanism.SCRAM_SHA_512, SCRAM_ROUNDS)
    changes = admin.alter_user_scram_credentials(
        [
            UserScramCredentialUpsertion(each.user, how, each.password.reveal().encode())
            for each in logins
        ]
    )
    for user, change in changes.items():
        try:
            change.result(timeout=ANSWER_S)
        except KafkaException as error:
            raise LocalError(f"Kafka refuses user {user}: {error.args[0].str()}") from None
    for login in logins:
        _wait_until_known(login)


def _wait_until_known(login: KafkaSettings) -> None:
    """A broker learns of new users a moment later. Raises LocalError."""
    deadline = time.monotonic() + ANSWER_S
    while not is_ready(login.get_client_settings(), 2.0):
        if time.monotonic() > deadline:
            raise LocalError(f"Kafka does not let user {login.user} in: see its log")
