"""Ports that are free, remembered, and given up when others took them."""

import socket
from pathlib import Path

from infra.local import ports
from infra.local.errors import Fault
from infra.local.folders import DataFolder
from infra.local.place import Place
from tests.infra.refusals import refused


def listen(port: int = 0) -> socket.socket:
    server = socket.socket()
    server.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    server.bind(("127.0.0.1", port))
    server.listen()
    return server


def test_a_taken_port_is_not_free() -> None:
    with listen() as server:
        port = server.getsockname()[1]
        assert not ports.is_free(port)
    assert ports.is_free(port)


def test_connections_that_are_closing_do_not_count() -> None:
    with listen() as server:
        address = server.getsockname()
        with socket.create_connection(address), server.accept()[0] as accepted:
            accepted.shutdown(socket.SHUT_RDWR)
    assert ports.is_free(address[1])


def test_chosen_ports_are_free_and_not_taken() -> None:
    chosen = ports.choose_port(())
    assert chosen in ports.CHOICE
    assert ports.is_free(chosen)
    with refused(Fault.NO_FREE_PORT):
        ports.choose_port(ports.CHOICE)


def test_a_place_keeps_its_ports_until_others_take_them(tmp_path: Path) -> None:
    folder = DataFolder(tmp_path / "data")
    folder.make(is_shared=False)
    place = Place(folder)
    kafka, postgres = place.get_port("kafka"), place.get_port("postgres")
    assert kafka != postgres
    place.save()

    with listen(kafka):
        place = Place(folder)
        place.replace_taken_ports(["kafka", "postgres", "never asked for"])
        assert place.get_port("postgres") == postgres
        assert place.get_port("kafka") not in (kafka, postgres)
        assert place.moved_ports == {"kafka": (kafka, place.get_port("kafka"))}
    place.save()
    moved = place.get_port("kafka")
    assert Place(folder).get_port("kafka") == moved


def test_addresses(tmp_path: Path) -> None:
    folder = DataFolder(tmp_path / "data")
    folder.make(is_shared=False)
    place = Place(folder)
    port = place.get_port("gateway.http")
    assert place.get_url("gateway.http") == f"http://127.0.0.1:{port}"
    url = place.get_database_url("core1")
    password = place.get_secret("postgres.core1")
    port = place.get_port("postgres")
    assert url == f"postgresql://core1:{password}@127.0.0.1:{port}/core1"
