"""What a table of services is made of: profiles, tiers, services, topics, programs.

The table itself is in `table`. To add a service, add a program (what `tokend run NAME` loads) and
one row per instance. Everything else - settings files, databases, migrations, supervision,
status - follows from the rows.
"""

import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from infra.local.kafka_admin import Topic
from infra.local.place import Place
from schemas.topics import Role

SERVERS = "servers"
USERS = "users"
"""Who logs in to Kafka for everybody that is no service: `endpoints.json` tells how."""


@dataclass(frozen=True, slots=True)
class Program:
    """What `tokend run NAME` loads, as text, so that nothing is imported before it is needed.

    `settings`: "module:Type", a schemas.settings.Settings. `run`: "module:function", called with
    the loaded settings in the main thread; it returns when the process shall end.
    `migrations`: the folder of the SQL migrations of its database. `role`: what it is to Kafka.
    """

    settings: str
    run: str
    migrations: Path | None = None
    role: Role | None = None


@dataclass(frozen=True, slots=True)
class Service:
    """One process. Its name is also that of its settings file, log, database and user.

    `get_settings`: the content of its settings file, as its program's settings type wants it.
    `health_path`: asked at its port NAME.http; status 200 means ready. Without one the process is
    taken for ready when it has run for a second.
    `status_path`: asked at its port NAME.http by `tokend status`; answers a JSON object.
    `get_token`: the bearer token for it. `reads`: the service whose database it may read; it then
    needs one of its own, for that makes its role.
    """

    name: str
    tier: str
    program: str
    get_settings: Callable[[Place], Mapping[str, Any]]
    has_database: bool = False
    reads: str | None = None
    health_path: str | None = None
    status_path: str | None = None
    get_token: Callable[[Place], str | None] = lambda _: None


def _do_nothing(_: Place) -> None:
    return None


def _describe_nothing(_: Place) -> Mapping[str, Any]:
    return {}


@dataclass(frozen=True, slots=True)
class Table:
    """All of it. `tiers` start in this order, each when the one before is ready, and stop in the
    opposite order. `prepare` runs before settings files are written (keys, a genesis file).
    `describe` adds to endpoints.json. `runner` is the command that takes PROGRAM --config FILE.
    """

    tiers: tuple[str, ...]
    profiles: Mapping[str, tuple[str, ...]]
    programs: Mapping[str, Program] = field(default_factory=dict)
    services: tuple[Service, ...] = ()
    topics: tuple[Topic, ...] = ()
    prepare: Callable[[Place], None] = _do_nothing
    describe: Callable[[Place], Mapping[str, Any]] = _describe_nothing
    runner: tuple[str, ...] = (str(Path(sys.executable).with_name("tokend")), "run")

    def get_roles(self) -> dict[str, Role]:
        """Kafka's users, whatever the profile: each service, and `USERS`."""
        roles = {s.name: self.programs[s.program].role for s in self.services}
        return {**{name: role for name, role in roles.items() if role}, USERS: Role.USERS}

    def get_services(self, profile: str) -> tuple[Service, ...]:
        """The rows of a profile, in the order in which they start."""
        tiers = self.profiles[profile]
        rows = [s for s in self.services if s.tier in tiers]
        return tuple(sorted(rows, key=lambda s: self.tiers.index(s.tier)))
