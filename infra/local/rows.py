"""What the table is made of: programs, services, servers, topics, profiles.

The table itself is in `table`. A new service is a program (what `tokend run NAME` loads) and one
row per instance; a new server is a class and a row. Everything else (settings files, databases,
migrations, users, supervision, status, containers) follows from the rows.
"""

import importlib
import sys
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from infra.local.kafka_admin import Topic
from infra.local.place import Place
from schemas.topics import Role

SERVERS = "servers"
USERS = "users"
"""The Kafka user of everybody who is not a service; `endpoints.json` says how to log in."""
OPERATOR = "operator"
"""The Kafka user of the operator's verbs."""

PEOPLE = {USERS: Role.USERS, OPERATOR: Role.OPERATOR}

Report = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class Program:
    """What `tokend run NAME` loads, as text, so that nothing is imported before it is needed.

    `settings`: "module:Type", a schemas.settings.Settings. `run`: "module:function", called with
    the loaded settings in the main thread; it returns when the process shall end.
    `migrations`: the folders of the SQL migrations of its database. `role`: its role in Kafka.
    `after_restore`: SQL for a database that was restored: offsets in it are of another Kafka.
    """

    settings: str
    run: str
    migrations: tuple[Path, ...] = ()
    role: Role | None = None
    after_restore: str = ""


@dataclass(frozen=True, slots=True)
class Service:
    """One process. Its name is also that of its settings file, log, database and user.

    `get_settings`: the content of its settings file, as its program's settings type wants it.
    `database`: the PostgreSQL server on which it has a database of its own; `shared_database`: the
    name of one that it shares with the other instances of its kind instead. `reads`: the services
    whose databases it may read; it needs one of its own, which makes its role, and theirs must be
    on the same server. `uses`: further servers, each with the names of what it owns there (buckets,
    for instance). `reads_from`: such servers, each with what it may read of others there, by the
    server's own names. `health_path`: asked at its port NAME.http; status 200 means ready. One
    without is ready when it has run for a second. `status_path`: asked at its port NAME.http by
    `tokend status`; answers a JSON object. `get_token`: the bearer token for it. `is_public`:
    whether users reach its port NAME.http from outside.
    """

    name: str
    tier: str
    program: str
    get_settings: Callable[[Place], Mapping[str, Any]]
    database: str | None = None
    shared_database: str | None = None
    reads: tuple[str, ...] = ()
    uses: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    reads_from: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    health_path: str | None = None
    status_path: str | None = None
    get_token: Callable[[Place], str | None] = lambda _: None
    is_public: bool = False

    @property
    def database_name(self) -> str:
        """Of its database, and of the role that owns it."""
        return self.shared_database or self.name


@dataclass(frozen=True, slots=True)
class Check:
    """One line of `tokend doctor`. `remedy` says what to do if it is not ok."""

    name: str
    is_ok: bool
    found: str
    remedy: str = ""


@dataclass(frozen=True, slots=True)
class Container:
    """How a server runs in a container. `compose`: its entry in compose.yaml, but for ports and
    what is mounted. `secrets`: where its folder of generated files is mounted. `data`: where its
    data volume is mounted. `published_port`: its port for clients outside, if there are any.
    """

    compose: Mapping[str, Any]
    secrets: str
    data: str
    published_port: int | None = None


class Server(ABC):
    """One server that the services use, and everything the launcher knows of it.

    Addresses: `ports` are the names of its ports in `Place`, each with its number in a container;
    the first is the server's name and the one for clients. Secrets: `Place.get_secret` of
    "NAME.USER". Stop: `stop_signal`, and it must end by itself when its supervisor is killed.
    """

    title: str
    stop_signal = "TERM"
    container: Container
    backup_order = 0
    """Backups begin with the least: what follows others is saved before them."""

    def __init__(self, name: str, tier: str = SERVERS) -> None:
        self.name = name
        self.tier = tier

    @property
    @abstractmethod
    def ports(self) -> Mapping[str, int]: ...

    @abstractmethod
    async def prepare(self, place: Place, report: Report) -> tuple[str, ...]:
        """Makes the server's folders and settings, whole or not at all, unless they are there.
        Returns its command line. Cancelled, it leaves no process. Raises LocalError.
        """

    @abstractmethod
    async def is_ready(self, place: Place) -> bool:
        """Whether it serves. Raises LocalError where waiting cannot help."""

    def renew_settings(self, place: Place) -> None:
        """It runs, and is to know of rows that were added since. Most servers learn of them by what
        they provide."""
        del place

    @abstractmethod
    def provide(
        self, place: Place, table: "Table", services: Sequence[Service], report: Report
    ) -> None:
        """Makes what the rows of `services` ask of the server: topics, users, databases, buckets.
        Blocks; the server is ready. Doing it again is harmless. Raises LocalError.
        """

    @abstractmethod
    def get_folders(self, place: Place) -> tuple[Path, ...]:
        """The folders it writes to, whose disks `tokend status` looks at."""

    def describe(self, place: Place) -> Mapping[str, Any] | None:
        """Its entry in endpoints.json, if users can reach it. Holds no secret."""
        address = place.get_published(self.name)
        return None if address is None else {"address": address}

    def back_up(self, place: Place, table: "Table", folder: Path, report: Report) -> None:
        """Saves what all rows of `table` have on it into the empty `folder`; it runs, and so may
        they. No secret is saved. Raises LocalError. A server that holds nothing saves nothing.
        """
        del place, table, folder, report

    def restore(self, place: Place, table: "Table", folder: Path, report: Report) -> None:
        """Brings back what `back_up` saved; it runs, it is new, and no service runs. Raises
        LocalError.
        """
        del place, table, folder, report

    def destroy(self, place: Place, report: Report) -> None:
        """Deletes what it owns outside the data folder. Most servers own nothing there."""
        del place, report

    def check_machine(self) -> tuple[Check, ...]:
        """What it needs of the machine."""
        return ()

    def get_container_files(self, place: Place) -> Mapping[str, bytes]:
        """The content of its folder of generated files in a containerised deployment."""
        del place
        return {}

    def get_container_variables(self, place: Place) -> Mapping[str, str]:
        """Variables that its compose entry refers to. Nothing in them is secret."""
        del place
        return {}


