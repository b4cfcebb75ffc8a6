"""Starts a deployment: folder, lock, supervisor, servers, then services tier by tier.

The one place that knows the order of things; it knows no server and no service by name. Progress
goes to a function given by the caller.
"""

import asyncio
import subprocess
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import msgspec

from infra.local import disks, homes, processes, supervisor
from infra.local.accounts import get_server_account
from infra.local.errors import AlreadyRunning, Fault, LocalError, NotRunning, Unreachable
from infra.local.folders import DataFolder, write_private
from infra.local.health import is_healthy
from infra.local.lock import Lock, take_lock
from infra.local.logs import get_tail
from infra.local.place import Place
from infra.local.rows import Report, Server, Service, Table
from infra.local.shutdown import stop_processes
from infra.local.supervisor import Control, ProcessState, Program
from infra.local.toml import encode_toml

READY_S = 300.0
Result = TypeVar("Result")

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
    try:
        return await _start_alone(folder, table, profile, report, is_detached=is_detached)
    except AlreadyRunning:
        raise
    except (OSError, LocalError) as error:
        explained = _explain(error, folder, table.get_servers(profile))
        if explained is error:
            raise
        raise explained from None


async def _start_alone(
    folder: DataFolder, table: Table, profile: str, report: Report, *, is_detached: bool
) -> RunningDeployment:
    folder.make(is_shared=get_server_account() is not None)
    lock = take_lock(folder.lock_file)
    try:
        place = Place(folder)
        place.folder.endpoints_file.unlink(missing_ok=True)
        place.save()
        table = table.get_for(place)
        homes.claim(place)
        left = processes.end_processes(folder.root)
        if left:
            report(f"ended {len(left)} processes that a killed supervisor had left")
        return await _start(place, table, profile, report, lock, is_detached=is_detached)
    except BaseException:
        lock.release()
        raise


def _explain(
    error: OSError | LocalError, folder: DataFolder, servers: Sequence[Server]
) -> LocalError:
    """A full disk rather than what failed because of it."""
    line = str(error) if isinstance(error, LocalError) else f"{error.filename}: {error.strerror}"
    details = error.details if isinstance(error, LocalError) else ()
    try:
        places = disks.get_disks(Place(folder), servers)
    except (OSError, LocalError):
        places = [disks.get_disk(folder.root)]
    problem = disks.find_problem(places)
    if problem is not None:
        return LocalError(problem, (line, *details))
    return error if isinstance(error, LocalError) else LocalError(f"cannot start: {line}")


async def _start(
    place: Place, table: Table, profile: str, report: Report, lock: Lock, *, is_detached: bool
) -> RunningDeployment:
    servers, services = table.get_servers(profile), table.get_services(profile)
    _choose_ports(place, servers, services, report)
    place.state.profile = profile
    place.watched = get_watched(services)
    supervisor.choose_socket_folder(place)
    place.save()
    commands = await _together(*(server.prepare(place, report) for server in servers))
    programs = [
        Program(each.name, each.tier, table.tiers.index(each.tier), command, each.stop_signal)
        for each, command in zip(servers, commands, strict=True)
    ]
    programs += [get_program(place, table, service) for service in services]
    child = supervisor.start(place, programs, lock=lock.descriptor, is_detached=is_detached)
    try:
        await _wait_for_supervisor(place, child)
        for tier in dict.fromkeys(server.tier for server in servers):
            members = [server for server in servers if server.tier == tier]
            await _together(*(_start_server(place, table, s, services, report) for s in members))
        await _start_services(place, table, services, report)
        write_endpoints(place, table, servers, services)
    except BaseException:
        stop_processes(place, child, report)
        raise
    return RunningDeployment(place, table, profile, lock, child)


def get_watched(services: Sequence[Service]) -> tuple[str, ...]:
    """Those with a health page."""
    return tuple(each.name for each in services if each.health_path is not None)


def _choose_ports(
    place: Place, servers: Sequence[Server], services: Sequence[Service], report: Report
) -> None:
    place.replace_taken_ports(sorted(place.state.ports))
    for name, (old, new) in place.moved_ports.items():
        report(f"port {old} is taken by another program: {name} moves to {new}")
    names = [name for server in servers for name in server.ports]
    for name in (*names, *(f"{service.name}.http" for service in services)):
        place.get_port(name)


def get_program(place: Place, table: Table, service: Service) -> Program:
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
            except (NotRunning, Unreachable):
                await asyncio.sleep(0.02)
            else:
                return


async def _start_server(
    place: Place, table: Table, server: Server, services: Sequence[Service], report: Report
) -> None:
    await asyncio.to_thread(Control(place).start, server.name)
    await _wait_until_ready(place, server.name, lambda: server.is_ready(place))
    await asyncio.to_thread(server.provide, place, table, services, report)
    report(f"{server.title} is ready on {place.get_address(server.name)}")


async def _start_services(
    place: Place, table: Table, services: Sequence[Service], report: Report
) -> None:
    table.prepare(place)
    for service in services:
        write_settings(place, service)
    place.save()
    for tiers in table.get_waves(services):
        for tier in tiers:
            await asyncio.to_thread(table.arrange_tier, tier, place, report)
        for tier in tiers:
            await asyncio.to_thread(Control(place).start_tier, tier)
        members = [service for service in services if service.tier in tiers]
        await _together(*(wait_for_service(place, service, report) for service in members))


def write_settings(place: Place, service: Service) -> None:
    settings = encode_toml(service.get_settings(place))
    write_private(place.get_settings_file(service.name), settings.encode())


async def wait_for_service(place: Place, service: Service, report: Report) -> None:
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
                    raise LocalError(
                        f"{name} ended while it started: see {log}",
                        get_tail(log),
                        fault=Fault.PROCESS_ENDED,
                    )
                await asyncio.sleep(0.05)
    except TimeoutError:
        raise LocalError(
            f"{name} was not ready after {READY_S:.0f} s: see {log}", get_tail(log)
        ) from None


async def _together(*jobs: Awaitable[Result]) -> list[Result]:
    """Runs jobs at once; the first failure cancels the others and is raised as it is."""
    tasks = [asyncio.ensure_future(job) for job in jobs]
    try:
        return await asyncio.gather(*tasks)
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


def write_endpoints(
    place: Place, table: Table, servers: Sequence[Server], services: Sequence[Service]
) -> None:
    content = describe_deployment(place, table, servers, services)
    text = msgspec.json.format(msgspec.json.encode(content)) + b"\n"
    write_private(place.folder.endpoints_file, text)


def describe_deployment(
    place: Place, table: Table, servers: Sequence[Server], services: Sequence[Service]
) -> dict[str, Any]:
    """The content of endpoints.json, for scripts: names files of secrets, holds none."""
    described = {server.name: server.describe(place) for server in servers}
    return {
        "profile": place.state.profile,
        "data_folder": str(place.folder.root),
        **{name: each for name, each in described.items() if each is not None},
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
            "and all it ran ended with it: start again with `tokend up`",
            fault=Fault.SUPERVISOR_KILLED,
        )


def _get_states(control: Control) -> list[ProcessState]:
    try:
        return control.get_states()
    except LocalError:  # it is stopping; the caller sees it end
        return []
