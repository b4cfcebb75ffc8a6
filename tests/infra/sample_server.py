"""A server for the tests of the launcher: it keeps buckets, in memory, that it is told to make.

Run as a script it is the server: PORT.
"""

import http.client
import http.server
import json
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

from infra.local.health import get_status
from infra.local.place import Place
from infra.local.rows import Container, Report, Server, Service, Table

BUCKETS: list[str] = []


class SampleServer(Server):
    """Services that use it name their buckets in their rows."""

    title = "Sample"
    container = Container({"image": "sample"}, "/run/secrets", "/data")

    @property
    def ports(self) -> Mapping[str, int]:
        return {self.name: 7070}

    async def prepare(self, place: Place, report: Report) -> tuple[str, ...]:
        for folder in self.get_folders(place):
            folder.mkdir(exist_ok=True)
        command = (sys.executable, __file__, str(place.get_port(self.name)))
        return ("setpriv", "--pdeathsig=TERM", *command)

    async def is_ready(self, place: Place) -> bool:
        return get_status(place.get_address(self.name), "/") is not None

    def provide(
        self, place: Place, table: Table, services: Sequence[Service], report: Report
    ) -> None:
        for service in services:
            for bucket in service.uses.get(self.name, ()):
                connection = http.client.HTTPConnection(place.get_address(self.name))
                connection.request("PUT", f"/{service.name}/{bucket}")
                connection.getresponse().read()
                connection.close()

    def get_folders(self, place: Place) -> tuple[Path, ...]:
        return (place.folder.root / self.name,)


class Handler(http.server.BaseHTTPRequestHandler):
    """PUT makes a bucket, GET tells them all."""

    def do_PUT(self) -> None:
        BUCKETS.append(self.path)
        self.do_GET()

    def do_GET(self) -> None:
        self.send_response(200)
        self.end_headers()
        self.wfile.write(json.dumps({"buckets": BUCKETS}).encode())


if __name__ == "__main__":
    http.server.HTTPServer(("127.0.0.1", int(sys.argv[1])), Handler).serve_forever()
