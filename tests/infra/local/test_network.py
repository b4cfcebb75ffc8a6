"""A deployment's keys and genesis: its own, and the same at every start."""

from pathlib import Path

import pytest

from infra.local import network
from infra.local.folders import DataFolder
from infra.local.launch import get_watched
from infra.local.place import Place
from infra.local.table import TABLE


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


@pytest.mark.parametrize("profile", ["horizon", "identity", "psim", "all"])
def test_alarms_watch_all_that_the_profile_runs(profile: str, tmp_path: Path) -> None:
    folder = DataFolder(tmp_path)
    folder.make(is_shared=False)
    place, services = Place(folder), TABLE.get_services(profile)
    place.watched = get_watched(services)
    TABLE.prepare(place)
    (row,) = [each for each in services if each.name == "notificator1"]
    alarms = row.get_settings(place)["alarms"]
    assert {*alarms["nodes"], *alarms["services"], row.name} == set(place.watched)
    has_people = {"api1", "keyserver2", "keychain1", "kyc"} <= set(place.watched)
    assert has_people is (profile in ("identity", "all"))


def test_the_broker_s_clock_rules_every_topic() -> None:
    for topic in network.get_kafka_topics(network.CORES):
        assert topic.config["message.timestamp.type"] == "LogAppendTime"
