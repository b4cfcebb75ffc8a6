"""A bank that says nothing of a payout: people say what came of it, two of three, by the verbs; and
reserves account for it until the bank does."""

import json
import secrets
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from nacl.signing import SigningKey

from gateways.client.api import ApiClient
from gateways.client.errors import ClientError
from gateways.client.horizon import HorizonClient
from gateways.client.keys import get_address
from gateways.client.submission import submit
from gateways.client.withdrawals import UNKNOWN, list_withdrawals, make_withdrawal
from infra.local.errors import LocalError
from infra.local.sandbox import GIRO, GIRO_ASSET, control
from infra.sandbox import accounts
from tests.gateways.verbs import run_verb
from tests.integration.test_deposits import People, wait_until
from tests.support.whole_deployment import WholeDeployment

pytestmark = pytest.mark.whole

IBAN, HOLDER = "NO9386011117947", "Alice Example"


@pytest.fixture(scope="module")
def people(whole_deployment: WholeDeployment) -> Iterator[People]:
    made = People(whole_deployment.running.place)
    control(made.place, "/control/payouts", {"mode": "keep"})
    with made.client:
        yield made
    control(made.place, "/control/payouts", {"mode": "pay"})


@pytest.fixture(scope="module")
def customer(people: People) -> SigningKey:
    """Who has paid in 300.00 by the bank."""
    key = people.make_account()
    reference = people.take_address(key, GIRO)
    booking = {"amount": "300.00", "text": reference, "bank_reference": secrets.token_hex(8)}
    control(people.place, "/control/bank", {"bank": accounts.GIRO, "bookings": [booking]})
    expected = {GIRO_ASSET: "300.00"}
    assert wait_until(lambda: people.get_balances(key) == expected), people.list_deposits("psim1")
    return key


def run(*arguments: object) -> Any:
    return json.loads(run_verb([*map(str, arguments), "--json"]))


def test_people_attest_a_payout_of_which_the_bank_says_nothing(
    people: People, customer: SigningKey, tmp_path: Path
) -> None:
    endpoints = people.place.folder.endpoints_file
    api = json.loads(endpoints.read_text())["api"][0]
    address = get_address(customer)
    with ApiClient(api, customer) as services:
        to = services.add_payout_account(address, IBAN, HOLDER)["id"]
    with HorizonClient(people.url, customer) as client:
        body = make_withdrawal(client, address, GIRO_ASSET, "80.00", to, secrets.token_hex(8))
        submit(client, customer, (body,))

        def stands(stand: str) -> bool:
            return [each["stand"] for each in list_withdrawals(client, address)] == [stand]

        # A minute after the submitter noted that it begins.
        assert wait_until(lambda: stands(UNKNOWN), 180), list_withdrawals(client, address)
        (payout,) = control(people.place, "/control/payouts", {})["payouts"]
        assert (payout["holder"], payout["amount"], payout["paid"]) == (HOLDER, "80.00", 0)
        attest(people, find_transfer(people, list_withdrawals(client, address)[0]), tmp_path)
        assert wait_until(lambda: stands("paid"))

    assert wait_until(lambda: find_items(endpoints) == [("UNDEBITED", "80.00")])
    control(people.place, "/control/payouts", {"pay": [payout["reference"]]})
    assert wait_until(lambda: find_items(endpoints) == [])
    assert people.get_balances(customer) == {GIRO_ASSET: "220.00"}


def find_transfer(people: People, withdrawal: dict[str, Any]) -> int:
    rows = people.client.walk("/v3/transfers", {"filter[chain]": GIRO})
    request = str(withdrawal["request"])
    (found,) = [each for each in rows if request in each["attributes"]["requests"]]
    return int(found["id"])


def attest(people: People, number: int, folder: Path) -> None:
    """As its people do, one after the other: one signature is too few."""
    endpoints = people.place.folder.endpoints_file
    letter = folder / "letter.txt"
    letter.write_text("The bank's clerk says by telephone that it was paid.")
    about = "--evidence", letter, "--endpoints", endpoints
    envelope = run("transfer", "attest", number, "paid", *about)["envelope"]
    first, second, _ = people.psim["attestors"]["seed_files"]
    envelope = run("tx", "sign", envelope, "--seed-file", first)["envelope"]
    with pytest.raises((ClientError, LocalError)):
        run("tx", "submit", envelope, "--endpoints", endpoints)
    envelope = run("tx", "sign", envelope, "--seed-file", second)["envelope"]
    run("tx", "submit", envelope, "--endpoints", endpoints)


def find_items(endpoints: Path) -> list[tuple[str, str]] | None:
    """Of the francs' newest report, as `tokend reconcile` shows it; None: there is a drift, or no
    report."""
    try:
        found = run("reconcile", "--asset", GIRO_ASSET, "--endpoints", endpoints)
    except SystemExit:
        return None
    if not found:
        return None
    return [(each["kind"], each["amount"]) for each in found[0]["items"]]
