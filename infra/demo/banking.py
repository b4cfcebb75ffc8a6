"""The demo's bank and rates: euros come in by a bank's statement and leave by a gateway, francs
leave by a payment file. Three instances set a price that four of five providers agree on, and a
limit converts by it."""

from gateways.client import transactions as make
from gateways.client.api import ApiClient
from gateways.client.deposits import take_address
from gateways.client.horizon import HorizonClient
from gateways.client.rates import make_first_price
from gateways.client.submission import sign, submit
from gateways.client.withdrawals import list_withdrawals, make_withdrawal
from infra.demo.deposits import pay_in
from infra.demo.people import Person
from infra.demo.steps import DemoFailed, Steps
from infra.demo.target import Target
from infra.local import sandbox
from infra.local.place import Place
from infra.local.psim import SOURCE, get_address
from infra.sandbox import accounts
from schemas.generated.common import Limit, LimitKind, PeriodAmounts
from schemas.generated.operations import ManageLimits, PutLimit, RemoveLimit
from schemas.strkey import decode_account_id

PRICE, NEW_PRICE = "60000", "61000"
IBAN, HOLDER = "NO9386011117947", "Alice Example"


def earn(target: Target, person: Person, master: Person, steps: Steps) -> None:
    """From chains and from a bank. Raises DemoFailed."""
    pay_in(target, person, steps)
    bank(target, person, master, steps)


def bank(target: Target, person: Person, master: Person, steps: Steps) -> None:
    """Where the demo can reach the sandbox. Raises DemoFailed."""
    if target.place is None:
        return
    steps.tell("Euros come in by a bank's statement and leave by a gateway; a price is agreed on")
    with HorizonClient(target.gateways[0], person.key) as client:
        _pay_in(target.place, client, person, steps)
        to = _register(target, person)
        if to is not None:
            _pay_out(target.place, client, person, to, steps)
            _pay_by_file(target.place, client, person, to, steps)
    with HorizonClient(target.gateways[0], master.key) as client:
        _publish(target.place, client, master, steps)
        _limit(client, person, master, steps)


def _pay_in(place: Place, client: HorizonClient, person: Person, steps: Steps) -> None:
    steps.wait(lambda: _can_take(client), "there is a payment reference")
    reference = take_address(client, person.key, sandbox.BANK)["address"]
    steps.say(f"her payment reference {reference}")
    bookings = [{"amount": "250.00", "text": f"from Alice {reference}", "bank_reference": "A1"}]
    sandbox.control(place, "/control/bank", {"bookings": bookings})
    sandbox.control(place, "/control/bank", {"bookings": bookings, "is_repeated": True})

    steps.wait(lambda: _has(client, person, sandbox.BANK_ASSET, "250.00"), "it is credited")
    steps.say("the statement was delivered twice; 250.00 TEUR are credited once")


def _register(target: Target, person: Person) -> str | None:
    """Her bank account, which API alone knows; None: there is no API."""
    services = target.endpoints.get("api")
    if not services:
        return None
    with ApiClient(services[0], person.key) as api:
        return str(api.add_payout_account(person.address, IBAN, HOLDER)["id"])


def _pay_out(place: Place, client: HorizonClient, person: Person, to: str, steps: Steps) -> None:
    """The gateway takes the order and breaks off: it is looked up, and paid once."""
    sandbox.control(place, "/control/gateway", {"mode": "taken-broken", "calls": 1})
    body = make_withdrawal(client, person.address, sandbox.BANK_ASSET, "100.00", to, "demo-TEUR")
    submit(client, person.key, (body,))

    steps.wait(lambda: _is_paid(client, person, sandbox.BANK_ASSET), "the payout is settled")
    told = sandbox.control(place, "/control/gateway", {})
    paid = [each for each in told["payouts"] if each["destination"] == IBAN]
    if [each["amount"] for each in paid] != [10_000]:
        raise DemoFailed(f"the gateway has paid {paid}")
    steps.say("100.00 TEUR left by the gateway, which broke off after it took the order: paid once")


