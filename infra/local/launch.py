"""Starts a deployment: folder, lock, servers, databases, topics, then services tier by tier.

The one place that knows the order of things. Reports progress through a function it is given;
writes to no terminal itself.
"""

import asyncio
import subprocess
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec

from infra.local import (
    kafka,
    kafka_admin,
    migrations,
    postgres,
    postgres_admin,
    processes,
    supervisor,
)
from infra.local.accounts import Account, get_server_account
from infra.local.errors import LocalError, NotRunning
from infra.local.folders import DataFolder, write_private
from infra.local.health import is_healthy
from infra.local.lock import Lock, take_lock
from infra.local.logs import get_tail
from infra.local.place import Place
from infra.local.services import SERVERS, USERS, Service, Table
from infra.local.shutdown import Report, stop_processes
from infra.local.supervisor import Control, ProcessState, Program
from infra.local.toml import encode_toml
from schemas.settings import SASL_MECHANISM, SECURITY_PROTOCOL

READY_S = 120.0

# States of a process that was asked to start and did not stay.
ENDED = ("BACKOFF", "EXITED", "FATAL", "STOPPED")


@dataclass(frozen=True, slots=True)
class RunningDeployment:
    """A deployment that this process started. `supervisor` is its child."""

    place: Place
    table: Table
    profile: str
    lock: Lock
    supervisor: "subprocess.Popen[bytes]"

    @property
    def control(self) -> Control:
        return Control(self.place)

    def stop(self, report: Report) -> None:
        """Stops everything, in order, and returns when no process is left."""
        stop_processes(self.place, self.supervisor, report)
        self.lock.release()

    def detach(self) -> None:
        """Lets the deployment live on without this process."""
        self.lock.name_holder(self.supervisor.pid)
        self.lock.release()


async def start_deployment(
    root: Path, table: Table, profile: str, report: Report, *, is_detached: bool = False
) -> RunningDeployment:
    """Starts the deployment on data folder `root` and returns when all of it is ready.

    Whatever goes wrong or interrupts it, nothing is left running. Raises LocalError.
    """
    folder = DataFolder(root.resolve())
    account = get_server_account()
    folder.make(is_shared=account is not None)
    lock = take_lock(folder.lock_file)
    try:
        left = processes.end_processes(folder.root)
        if left:
            report(f"ended {len(left)} processes that a killed supervisor had left")
        return await _start(Place(folder), table, profile, report, lock, account, is_detached)
    except BaseException:
        lock.release()
        raise


async def _start(
    place: Place,
    table: Table,
    profile: str,
    report: Report,
    lock: Lock,
    account: Account | None,
    is_detached: bool,
) -> RunningDeployment:
    services = table.get_services(profile)
    _choose_ports(place, services, report)
    place.state.profile = profile
    supervisor.choose_socket_folder(place)
    database_folder = postgres.choose_folder(place, account)
    place.save()
    if database_folder.parent != place.folder.root:
        report(f"databases are in {database_folder}, which PostgreSQL's user can enter")
    chosen = postgres.choose_installation(database_folder)
    installation = await asyncio.to_thread(
        postgres.make_reachable, chosen, database_folder, account
    )
    if installation != chosen:
        report(f"PostgreSQL is copied to {installation.binaries}, which its user can enter")
    postgres_command = postgres.get_command(
        installation, database_folder, place.get_port("postgres"), account
    )
    programs = [
        Program("kafka", SERVERS, 0, kafka.get_command(place)),
        Program("postgres", SERVERS, 0, postgres_command, stop_signal="INT"),
        *(_get_program(place, table, service) for service in services),
    ]
    child = supervisor.start(place, programs, lock=lock.descriptor, is_detached=is_detached)
    try:
        await _wait_for_supervisor(place, child)
        await _together(
            _start_kafka(place, table, report),
            _start_postgres(place, table, services, installation, account, report),
        )
        await _start_services(place, table, services, report)
        _write_endpoints(place, table, services)
    except BaseException:
        stop_processes(place, child, report)
        raise
    return RunningDeployment(place, table, profile, lock, child)