def _do_nothing(_: Place) -> None:
    return None


def _keep_nothing(_: Place) -> tuple[Path, ...]:
    return ()


def _describe_nothing(_: Place) -> Mapping[str, Any]:
    return {}


def load_object(address: str) -> Any:
    """The object at "module:name"."""
    module, _, name = address.partition(":")
    return getattr(importlib.import_module(module), name)


@dataclass(frozen=True, slots=True)
class Table:
    """All of it. `tiers` start in this order, each when the one before is ready, and stop in the
    opposite order; those of servers come first. `starts_with`: tiers of services that start with
    an earlier one instead. A profile is a choice of tiers. `prepare` runs before settings files are
    written (keys, a genesis file). `arrange`: by tier, the "module:name" of a function that makes
    what its services need of the network (few processes need what such a module imports), called
    when those of the tiers before are ready. `describe` adds to endpoints.json. `get_kept_files`:
    files of the configuration that cannot be made again, for backups. `extend`: the table with core
    nodes of these names more. `runner` is the command that takes PROGRAM --config FILE.
    """

    tiers: tuple[str, ...]
    profiles: Mapping[str, tuple[str, ...]]
    starts_with: Mapping[str, str] = field(default_factory=dict)
    servers: tuple[Server, ...] = ()
    programs: Mapping[str, Program] = field(default_factory=dict)
    services: tuple[Service, ...] = ()
    topics: tuple[Topic, ...] = ()
    prepare: Callable[[Place], None] = _do_nothing
    arrange: Mapping[str, str] = field(default_factory=dict)
    describe: Callable[[Place], Mapping[str, Any]] = _describe_nothing
    get_kept_files: Callable[[Place], tuple[Path, ...]] = _keep_nothing
    extend: "Callable[[tuple[str, ...]], Table] | None" = None
    runner: tuple[str, ...] = (str(Path(sys.executable).with_name("tokend")), "run")

    def get_for(self, place: Place) -> "Table":
        """With the nodes that joined this deployment later."""
        if not place.state.joined or self.extend is None:
            return self
        return replace(self.extend(tuple(place.state.joined)), runner=self.runner)

    def get_roles(self) -> dict[str, Role]:
        """Kafka's users, whatever the profile: each service, `USERS` and `OPERATOR`."""
        roles = {s.name: self.programs[s.program].role for s in self.services}
        return {**{name: role for name, role in roles.items() if role}, **PEOPLE}

    def arrange_tier(self, tier: str, place: Place, report: Report) -> None:
        """Makes what the tier's services need of the network. Raises LocalError."""
        if tier in self.arrange:
            load_object(self.arrange[tier])(place, report)

    def get_services(self, profile: str) -> tuple[Service, ...]:
        """The services of a profile, in the order in which they start."""
        tiers = self.profiles[profile]
        rows = [s for s in self.services if s.tier in tiers]
        return tuple(sorted(rows, key=lambda s: self.tiers.index(s.tier)))

    def get_waves(self, services: Sequence[Service]) -> list[list[str]]:
        """The tiers of `services`, those together that start together."""
        waves: dict[str, list[str]] = {}
        for tier in sorted({each.tier for each in services}, key=self.tiers.index):
            waves.setdefault(self.starts_with.get(tier, tier), []).append(tier)
        return list(waves.values())

    def get_servers(self, profile: str) -> tuple[Server, ...]:
        """The servers of a profile, in the order in which they start."""
        tiers = self.profiles[profile]
        rows = [s for s in self.servers if s.tier in tiers]
        return tuple(sorted(rows, key=lambda s: self.tiers.index(s.tier)))
