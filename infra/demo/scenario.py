"""The demo's scenario. It uses what users have: the client library, the ingest topic, the APIs.

It runs in a thread of its own; asked to stop, it does so between two looks at the network.
"""

import threading
import time
from collections.abc import Callable
from concurrent.futures import Future
from contextlib import closing
from dataclasses import dataclass, field
from typing import Any

from msgspec.structs import replace
from rich.console import Console
from rich.table import Table

from gateways.client import transactions as make
from gateways.client.errors import HorizonUnavailable
from gateways.client.horizon import HorizonClient
from gateways.client.ingest import IngestProducer
from gateways.client.keys import generate_key, get_account_id, get_public_key, read_seed
from gateways.client.proofs import get_genesis_anchor, verify_balance_proof
from infra.demo import roles
from infra.demo.addresses import pay_by_address
from infra.demo.border import ASSET as FRANCS
from infra.demo.border import Withdrawal
from infra.demo.messages import tell_story
from infra.demo.papers import keep_papers
from infra.demo.people import Person
from infra.demo.steps import SETTLE_S, DemoFailed, Steps, make_progress
from infra.demo.target import Target
from infra.demo.wallets import open_wallet
from infra.demo.withdrawals import move_money
from schemas.generated.common import Fee, Hash, Reference, SignerData
from schemas.generated.operations import CreateSigner, ManageSigner, Payment, PaymentFeeData
from schemas.strkey import decode_balance_id, encode_balance_id
from streams.ledger.hashes import compute_balance_id
from streams.ledger.values import MASTER_SIGNER_ROLE

ASSET, DIGITS = "EUR", 2
PAYMENTS, BY_POST = 1_000, 20
PRODUCED_PER_S = 250
VICTIM = "core3"


