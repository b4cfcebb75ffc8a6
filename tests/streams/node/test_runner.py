"""How a node ends that cannot go on. Whole running nodes are in tests/integration."""

from pathlib import Path

import msgspec
import pytest
import structlog
from structlog.testing import capture_logs

from schemas.settings import DatabaseSettings, KafkaSettings, Secret
from streams.node.config import CoreSettings, HttpSettings, OverlaySettings
from streams.node.runner import run
from tests.support.network import make_genesis

NOWHERE = "127.0.0.1:1"


def test_a_database_that_does_not_answer_is_told_in_one_line(tmp_path: Path) -> None:
    genesis_file = tmp_path / "genesis.json"
    genesis_file.write_bytes(msgspec.json.encode(make_genesis()))
    settings = CoreSettings(
        name="core1",
        seed_file=tmp_path / "seed",
        genesis_file=genesis_file,
        database=DatabaseSettings(url=Secret(f"postgresql://core1:hidden@{NOWHERE}/core1")),
        kafka=KafkaSettings(bootstrap_servers=NOWHERE, user="core1", password=Secret("hidden")),
        overlay=OverlaySettings(listen=NOWHERE),
        http=HttpSettings(listen=NOWHERE, token_file=tmp_path / "token"),
    )
    with capture_logs() as told, pytest.raises(SystemExit) as ended:
        run(settings)
    structlog.contextvars.clear_contextvars()
    assert ended.value.code == 1
    assert [line["log_level"] for line in told] == ["critical"]
    assert "Connection refused" in told[0]["reason"]
    assert "hidden" not in str(told)
