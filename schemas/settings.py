"""Settings of a process: one TOML file, environment variables over it, one checked object out.

Contract code: the types below name what several kinds of process share (a database, a broker).
It must not know any process' own settings, nor start anything with them.
"""

import json
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any, TypeVar, get_args

import msgspec

PREFIX = "TOKEND_"
CRASH_VARIABLE = "TOKEND_CRASH_AT"  # see streams/kill_points.py
NO_SETTINGS = frozenset(
    {
        "TOKEND_API_URL",
        "TOKEND_HORIZON_URL",
        "TOKEND_KEYSERVER_URL",
        "TOKEND_SEED",
        "TOKEND_SESSION",
        CRASH_VARIABLE,
    }
)
SettingsType = TypeVar("SettingsType", bound=msgspec.Struct)

SECURITY_PROTOCOL, SASL_MECHANISM = "SASL_PLAINTEXT", "SCRAM-SHA-512"

LIBRDKAFKA_SETTINGS: Mapping[str, Any] = {
    # A broker that is back is found within a second; the library's own pauses grow to ten.
    "reconnect.backoff.max.ms": 1_000,
    # No metrics to the broker, which nobody collects: ending a client often waits a second for it.
    "enable.metrics.push": False,
}
"""What every client made with librdkafka shares, whoever it logs in as."""

EXIT_NOT_TRUE = 65
"""How a process ends that met something false (a forged ledger, a node that diverged): starting it
again will not help, somebody has to look. No supervisor may restart it."""


class ConfigError(ValueError):
    """Settings that cannot be used; one line naming file or variable, key and remedy."""


class Secret:
    """A text that must not be shown: only `reveal()` gives it away, no log or traceback can."""

    __slots__ = ("_value",)

    def __init__(self, value: str) -> None:
        self._value = value

    def reveal(self) -> str:
        return self._value

    def __repr__(self) -> str:
        return "Secret(...)"

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Secret) and other._value == self._value

    def __hash__(self) -> int:
        return hash(self._value)


class Settings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Base of every settings type: an unknown key is an error, because a mistyped one must be."""


class DatabaseSettings(Settings, frozen=True):
    """`url`: a libpq connection string or URL; secret, for it holds the password."""

    url: Secret


class BucketSettings(Settings, frozen=True):
    """A bucket of an S3 server. `url`: of the server; `region`: as the server calls its own."""

    url: str
    bucket: str
    access_key: str
    secret_key: Secret
    region: str = "us-east-1"

    @property
    def name(self) -> str:
        """Its URL, for people and peers."""
        return f"{self.url}/{self.bucket}"


class KafkaSettings(Settings, frozen=True):
    """How one service logs in. `bootstrap_servers`: comma-separated HOST:PORT of brokers.

    `user` is its principal, on whose grants (`schemas.topics`) it depends; the groups it reads by
    are called `user`.SOMETHING.
    """

    bootstrap_servers: str
    user: str
    password: Secret

    def get_client_settings(self) -> dict[str, Any]:
        """What every librdkafka client begins its settings with. They hold the password."""
        return {
            **LIBRDKAFKA_SETTINGS,
            "bootstrap.servers": self.bootstrap_servers,
            "security.protocol": SECURITY_PROTOCOL,
            "sasl.mechanism": SASL_MECHANISM,
            "sasl.username": self.user,
            "sasl.password": self.password.reveal(),
        }

    def get_credentials(self) -> dict[str, Any]:
        """The same for Faust and aiokafka: arguments of `faust.SASLCredentials`."""
        return {
            "mechanism": SASL_MECHANISM,
            "username": self.user,
            "password": self.password.reveal(),
        }


def load_config(type_: type[SettingsType], path: Path, environ: Mapping[str, str]) -> SettingsType:
    """Reads `path` into `type_`, with variables such as TOKEND_KAFKA__BOOTSTRAP_SERVERS over it.

    Two underscores go one table deeper. Numbers and booleans are read from the text, lists and
    tables from JSON. A variable ending in _FILE, and a key in the file ending in _file, name a
    file that holds the value (its last line break is dropped), so that secrets need to stand in
    neither. Every variable that begins with TOKEND_ must be a setting of `type_`, but for
    NO_SETTINGS: variables of the users' verbs, and the kill switch. Raises ConfigError.
    """
    document = _read_document(path)
    for variable in sorted(environ):
        if variable.startswith(PREFIX) and variable not in NO_SETTINGS:
            _override(document, type_, variable, environ[variable])
    _read_value_files(document, type_, f"{path}: ")
    try:
        return msgspec.convert(document, type_, dec_hook=_decode_text)
    except msgspec.ValidationError as error:
        raise ConfigError(_describe(path, error)) from None


def dump_settings(settings: Settings) -> bytes:
    """For a process of one's own, by a pipe: it holds the secrets."""
    return msgspec.json.encode(settings, enc_hook=_encode_text)


