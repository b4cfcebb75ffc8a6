"""A further core node for a deployment that runs. Nothing of it restarts."""

import asyncio

import msgspec

from infra.local import launch
from infra.local.errors import LocalError
from infra.local.folders import write_private
from infra.local.network import get_cores, get_identity, get_peers
from infra.local.node_port import ask, open_node
from infra.local.place import Place
from infra.local.rows import Report, Service, Table
from infra.local.supervisor import Control
from schemas.strkey import decode_account_id


def add_node(place: Place, table: Table, report: Report) -> str:
    """Returns its name. It follows the network from its archives; it takes part in consensus once
    the network has voted for a quorum set with it. Raises LocalError, also where the profile has no
    nodes. A failed call may be repeated until all nodes have taken the new one as a peer; after
    that `tokend up` starts it.
    """
    others = get_cores(place)
    name = f"core{len(others) + 1}"
    place.state.joined.append(name)
    table = table.get_for(place)
    profile = place.state.profile
    services = {each.name: each for each in table.get_services(profile)}
    if name not in services:
        raise LocalError(f"the profile {profile} has no core nodes: start another one")
    Control(place).get_process_id()  # raises if nothing runs
    table.prepare(place)
    launch.write_settings(place, services[name])
    servers = table.get_servers(profile)
    for server in servers:
        server.renew_settings(place)
        server.provide(place, table, tuple(services.values()), report)
    for other in others:
        launch.write_settings(place, services[other])
        _tell_peers(place, services[other])
        report(f"{other} takes {name} as a peer")
    place.save()
    control = Control(place)
    control.add(launch.get_program(place, table, services[name]))
    control.start(name)
    asyncio.run(launch.wait_for_service(place, services[name], report))
    launch.write_endpoints(place, table, servers, tuple(services.values()))
    return name


def _tell_peers(place: Place, service: Service) -> None:
    """The node goes on with the peers that its settings file has now."""
    url, token = place.get_url(f"{service.name}.http"), service.get_token(place)
    with open_node(url, str(token)) as client:
        ask(service.name, client, "PUT", "/peers", {"peers": get_peers(place, service.name)})


def write_quorum_set(place: Place) -> str:
    """A change to vote for: all nodes of the deployment, of which a third may fail. The file."""
    cores = get_cores(place)
    change = {
        "type": "quorum_set_upgrade",
        "quorum_set": {
            "threshold": len(cores) - (len(cores) - 1) // 3,
            "validators": sorted(
                (get_identity(place, each) for each in cores), key=decode_account_id
            ),
            "inner_sets": [],
        },
    }
    file = place.folder.config / "quorum-set.json"
    write_private(file, msgspec.json.format(msgspec.json.encode(change)) + b"\n")
    return str(file)