def _pay_by_file(
    place: Place, client: HorizonClient, person: Person, to: str, steps: Steps
) -> None:
    """By a bank's payment file, to the same account."""
    reference = take_address(client, person.key, sandbox.GIRO)["address"]
    booking = {"amount": "300.00", "text": reference, "bank_reference": "G1"}
    sandbox.control(place, "/control/bank", {"bank": accounts.GIRO, "bookings": [booking]})
    steps.wait(lambda: _has(client, person, sandbox.GIRO_ASSET, "300.00"), "francs are credited")
    body = make_withdrawal(client, person.address, sandbox.GIRO_ASSET, "80.00", to, "demo-TCHF")
    submit(client, person.key, (body,))
    steps.wait(
        lambda: _is_paid(client, person, sandbox.GIRO_ASSET), "the statement says it is paid"
    )
    told = sandbox.control(place, "/control/payouts", {})["payouts"]
    if [(each["holder"], each["amount"], each["paid"]) for each in told] != [(HOLDER, "80.00", 1)]:
        raise DemoFailed(f"the bank has paid {told}")
    steps.say(
        "80.00 TCHF left by a payment file (pain.001); the ledger names nobody, API told whom"
    )


def _can_take(client: HorizonClient) -> bool:
    pools = [each["attributes"]["entry"] for each in client.walk("/v3/external-pools")]
    free = {each["system"] for each in pools if int(each["free"]) > 0}
    return free >= {sandbox.BANK, sandbox.GIRO}


def _has(client: HorizonClient, person: Person, asset: str, amount: str) -> bool:
    query = {"filter[account]": person.address, "filter[asset]": asset}
    rows = client.walk("/v3/balances", query)
    return any(each["attributes"]["available"] == amount for each in rows)


def _is_paid(client: HorizonClient, person: Person, asset: str) -> bool:
    mine = list_withdrawals(client, person.address)
    return any(each["asset"] == asset and each["stand"] == "paid" for each in mine)


def _publish(place: Place, client: HorizonClient, master: Person, steps: Steps) -> None:
    base, _, quote = sandbox.PAIR.partition(":")
    first = make_first_price(client, base, quote, PRICE, 3_600_000, "10")
    submit(client, master.key, (first,))
    steps.say(f"the operator sets the first price: 1 {base} is {PRICE} {quote}")
    sandbox.control(place, "/control/rates", {"modes": {"kraken": "thousandfold"}})
    sandbox.control(place, "/control/rates", {"prices": {sandbox.SYMBOL: NEW_PRICE}})

    def is_published() -> bool:
        query = {"filter[pair]": sandbox.PAIR, "page[limit]": "1", "order": "desc"}
        rows = client.get("/v3/rates", query)["data"]
        return bool(rows) and rows[0]["attributes"]["price"] == NEW_PRICE

    steps.wait(is_published, "the new price is published")
    newest = client.get("/v3/rates", {"filter[pair]": sandbox.PAIR, "order": "desc"})["data"][0]
    if newest["attributes"]["account"] != get_address(place, SOURCE):
        raise DemoFailed("somebody else has set the price")
    steps.say(f"four of five providers agree on {NEW_PRICE}; one tells a thousand times as much")
    sandbox.control(place, "/control/rates", {"modes": {"kraken": "well"}})


def _limit(client: HorizonClient, person: Person, master: Person, steps: Steps) -> None:
    """On what Alice sends of any asset, in dollars; it is taken away again."""
    base, _, quote = sandbox.PAIR.partition(":")
    amounts = PeriodAmounts(*[make.to_units("20", 6)] * 4)
    limit = Limit(LimitKind.PAYMENT_OUT, quote, is_convert_needed=True, amounts=amounts)
    account_id = decode_account_id(person.address)
    submit(client, master.key, (ManageLimits(account_id, None, PutLimit(limit)),))
    query = {"filter[account]": person.address, "filter[asset]": base}
    balance = next(client.walk("/v3/balances", query))["id"]
    found = {}
    for amount in ("0.00030000", "0.00040000"):
        body = make.make_payment(balance, master.address, make.to_units(amount, 8))
        told = client.simulate(sign(client, person.key, (body,)))
        found[amount] = told["operations"][0]["code"]
    removal = RemoveLimit(LimitKind.PAYMENT_OUT, quote, is_convert_needed=True)
    submit(client, master.key, (ManageLimits(account_id, None, removal),))
    if found["0.00040000"] != "LIMITS_EXCEEDED" or found["0.00030000"] == "LIMITS_EXCEEDED":
        raise DemoFailed(f"a limit of 20 {quote} a day: {found}")
    steps.say(f"a limit of 20 {quote} a day refuses 0.0004 {base} and lets 0.0003 pass")