@dataclass
class Scenario:
    """One run. `is_stopping` is looked at wherever it waits."""

    target: Target
    console: Console
    is_stopping: threading.Event
    figures: list[tuple[str, str]] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.steps = Steps(self.console, self.is_stopping)
        self.issuer, self.alice, self.bob = (
            Person(name, generate_key()) for name in ("issuer", "Alice", "Bob")
        )
        self.master = Person("master", read_seed(self.target.master_seed))
        # It signs what it asks for, and the master may read everybody's books.
        self.client = HorizonClient(self.target.gateways[0], self.master.key)

    def run(self) -> None:
        """Tells the whole story. Raises DemoFailed, Interrupted, or what a part of it raises."""
        with self.client:
            self.network_id = Hash(bytes.fromhex(self.client.get_info()["network_id"]))
            self._set_up_roles()
            self._create_people()
            self._verify_alice()
            self._issue()
            self._pay()
            self._show_books()
            self._tell_bob()
            open_wallet(self.target, self.alice, self.steps)
            pay_by_address(self.target, self.steps, self.alice, self.bob, self._pay_to)
            self._issue_much()
            self._pay_with_fees()
            self._withdraw()
            move_money(self.target, (self.alice, self.bob, self.master), self.steps)
            keep_papers(self.target, self.client, self.steps, self.alice, self._submit)
            self._restart_victim()
            self._compare_nodes()
            self._replay()
            self._prove()
            self._end()

    def _submit(self, person: Person, *bodies: Any) -> dict[str, Any]:
        envelope = self._sign(person, *bodies)
        return dict(self.client.submit_until_final(envelope, SETTLE_S))

    def _sign(self, person: Person, *bodies: Any) -> bytes:
        transaction = make.build_transaction(
            self.network_id,
            get_account_id(person.key),
            bodies,
            time.time_ns() // 1_000_000,
        )
        return make.sign_transaction(transaction, person.key)

    def _get_balance(self, person: Person, asset: str = ASSET) -> str:
        """The B... id of its first balance: known before the balance exists."""
        account_id = get_account_id(person.key)
        return encode_balance_id(compute_balance_id(self.network_id, account_id, asset, 0))

    def _make_reference(self, number: int) -> Reference:
        """Of today, by the clock of this machine: the network's is the same."""
        return make.make_reference(f"demo-{number}", time.time_ns() // 1_000_000)

    def _set_up_roles(self) -> None:
        self.steps.tell("Roles, rules and key values come from a platform file")
        count = roles.apply_file(self.client, self.master.key, "platform.toml")
        if roles.apply_file(self.client, self.master.key, "platform.toml"):
            raise DemoFailed("a platform file that was applied changes something")
        self.steps.say(f"{count} changes; applied again, it changes nothing")

    def _create_people(self) -> None:
        self.steps.tell("The master account creates an issuer, Alice (unverified) and Bob")
        people = (self.issuer, self.alice, self.bob)
        chosen = {"issuer": "corporate", "Alice": "unverified", "Bob": "general"}
        self._submit(
            self.master,
            *(
                make.make_create_account(
                    get_account_id(p.key), role_id=roles.get_role(self.client, chosen[p.name])
                )
                for p in people
            ),
        )
        for person in people:
            self.steps.say(f"{person.name:<7} {person.address}")

    def _verify_alice(self) -> None:
        self.steps.tell("Alice asks for the general role; the master reviews her request")
        self._submit(self.alice, roles.make_role_request(self.client, self.alice.key))
        self.steps.wait(lambda: self._has_pending_request(self.alice), "her request is there")
        self._submit(self.master, roles.make_approval(self.client, self.alice.address))
        general = str(roles.get_role(self.client, "general"))
        self.steps.wait(lambda: self._get_role_of_alice() == general, "Alice has the role")
        self.steps.say("approved: she may pay now; the ledger has a salted hash of what she showed")

    def _has_pending_request(self, person: Person) -> bool:
        query = {"filter[requestor]": person.address, "filter[state]": "PENDING"}
        return any(self.client.walk("/v3/requests", query))

    def _get_role_of_alice(self) -> str:
        document = self.client.get_account(self.alice.address, include="")
        role: str = document["data"]["attributes"]["role_id"]
        return role

    def _issue(self) -> None:
        self.steps.tell(f"The issuer creates {ASSET} and issues 5,000.00 to Alice")
        asset = make.make_create_asset(ASSET, DIGITS, "1000000", get_public_key(self.issuer.key))
        self._submit(self.issuer, asset)
        for person in (self.alice, self.bob):
            self._submit(person, make.make_create_balance(get_account_id(person.key), ASSET))
        units = make.to_units("5000.00", DIGITS)
        issuance = make.make_issuance(
            ASSET, units, self._get_balance(self.alice), self._make_reference(1)
        )
        result = self._submit(self.issuer, issuance)
        self.steps.say(f"closed in ledger {result['ledger_sequence']}")

    def _issue_much(self) -> None:
        self.steps.tell("Fees, a limit and a policy from a second file; a large issuance needs two")
        roles.apply_file(self.client, self.master.key, "money.toml")
        second = Person("second reviewer", generate_key())
        signer = SignerData(get_public_key(second.key), MASTER_SIGNER_ROLE, 1000, 1, b"")
        self._submit(self.master, ManageSigner(CreateSigner(signer)))
        self._submit(self.issuer, make.make_create_balance(get_account_id(self.issuer.key), ASSET))
        units, reference = make.to_units("20000.00", DIGITS), self._make_reference(2)
        self._submit(
            self.issuer,
            make.make_issuance(ASSET, units, self._get_balance(self.issuer), reference),
        )
        for reviewer in (self.master, second):
            self.steps.wait(lambda: self._has_pending_request(self.issuer), "it awaits a reviewer")
            self._submit_signed(reviewer, roles.make_approval(self.client, self.issuer.address))
            left = "fulfilled" if not self._has_pending_request(self.issuer) else "one more"
            self.steps.say(f"approved by {reviewer.name}: {left}")

    def _submit_signed(self, signer: Person, body: Any) -> None:
        """For the master account, by one of its signers."""
        transaction = make.build_transaction(
            self.network_id, get_account_id(self.master.key), (body,), time.time_ns() // 1_000_000
        )
        envelope = make.sign_transaction(transaction, signer.key)
        self.client.submit_until_final(envelope, SETTLE_S)

    def _pay_with_fees(self) -> None:
        self.steps.tell("A dry run tells the fee; the payment is charged it; a limit holds")
        small, large = (self._make_paid(amount) for amount in ("10.00", "95.00"))
        told = self.client.simulate(self._sign(self.issuer, small))
        due = told["details"][0]["source_fee"]
        self.steps.say(
            f"dry run: {told['operations'][0]['code']}, {due['fixed']} + {due['percent']}"
        )
        most = Fee(*(make.to_units(due[part], DIGITS) for part in ("fixed", "percent")))
        nothing = Fee(make.to_units("0", DIGITS), make.to_units("0", DIGITS))
        fees = PaymentFeeData(most, nothing, source_pays_for_destination=False)
        self._submit(self.issuer, replace(small, fee_data=fees))
        left = self.client.get_balance(self._get_balance(self.issuer))["available"]
        lines = list(self.client.get_statement(self._get_balance(self.issuer)))
        if lines[-1]["available"] != left:
            raise DemoFailed(f"the statement closes with {lines[-1]['available']}, not {left}")
        self.steps.say(f"paid 10.00 {ASSET}; the issuer has {left} left, as its statement says")
        over = replace(large, fee_data=replace(fees, source_fee=Fee(most.fixed, large.amount)))
        refused = self.client.simulate(self._sign(self.issuer, over))
        code, detail = refused["operations"][0]["code"], refused["details"][0]
        if code != "LIMITS_EXCEEDED":
            raise DemoFailed(f"95.00 more: {code}, where the limit should have held")
        self.steps.say(f"95.00 more: {code}, {detail['left']} of {detail['limit']} are left today")

    def _withdraw(self) -> None:
        self.steps.tell("Bob withdraws to a bank: committed, signed by 2 of 3 services, settled")
        Withdrawal(
            client=self.client,
            steps=self.steps,
            submit=self._submit,
            sign=self._sign,
            wait=self.steps.wait,
            master=self.master,
            issuer=self.issuer,
            bob=self.bob,
            balance=self._get_balance(self.bob, FRANCS),
            day=self._make_reference(0).day,
        ).run()

    def _make_paid(self, amount: str) -> Payment:
        units = make.to_units(amount, DIGITS)
        return make.make_payment(self._get_balance(self.issuer), self.alice.address, units)

    def _pay(self) -> None:
        self.steps.tell(
            f"Alice signs {PAYMENTS:,} payments of 1.00 to Bob: {PAYMENTS - BY_POST:,} go straight "
            f"to the ingest topic, {BY_POST} through POST"
        )
        units = make.to_units("1.00", DIGITS)
        source, payee = self._get_balance(self.alice), self._get_balance(self.bob)
        envelopes = [
            self._sign(
                self.alice, make.make_payment(source, payee, units, self._make_reference(index))
            )
            for index in range(2, PAYMENTS + 2)
        ]
        began = time.monotonic()
        with make_progress(self.console) as progress:
            task = progress.add_task("closed", total=PAYMENTS)
            self._produce(
                envelopes[BY_POST:], lambda: progress.update(task, completed=self._count())
            )
            for envelope in envelopes[:BY_POST]:
                self.steps.check()
                self.client.submit(envelope, wait="ingest")

            def are_closed() -> bool:
                count = self._count()
                progress.update(task, completed=count)
                return count == PAYMENTS

            self.steps.wait(are_closed, "all payments are closed")
        seconds = time.monotonic() - began
        self.figures.append(("payments closed", f"{PAYMENTS:,} in {seconds:.1f} s"))

    def _produce(self, envelopes: list[bytes], look: Callable[[], None]) -> None:
        """At a steady pace, so that the node dies in the middle of it."""
        source = bytes(get_account_id(self.alice.key))
        delivered: list[Future[None]] = []
        began = time.monotonic()
        with closing(IngestProducer(self.target.kafka)) as producer:
            for index, envelope in enumerate(envelopes):
                if index == len(envelopes) // 2:
                    self._kill_victim()
                if index % 50 == 0:
                    self.steps.check()
                    look()
                wait = began + index / PRODUCED_PER_S - time.monotonic()
                if wait > 0:
                    time.sleep(wait)
                delivered.append(producer.produce(envelope, source))
        for each in delivered:
            each.result(SETTLE_S)

    def _kill_victim(self) -> None:
        self.target.kill(VICTIM)
        self.steps.wait(lambda: self.target.is_down(VICTIM), f"{VICTIM} is stopped")
        self.steps.say(f"[red]kill -9[/] {VICTIM}; the others go on")

    def _count(self) -> int:
        """How many payments Bob's balance shows."""
        try:
            amount = self.client.get_balance(self._get_balance(self.bob))["available"]
        except HorizonUnavailable:
            return 0
        return int(make.to_units(amount, DIGITS)) // 100

    def _show_books(self) -> None:
        self.steps.tell("Balances and history, from Horizon's API")
        for person, expected in ((self.alice, 5_000 - PAYMENTS), (self.bob, PAYMENTS)):
            balance = self.client.get_balance(self._get_balance(person))
            if make.to_units(balance["available"], DIGITS) != expected * 100:
                raise DemoFailed(f"{person.name} has {balance['available']}, not {expected}")
            self.steps.say(f"{person.name:<7} {balance['available']:>12} {ASSET}")
        query = {"filter[account]": self.bob.address, "order": "desc"}
        movements = list(self.client.walk("/v3/movements", query))
        if len(movements) != PAYMENTS:
            raise DemoFailed(f"Bob's history has {len(movements)} movements, not {PAYMENTS}")
        self.steps.say(f"Bob's history has {len(movements):,} movements, each once")

    def _tell_bob(self) -> None:
        messages = self.target.messages
        if messages is None:
            return
        self.steps.tell("A payment reaches a webhook and, past a provider that is down, Bob's mail")
        units = make.to_units("12.50", DIGITS)
        alice, bob = self._get_balance(self.alice), self._get_balance(self.bob)

        def pay() -> None:
            self._submit(self.alice, make.make_payment(alice, bob, units))

        told = tell_story(messages, self.bob.address, pay, self.steps.wait, "12.50", ASSET)
        self.steps.say(told)
        self._submit(self.bob, make.make_payment(bob, alice, units))  # the proof counts the others

    def _pay_to(self, payer: Person, account: str) -> None:
        amount = make.to_units("7.50", DIGITS)
        self._submit(payer, make.make_payment(self._get_balance(payer), account, amount))

    def _restart_victim(self) -> None:
        self.steps.tell(f"{VICTIM} is started again and catches up")
        began = time.monotonic()
        self.target.start(VICTIM)
        self.steps.wait(
            lambda: (
                (mine := self.target.get_status(VICTIM)) is not None
                and (other := self.target.get_status("core1")) is not None
                and mine["sequence"] >= other["sequence"]
            ),
            f"{VICTIM} is level with the others",
        )
        seconds = time.monotonic() - began
        self.steps.say(f"level with the others after {seconds:.1f} s")
        self.figures.append((f"{VICTIM} back and level", f"{seconds:.1f} s"))

    def _compare_nodes(self) -> None:
        self.steps.tell("All four nodes agree")
        found: dict[str, Any] = {}

        def are_equal() -> bool:
            statuses = {core: self.target.get_status(core) for core in self.target.cores}
            heads = {(s["sequence"], s["header_hash"]) for s in statuses.values() if s}
            found.update(sequence=max(heads)[0], header_hash=max(heads)[1])
            return None not in statuses.values() and len(heads) == 1

        self.steps.wait(are_equal, "all nodes have the same header")
        self.steps.say(f"ledger {found['sequence']}: {found['header_hash']} on every node")
        self.figures.append(("ledgers closed", f"{found['sequence']:,}, equal on four nodes"))

    def _replay(self) -> None:
        self.steps.tell("Horizon's views are rebuilt from the log while the old ones serve")
        replayed = self.target.replay(self.steps.check)
        if not replayed.is_audited:
            raise DemoFailed("the rebuilt views' state root is not the header's")
        self.steps.say(f"state root computed from the rebuilt rows  {replayed.state_root}")
        self.steps.say(f"it is the one in the header of ledger {replayed.sequence}")
        pace = replayed.transactions / max(replayed.seconds, 0.001)
        self.figures.append(
            ("replay", f"{replayed.transactions:,} transactions, {pace:,.0f} a second")
        )

    def _prove(self) -> None:
        self.steps.tell("Bob's balance is proved offline: genesis, certificate, state root, entry")
        balance = self._get_balance(self.bob)
        attributes = self.client.get_proof(balance)
        anchor = get_genesis_anchor(self.target.genesis)
        proved = verify_balance_proof(attributes, anchor, decode_balance_id(balance))
        if proved.available != f"{PAYMENTS}.00":
            raise DemoFailed(f"the proof says {proved.available}")
        header = proved.header
        self.steps.say(
            f"{proved.available} {ASSET} after ledger {header.sequence}, signed by"
            f" {header.signed_by} of 4 validators"
        )

    def _end(self) -> None:
        table = Table(title="tokend", show_header=False, title_justify="left")
        gateway, *others = self.target.gateways
        for name, path in (
            ("API", "/v3/info"),
            ("API docs", "/docs"),
            ("OpenAPI", "/openapi.json"),
        ):
            table.add_row(name, gateway + path)
        for other in others:
            table.add_row("another gateway", other)
        table.add_row("Kafka", self.target.kafka.bootstrap_servers)
        for row in self.figures:
            table.add_row(*row)
        self.console.print(table)
