"""Registration in a whole deployment while API's instances are killed: each account once."""

import secrets
import threading
import time
from pathlib import Path
from typing import Any

import httpx2
import psycopg

from gateways.client.horizon import HorizonClient
from gateways.client.keys import SigningKey, generate_key, get_address, read_seed
from gateways.client.statements import encode_registration
from gateways.identity.emails import compute_email_hash
from gateways.identity.statements import RegistrationStatement, make_statement
from infra.local import api
from infra.local.place import Place
from tests.support.whole_deployment import WholeDeployment

PEOPLE, THREADS = 24, 6
SETTLE_S = 120


def state_registration(place: Place, network_id: bytes, key: SigningKey, email: str) -> Any:
    """The body that a client sends, as the KeyServer of this deployment would state it."""
    statement = RegistrationStatement(
        1,
        compute_email_hash(email).hex(),
        get_address(key),
        get_address(key),
        time.time_ns() // 1_000_000,
    )
    body, signature = make_statement(api.get_statement_key(place), network_id, statement)
    return encode_registration(body, signature, email)


def register(urls: list[str], body: Any) -> str:
    """The account's state at the end; by any instance, again and again."""
    deadline, tries = time.monotonic() + SETTLE_S, 0
    while time.monotonic() < deadline:
        url = urls[tries % len(urls)]
        tries += 1
        try:
            answer = httpx2.post(f"{url}/v1/registrations", json=body, timeout=30, trust_env=False)
        except httpx2.TransportError:
            time.sleep(0.2)
            continue
        if answer.status_code == 201:
            return "CREATED"
        assert answer.status_code in (202, 429, 503), answer.text
        time.sleep(0.5)
    return "PENDING"


def test_killed_instances_cost_nobody_an_account(whole_deployment: WholeDeployment) -> None:
    place = whole_deployment.running.place
    urls = [place.get_url(f"{name}.http") for name in api.INSTANCES]
    gateway, master = place.get_url("gateway1.http"), read_master(place)
    with HorizonClient(gateway, master) as client:
        network_id = bytes.fromhex(client.get_info()["network_id"])
    mark = secrets.token_hex(4)
    people = {f"{mark}-{number}@example.org": generate_key() for number in range(PEOPLE)}
    left = list(people.items())
    states: list[str] = []

    def work() -> None:
        while left:
            email, key = left.pop()
            states.append(register(urls, state_registration(place, network_id, key, email)))

    threads = [threading.Thread(target=work) for _ in range(THREADS)]
    for thread in threads:
        thread.start()
    for name in api.INSTANCES:
        time.sleep(1.5)
        whole_deployment.kill(name)
    for thread in threads:
        thread.join()
    assert states == ["CREATED"] * PEOPLE
    with HorizonClient(gateway, master) as client:
        for key in people.values():
            signers = client.get_account(get_address(key), "signers")["included"]
            assert [each["relationships"]["public_key"]["data"]["id"] for each in signers] == [
                get_address(key)
            ]
    with psycopg.connect(place.get_database_url(api.DATABASE)) as connection:
        rows = connection.execute(
            "select state, count(*) from api.registrations where account_id = any(%s) group by 1",
            ([bytes(key.verify_key) for key in people.values()],),
        ).fetchall()
    assert rows == [("CREATED", PEOPLE)]


def read_master(place: Place) -> SigningKey:
    file: Path = place.get_secret_file("master.seed")
    return read_seed(file.read_text())
