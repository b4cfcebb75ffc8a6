"""Writes compose.yaml from the table: `python -m infra.containers.generate [--check]`.

With --check it writes nothing and fails if the file is not what the table says.
"""

import json
import sys
from collections.abc import Iterator, Mapping
from typing import Any

from infra.containers.place import INSIDE, SETTINGS, get_published_ports, get_variable
from infra.containers.target import COMPOSE_FILE
from infra.local.rows import Server, Service, Table

HEAD = """\
# Made by infra/containers/generate.py from infra/local/table.py: do not edit.
#
# A whole network in containers, for one machine: each service by `tokend run`, each with its own
# settings and secrets alone. Nothing secret stands here or in the environment.
#
#   tokend containers prepare --data DIR        keys, settings, secrets; prints the next line
#   docker-compose --env-file DIR/compose.env --file infra/containers/compose.yaml up --detach
#
# Only gateways and what users need of the servers are published, on 127.0.0.1: put a proxy that
# speaks TLS before the gateways. Where members run their own machines, each takes its own services.

x-tokend: &tokend
  image: ${TOKEND_IMAGE:-local/tokend}
  user: "${SERVICE_USER}:${SERVICE_USER}"
  restart: unless-stopped
  read_only: true
  tmpfs: [/tmp]
  cap_drop: [ALL]
  security_opt: ["no-new-privileges:true"]
  depends_on:
    administrator:
      condition: service_completed_successfully

"""


def make_compose_file(table: Table) -> str:
    servers, services = table.get_servers("all"), table.get_services("all")
    published = get_published_ports(table)
    document = {
        "services": {
            **{server.name: _make_server(server, published) for server in servers},
            "administrator": {
                "<<": "*tokend",
                "restart": "no",
                "command": "containers administer --data /data",
                "depends_on": [server.name for server in servers],
                "volumes": ["${DATA}:/data:ro"],
            },
            **{service.name: _make_service(service, published) for service in services},
        },
        "volumes": {server.name: {} for server in servers},
    }
    return HEAD + "\n".join(_encode(document)) + "\n"


def _make_server(server: Server, published: Mapping[str, int]) -> dict[str, Any]:
    container = server.container
    return {
        **container.compose,
        "restart": "unless-stopped",
        "volumes": [
            f"${{DATA}}/services/{server.name}:{container.secrets}:ro",
            f"{server.name}:{container.data}",
        ],
        **_make_ports(server.name, published),
    }


def _make_service(service: Service, published: Mapping[str, int]) -> dict[str, Any]:
    return {
        "<<": "*tokend",
        "command": f"run {service.program} --config {INSIDE / SETTINGS}",
        "volumes": [f"${{DATA}}/services/{service.name}:{INSIDE}:ro"],
        **_make_ports(f"{service.name}.http", published),
    }


def _make_ports(name: str, published: Mapping[str, int]) -> dict[str, list[str]]:
    if name not in published:
        return {}
    return {"ports": [f"127.0.0.1:${{{get_variable(name)}}}:{published[name]}"]}


def _encode(value: Mapping[str, Any], indent: str = "") -> Iterator[str]:
    """The lines of a block mapping. JSON's texts and lists are YAML's too."""
    for key, each in value.items():
        if isinstance(each, Mapping):
            yield f"{indent}{key}:"
            yield from _encode(each, f"{indent}  ")
        else:
            yield f"{indent}{key}: {each if key == '<<' else json.dumps(each)}"


def main() -> int:
    from infra.local.table import TABLE

    text = make_compose_file(TABLE)
    if "--check" not in sys.argv[1:]:
        COMPOSE_FILE.write_text(text)
        return 0
    if COMPOSE_FILE.read_text() != text:
        sys.stderr.write(f"{COMPOSE_FILE} is not what the table says: run this without --check\n")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
