"""Settings: file, environment, and errors that say in one line what to do."""

from pathlib import Path

import pytest

from schemas.settings import (
    ConfigError,
    DatabaseSettings,
    KafkaSettings,
    Secret,
    Settings,
    load_config,
)


class Peer(Settings, frozen=True):
    name: str
    port: int


class Example(Settings, frozen=True):
    name: str
    kafka: KafkaSettings
    database: DatabaseSettings | None = None
    interval_ms: int = 200
    verbose: bool = False
    log_file: str | None = None
    peers: tuple[Peer, ...] = ()


GOOD = """
name = "core1"
interval_ms = 300
[kafka]
bootstrap_servers = "127.0.0.1:9092"
user = "core1"
password = "hunter3"
[database]
url = "postgresql://core1:hunter2@127.0.0.1/core1"
[[peers]]
name = "core2"
port = 4
"""


def make_kafka(bootstrap_servers: str, value: str = "hunter3") -> KafkaSettings:
    return KafkaSettings(bootstrap_servers=bootstrap_servers, user="core1", password=Secret(value))


@pytest.fixture
def path(tmp_path: Path) -> Path:
    file = tmp_path / "core1.toml"
    file.write_text(GOOD)
    return file


def test_reads_a_file(path: Path) -> None:
    settings = load_config(Example, path, {"HOME": "/", "PATH": "/bin"})
    assert settings == Example(
        name="core1",
        interval_ms=300,
        kafka=make_kafka("127.0.0.1:9092"),
        database=DatabaseSettings(url=Secret("postgresql://core1:hunter2@127.0.0.1/core1")),
        peers=(Peer(name="core2", port=4),),
    )


def test_a_secret_is_not_shown(path: Path) -> None:
    settings = load_config(Example, path, {})
    assert settings.database is not None
    assert settings.database.url.reveal().endswith("/core1")
    assert "hunter" not in f"{settings!r} {settings} {settings.database.url}"
    assert settings.kafka.get_client_settings()["sasl.password"] == "hunter3"
    assert settings.kafka.get_credentials()["password"] == "hunter3"


def test_paths_are_read_as_paths(tmp_path: Path) -> None:
    class WithPath(Settings, frozen=True):
        seed_file: Path

    file = tmp_path / "a.toml"
    file.write_text('seed_file = "a/b"\n')
    assert load_config(WithPath, file, {}).seed_file == Path("a/b")
    assert load_config(WithPath, file, {"TOKEND_SEED_FILE": "c"}).seed_file == Path("c")


def test_variables_of_the_users_verbs_are_no_settings(path: Path) -> None:
    environ = {"TOKEND_SEED": "S", "TOKEND_HORIZON_URL": "http://127.0.0.1"}
    assert load_config(Example, path, environ) == load_config(Example, path, {})


def test_environment_wins_and_takes_the_field_s_type(path: Path) -> None:
    settings = load_config(
        Example,
        path,
        {
            "TOKEND_NAME": "123",
            "TOKEND_KAFKA__BOOTSTRAP_SERVERS": "[::1]:1",
            "TOKEND_DATABASE__URL": "postgresql:///x",
            "TOKEND_INTERVAL_MS": "7",
            "TOKEND_VERBOSE": "true",
            "TOKEND_LOG_FILE": "/x",
            "TOKEND_PEERS": '[{"name": "a", "port": 1}]',
        },
    )
    assert settings == Example(
        name="123",
        kafka=make_kafka("[::1]:1"),
        database=DatabaseSettings(url=Secret("postgresql:///x")),
        interval_ms=7,
        verbose=True,
        log_file="/x",
        peers=(Peer(name="a", port=1),),
    )


def test_environment_may_fill_a_table_the_file_leaves_out(tmp_path: Path) -> None:
    file = tmp_path / "a.toml"
    file.write_text('name = "x"')
    environ = {f"TOKEND_KAFKA__{key}": "h" for key in ("BOOTSTRAP_SERVERS", "USER", "PASSWORD")}
    assert load_config(Example, file, environ).kafka.bootstrap_servers == "h"