def _choose_ports(place: Place, services: Sequence[Service], report: Report) -> None:
    place.replace_taken_ports(sorted(place.state.ports))
    for name, (old, new) in place.moved_ports.items():
        report(f"port {old} is taken by another program: {name} moves to {new}")
    servers = ("kafka", "kafka.broker", "kafka.controller", "postgres")
    for name in (*servers, *(f"{s.name}.http" for s in services)):
        place.get_port(name)


def _get_program(place: Place, table: Table, service: Service) -> Program:
    settings = str(place.get_settings_file(service.name))
    # Bound to the supervisor: its end, however it came, asks the service to end too.
    command = ("setpriv", "--pdeathsig=TERM", *table.runner, service.program, "--config", settings)
    return Program(service.name, service.tier, table.tiers.index(service.tier), command)


async def _wait_for_supervisor(place: Place, child: "subprocess.Popen[bytes]") -> None:
    async with asyncio.timeout(READY_S):
        while True:
            if child.poll() is not None:
                raise LocalError(
                    "the supervisor ended while it started",
                    get_tail(place.folder.logs / "supervisor.start.log"),
                )
            try:
                await asyncio.to_thread(Control(place).get_process_id)
            except NotRunning:
                await asyncio.sleep(0.02)
            else:
                return


async def _start_kafka(place: Place, table: Table, report: Report) -> None:
    await kafka.make_storage(place)
    administrator = kafka.get_administrator(place)

    async def is_ready() -> bool:
        # The port first: a client that is refused waits longer than we want to.
        if not await _is_open(place.get_port("kafka.broker")):
            return False
        return await asyncio.to_thread(kafka_admin.is_ready, administrator, 1.0)

    await asyncio.to_thread(Control(place).start, "kafka")
    await _wait_until_ready(place, "kafka", is_ready)
    roles = table.get_roles()
    logins = [place.get_kafka_login(user) for user in roles]
    await asyncio.to_thread(kafka_admin.prepare, administrator, table.topics, roles, logins)
    report(f"Kafka is ready on {place.get_address('kafka')}")


async def _start_postgres(
    place: Place,
    table: Table,
    services: Sequence[Service],
    installation: postgres.Installation,
    account: Account | None,
    report: Report,
) -> None:
    folder = Path(place.state.postgres_folder)
    password = place.get_secret(f"postgres.{postgres.SUPERUSER}")
    await postgres.make_cluster(installation, folder, password, account)
    await asyncio.to_thread(Control(place).start, "postgres")
    await _wait_until_ready(place, "postgres", lambda: postgres.is_ready(place))
    await asyncio.to_thread(create_databases, place, services)
    report(f"PostgreSQL {installation.version} is ready on {place.get_address('postgres')}")
    await asyncio.to_thread(migrate_databases, place, table, services, report)


def create_databases(place: Place, services: Sequence[Service]) -> None:
    superuser_url = postgres.get_superuser_url(place)
    names = [service.name for service in services if service.has_database]
    passwords = {name: place.get_secret(f"postgres.{name}") for name in names}
    postgres_admin.create_databases(superuser_url, passwords)
    for service in services:
        if service.reads is not None:
            postgres_admin.let_read(superuser_url, service.reads, service.name)


def migrate_databases(
    place: Place, table: Table, services: Sequence[Service], report: Report
) -> None:
    """Runs the migrations of every service that has a database."""
    for service in services:
        folder = table.programs[service.program].migrations
        if not service.has_database or folder is None:
            continue
        url = place.get_database_url(service.name)
        for name in migrations.apply_migrations(url, folder):
            report(f"database {service.name}: applied {name}")


