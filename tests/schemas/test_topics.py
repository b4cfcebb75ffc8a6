"""Who may do what on Kafka, written out once more by hand."""

from schemas.topics import (
    TOPICS,
    Grant,
    Operation,
    Resource,
    Role,
    get_grants,
    get_topics,
)

ROLES = {
    "a": Role.CORE,
    "b": Role.CORE,
    "processor": Role.HORIZON_PROCESSOR,
    "api": Role.API,
    "gateway": Role.HORIZON_GATEWAY,
    "notify1": Role.NOTIFICATOR,
    "operator": Role.OPERATOR,
    "psim1": Role.PSIM,
    "users": Role.USERS,
}


def get_who(operation: Operation, topic: str) -> str:
    return " ".join(
        grant.user
        for grant in get_grants(ROLES)
        if (grant.resource, grant.name, grant.operation) == (Resource.TOPIC, topic, operation)
    )


def test_who_writes_and_who_reads() -> None:
    assert get_who(Operation.WRITE, "transactions") == "gateway psim1 users"
    assert get_who(Operation.READ, "transactions") == "a b"
    assert get_who(Operation.WRITE, "a.ledgers") == "a"
    assert get_who(Operation.READ, "a.ledgers") == "a notify1 processor psim1 users"
    assert get_who(Operation.WRITE, "b.rejections") == "b"
    assert get_who(Operation.READ, "b.rejections") == "processor users"
    assert get_who(Operation.WRITE, "operator.notifications") == "operator"
    assert get_who(Operation.READ, "operator.notifications") == "notify1"
    assert get_who(Operation.WRITE, "api.notifications") == "api"
    assert get_who(Operation.READ, "api.notifications") == "notify1"
    assert get_who(Operation.WRITE, "psim.evidence") == "psim1"
    assert get_who(Operation.READ, "psim.evidence") == "psim1"
    assert get_who(Operation.WRITE, "psim.signatures") == "psim1"
    assert get_who(Operation.READ, "psim.signatures") == "psim1"
    assert get_who(Operation.WRITE, "psim.notifications") == "psim1"
    assert get_who(Operation.READ, "psim.notifications") == "notify1"
    assert get_who(Operation.WRITE, "notifications.receipts") == "notify1"
    assert get_who(Operation.READ, "notifications.receipts") == "operator"
    assert get_who(Operation.DESCRIBE_CONFIGS, "transactions") == "a b"
    assert get_who(Operation.DESCRIBE_CONFIGS, "a.ledgers") == ""


def test_who_reads_has_groups_of_his_own() -> None:
    groups = [grant for grant in get_grants(ROLES) if grant.resource is Resource.GROUPS]
    own = [
        Grant(user, Resource.GROUPS, f"{user}.", Operation.READ)
        for user in ("a", "b", "notify1", "operator", "processor", "psim1", "users")
    ]
    shared = Grant("notify1", Resource.GROUPS, "notificator.", Operation.READ)
    assert sorted(groups) == sorted([*own, shared])


def test_nothing_is_granted_on_topics_that_are_not_in_the_table() -> None:
    names = {topic.name for topic in get_topics(("a", "b"))}
    per_node = [topic for topic in TOPICS if "<node>" in topic.name]
    assert len(names) == len(TOPICS) + len(per_node)
    grants = get_grants(ROLES)
    assert {grant.name for grant in grants if grant.resource is Resource.TOPIC} == names
    assert len(set(grants)) == len(grants)
    assert {grant.user for grant in grants} == set(ROLES)
