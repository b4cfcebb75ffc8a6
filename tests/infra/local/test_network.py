"""A deployment's keys and genesis: its own, and the same at every start."""

from pathlib import Path

from infra.local import network
from infra.local.folders import DataFolder
from infra.local.place import Place


def prepare(root: Path) -> dict[str, object]:
    folder = DataFolder(root)
    folder.make(is_shared=False)
    place = Place(folder)
    network.prepare(place)
    return dict(network.describe(place))


def test_every_deployment_is_a_network_of_its_own(tmp_path: Path) -> None:
    first, second = prepare(tmp_path / "a"), prepare(tmp_path / "b")
    assert first["network_id"] != second["network_id"]
    assert first["network_passphrase"] != second["network_passphrase"]
    assert prepare(tmp_path / "a")["network_id"] == first["network_id"]


def test_the_broker_s_clock_rules_every_topic() -> None:
    for topic in network.get_kafka_topics():
        assert topic.config["message.timestamp.type"] == "LogAppendTime"