def test_a_value_may_stand_in_a_file_of_its_own(path: Path, tmp_path: Path) -> None:
    (tmp_path / "url").write_text("postgresql:///secret\n")
    settings = load_config(Example, path, {"TOKEND_DATABASE__URL_FILE": str(tmp_path / "url")})
    assert settings.database == DatabaseSettings(url=Secret("postgresql:///secret"))
    (tmp_path / "password").write_text("hunter4\n")
    inline, by_file = 'password = "hunter3"', f'password_file = "{tmp_path}/password"'
    path.write_text(GOOD.replace(inline, by_file))
    assert load_config(Example, path, {}).kafka == make_kafka("127.0.0.1:9092", "hunter4")
    (tmp_path / "password").unlink()
    with pytest.raises(ConfigError, match=r"core1.toml: kafka.password_file: cannot read the file"):
        load_config(Example, path, {})
    # A variable wins, and the file it replaces need not be there.
    environ = {"TOKEND_KAFKA__PASSWORD": "hunter5"}
    assert load_config(Example, path, environ).kafka == make_kafka("127.0.0.1:9092", "hunter5")


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", "name is missing: add it"),
        ('name = "x"\n[kafka]\n', "kafka.bootstrap_servers is missing: add it"),
        ("name = 1", "name: expected `str`, got `int`: correct its value"),
        (GOOD + "extra = 1", "peers[0].extra is not a setting: correct the name or remove it"),
        (GOOD.replace("url =", "uri ="), "database.uri is not a setting"),
        (GOOD.replace('url = "', 'url = 5 # "'), "database.url: expected `str`, got `int`"),
        ("name = ", "not TOML: Invalid value (at end of document): correct that line"),
    ],
)
def test_a_wrong_file_is_named_with_key_and_remedy(
    tmp_path: Path, text: str, expected: str
) -> None:
    file = tmp_path / "bad.toml"
    file.write_text(text)
    with pytest.raises(ConfigError) as caught:
        load_config(Example, file, {})
    message = str(caught.value)
    assert message.startswith(f"{file}: ")
    assert expected in message
    assert "\n" not in message
    assert "hunter" not in message


@pytest.mark.parametrize(
    ("variable", "value", "expected"),
    [
        ("TOKEND_INTERVAL", "1", "Example has no such setting: correct the name or unset it"),
        ("TOKEND_KAFKA__SERVER", "1", "has no such setting"),
        ("TOKEND_NAME__X", "1", "has no such setting"),
        ("TOKEND_INTERVAL_MS", "soon", "expected `int`, got `str`: correct its value"),
        ("TOKEND_PEERS", "[1", "expected `array`, got `str`"),
        ("TOKEND_DATABASE__URL_FILE", "/nonexistent/x", "cannot read the file /nonexistent/x"),
    ],
)
def test_a_wrong_variable_is_named_with_remedy(
    path: Path, variable: str, value: str, expected: str
) -> None:
    with pytest.raises(ConfigError, match="^" + variable) as caught:
        load_config(Example, path, {variable: value})
    assert expected in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_file_that_cannot_be_read_is_named(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="no such file: give the settings file with --config"):
        load_config(Example, tmp_path / "none.toml", {})
    with pytest.raises(ConfigError, match="make the file readable"):
        load_config(Example, tmp_path, {})
    (tmp_path / "latin").write_bytes(b'name = "\xe9"')
    with pytest.raises(ConfigError, match="not UTF-8"):
        load_config(Example, tmp_path / "latin", {})


def test_a_table_that_is_no_table_is_named(tmp_path: Path) -> None:
    file = tmp_path / "a.toml"
    file.write_text('kafka = "x"')
    with pytest.raises(ConfigError, match="`kafka` is no table in the file"):
        load_config(Example, file, {"TOKEND_KAFKA__BOOTSTRAP_SERVERS": "h:1"})
