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
    "gateway": Role.HORIZON_GATEWAY,
    "users": Role.USERS,
}


def get_who(operation: Operation, topic: str) -> str:
    return " ".join(
        grant.user
        for grant in get_grants(ROLES)
        if (grant.resource, grant.name, grant.operation) == (Resource.TOPIC, topic, operation)
    )


def test_who_writes_and_who_reads() -> None:
    assert get_who(Operation.WRITE, "transactions") == "gateway users"
    assert get_who(Operation.READ, "transactions") == "a b"
    assert get_who(Operation.WRITE, "a.ledgers") == "a"
    assert get_who(Operation.READ, "a.ledgers") == "a processor users"
    assert get_who(Operation.WRITE, "b.rejections") == "b"
    assert get_who(Operation.READ, "b.rejections") == "processor users"
    assert get_who(Operation.DESCRIBE_CONFIGS, "transactions") == "a b"
    assert get_who(Operation.DESCRIBE_CONFIGS, "a.ledgers") == ""


def test_who_reads_has_groups_of_his_own() -> None:
    groups = [grant for grant in get_grants(ROLES) if grant.resource is Resource.GROUPS]
    assert groups == [
        Grant(user, Resource.GROUPS, f"{user}.", Operation.READ)
        for user in ("a", "b", "processor", "users")
    ]


def test_nothing_is_granted_on_topics_that_are_not_in_the_table() -> None:
    names = {topic.name for topic in get_topics(("a", "b"))}
    assert len(names) == 1 + 2 * (len(TOPICS) - 1)
    grants = get_grants(ROLES)
    assert {grant.name for grant in grants if grant.resource is Resource.TOPIC} == names
    assert len(set(grants)) == len(grants)
    assert {grant.user for grant in grants} == set(ROLES)