def parse_settings(type_: type[SettingsType], data: bytes) -> SettingsType:
    """The inverse of `dump_settings`."""
    return msgspec.json.decode(data, type=type_, dec_hook=_decode_text)


def _read_document(path: Path) -> dict[str, Any]:
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise ConfigError(f"{path}: no such file: give the settings file with --config") from None
    except OSError as error:
        raise ConfigError(f"{path}: {error.strerror}: make the file readable") from None
    except UnicodeDecodeError:
        raise ConfigError(f"{path}: not UTF-8: save the file as UTF-8 text") from None
    except tomllib.TOMLDecodeError as error:
        raise ConfigError(f"{path}: not TOML: {error}: correct that line") from None


def _override(document: dict[str, Any], type_: Any, variable: str, text: str) -> None:
    keys = variable.removeprefix(PREFIX).lower().split("__")
    field_type = _get_field_type(type_, keys)
    if field_type is None and keys[-1].endswith("_file"):
        keys[-1] = keys[-1].removesuffix("_file")
        field_type = _get_field_type(type_, keys)
        text = _read_value_file(variable, text) if field_type is not None else text
    if field_type is None:
        raise ConfigError(
            f"{variable}: {type_.__name__} has no such setting: correct the name or unset it"
        )
    table = document
    for key in keys[:-1]:
        table = table.setdefault(key, {})
        if not isinstance(table, dict):
            raise ConfigError(f"{variable}: `{key}` is no table in the file: correct the file")
    table[keys[-1]] = _read_text(variable, text, field_type)


def _read_value_files(table: dict[str, Any], type_: Any, place: str) -> None:
    """Puts the content of files where keys such as `password_file` name them. A value that is
    there already, from a variable, wins.
    """
    for key, value in list(table.items()):
        field_type = _get_field_type(type_, [key])
        if isinstance(value, dict) and field_type is not None:
            _read_value_files(value, field_type, f"{place}{key}.")
        elif isinstance(value, list) and field_type is not None:
            for each in value:
                if isinstance(each, dict):
                    _read_value_files(each, field_type, f"{place}{key}.")
        name = key.removesuffix("_file")
        if field_type is None and name != key and _get_field_type(type_, [name]) is not None:
            del table[key]
            if name not in table:
                table[name] = _read_value_file(f"{place}{key}", str(value))


def _get_field_type(type_: Any, keys: list[str]) -> Any:
    """The declared type of the setting at `keys`, None where `type_` has no such setting."""
    for key in keys:
        structs = [t for t in (type_, *get_args(type_)) if _is_struct(t)]
        fields = {f.encode_name: f.type for t in structs for f in msgspec.structs.fields(t)}
        if key not in fields:
            return None
        type_ = fields[key]
    return type_


def _is_struct(type_: Any) -> bool:
    return isinstance(type_, type) and issubclass(type_, msgspec.Struct)


def _read_value_file(key: str, name: str) -> str:
    try:
        return Path(name).read_text(encoding="utf-8").removesuffix("\n").removesuffix("\r")
    except (OSError, UnicodeDecodeError):
        raise ConfigError(f"{key}: cannot read the file {name}: correct its path") from None


def _read_text(variable: str, text: str, field_type: Any) -> Any:
    value: Any = text
    if text[:1] in ("[", "{"):
        try:
            value = json.loads(text)
        except ValueError:
            value = text
    try:
        converted = msgspec.convert(value, field_type, strict=False, dec_hook=_decode_text)
    except msgspec.ValidationError as error:
        raise ConfigError(f"{variable}: {_get_problem(error)}: correct its value") from None
    return msgspec.to_builtins(converted, enc_hook=_encode_text)


def _decode_text(type_: type, value: Any) -> Any:
    if type_ in (Secret, Path) and isinstance(value, str):
        return type_(value)
    raise TypeError(f"Expected `str`, got `{type(value).__name__}`")


def _encode_text(value: Any) -> str:
    if isinstance(value, Secret):
        return value.reveal()
    if isinstance(value, Path):
        return str(value)
    raise TypeError(f"a setting cannot be of type {type(value).__name__}")


def _describe(path: Path, error: msgspec.ValidationError) -> str:
    """msgspec says `PROBLEM - at `$.kafka.port``; the reader wants file, key, problem, remedy."""
    problem, _, where = str(error).partition(" - at ")
    table = where.strip("`").removeprefix("$").removeprefix(".")
    for beginning, words, remedy in (
        ("Object missing required field ", "is missing", "add it"),
        ("Object contains unknown field ", "is not a setting", "correct the name or remove it"),
    ):
        if problem.startswith(beginning):
            key = problem.removeprefix(beginning).strip("`")
            return f"{path}: {'.'.join(filter(None, (table, key)))} {words}: {remedy}"
    return f"{path}: {table or 'the file'}: {_get_problem(error)}: correct its value"


def _get_problem(error: msgspec.ValidationError) -> str:
    problem = str(error).partition(" - at ")[0]
    return problem[:1].lower() + problem[1:]