async def _start_services(
    place: Place, table: Table, services: Sequence[Service], report: Report
) -> None:
    table.prepare(place)
    for service in services:
        settings = encode_toml(service.get_settings(place))
        write_private(place.get_settings_file(service.name), settings.encode())
    place.save()
    for tier in dict.fromkeys(service.tier for service in services):
        members = [service for service in services if service.tier == tier]
        await asyncio.to_thread(Control(place).start_tier, tier)
        await _together(*(_wait_for_service(place, service, report) for service in members))


async def _wait_for_service(place: Place, service: Service, report: Report) -> None:
    async def is_ready() -> bool:
        if service.health_path is None:
            state = await asyncio.to_thread(Control(place).get_state, service.name)
            return state.state == "RUNNING"
        address = place.get_address(f"{service.name}.http")
        return await asyncio.to_thread(is_healthy, address, service.health_path)

    await _wait_until_ready(place, service.name, is_ready)
    report(f"{service.name} is ready")


async def _wait_until_ready(
    place: Place, name: str, is_ready: Callable[[], Awaitable[bool]]
) -> None:
    """Raises LocalError with the end of the log if the process ends or takes too long."""
    log = place.folder.logs / f"{name}.log"
    try:
        async with asyncio.timeout(READY_S):
            while not await is_ready():
                state = await asyncio.to_thread(Control(place).get_state, name)
                if state.state in ENDED:
                    raise LocalError(f"{name} ended while it started: see {log}", get_tail(log))
                await asyncio.sleep(0.05)
    except TimeoutError:
        raise LocalError(
            f"{name} was not ready after {READY_S:.0f} s: see {log}", get_tail(log)
        ) from None


async def _is_open(port: int) -> bool:
    try:
        _, writer = await asyncio.open_connection("127.0.0.1", port)
    except OSError:
        return False
    writer.close()
    return True


async def _together(*jobs: Awaitable[None]) -> None:
    """Runs jobs at once; the first failure cancels the others and is raised as it is."""
    tasks = [asyncio.ensure_future(job) for job in jobs]
    try:
        await asyncio.gather(*tasks)
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


def _write_endpoints(place: Place, table: Table, services: Sequence[Service]) -> None:
    content = describe_deployment(place, table, services)
    text = msgspec.json.format(msgspec.json.encode(content)) + b"\n"
    write_private(place.folder.endpoints_file, text)


def describe_deployment(place: Place, table: Table, services: Sequence[Service]) -> dict[str, Any]:
    """The content of endpoints.json, for scripts: names files of secrets, holds none."""
    return {
        "profile": place.state.profile,
        "data_folder": str(place.folder.root),
        "kafka": {
            **place.get_kafka_settings(USERS),
            "security_protocol": SECURITY_PROTOCOL,
            "sasl_mechanism": SASL_MECHANISM,
        },
        "postgres": {"host": "127.0.0.1", "port": place.get_port("postgres")},
        "topics": [topic.name for topic in table.topics],
        "services": {s.name: {"url": place.get_url(f"{s.name}.http")} for s in services},
        **table.describe(place),
    }


async def watch_deployment(running: RunningDeployment, report: Report) -> None:
    """Returns when others stopped the deployment; reports processes that were restarted.

    Raises LocalError if the supervisor was killed; what it ran has ended with it.
    """
    known: dict[str, int] = {}
    while running.supervisor.poll() is None:
        for state in await asyncio.to_thread(_get_states, running.control):
            before = known.get(state.name)
            if state.state == "RUNNING" and before != state.process_id:
                known[state.name] = state.process_id
                if before is not None:
                    report(f"{state.name} had ended and was started again")
        await asyncio.sleep(1.0)
    if running.supervisor.returncode != 0:
        raise LocalError(
            f"the supervisor was killed (exit code {running.supervisor.returncode}), "
            "and all it ran ended with it: start again with `tokend up`"
        )


def _get_states(control: Control) -> list[ProcessState]:
    try:
        return control.get_states()
    except LocalError:  # it is stopping; the caller sees it end
        return []
