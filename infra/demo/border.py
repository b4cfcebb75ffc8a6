"""The demo's border: Bob withdraws to a bank. A file for the bank is committed, signed by two of
three services, uploaded once and settled; meanwhile nobody can reject what it pays."""

import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from gateways.client import transactions as make
from gateways.client.horizon import HorizonClient
from gateways.client.keys import generate_key, get_account_id, get_public_key
from gateways.client.transfers import export_transfer, make_signature_operations, sign_transfer
from infra.demo.people import Person
from infra.demo.steps import DemoFailed, Steps
from processors.psim.chains.signers import SeedSigner
from schemas.generated.common import (
    U64,
    BankAccount,
    Cosigner,
    Hash,
    IdempotencyResource,
    LedgerKeyOfCosigner,
    Reference,
    Resource,
    TransferCaps,
    TransferOutcome,
    TransferPurpose,
    WalletKind,
)
from schemas.generated.operations import (
    ConfirmExternalTransfer,
    CreateExternalTransfer,
    CreateGovernedChangeRequest,
    CreateWithdrawalRequest,
    ManageKeyset,
    ManageKeyValue,
    ManageTransferPolicy,
    PutKeyValue,
    PutTransferPolicy,
    ReviewAction,
    ReviewRequest,
    SettledOutcome,
    SettleExternalTransfer,
    SubmitExternalTransfer,
    U32Value,
)
from schemas.strkey import decode_balance_id
from schemas.tasks import TRANSFER_TASKS
from streams.ledger.values import AssetPolicy

ASSET, DIGITS = "CHF", 2
BANK = "bank:demo"
IBAN = "NO9386011117947"
FILE = f"PAY 25.00 {ASSET}\nTO {IBAN}\n".encode()


@dataclass
class Withdrawal:
    """One withdrawal of Bob's. `submit`, `sign` and `wait` are the scenario's; `balance`: Bob's
    first of the asset; `day`: of references."""

    client: HorizonClient
    steps: Steps
    submit: Callable[..., Any]
    sign: Callable[..., bytes]
    wait: Callable[[Callable[[], Any], str], None]
    master: Person
    issuer: Person
    bob: Person
    balance: str
    day: int

    def run(self) -> None:
        """Raises DemoFailed."""
        services = [Person(f"service {n}", generate_key()) for n in (1, 2, 3)]
        self._prepare(services)
        request = self._ask()
        self._commit(request, services[0])
        self._refuse(request)
        self._sign(services[:2])
        self._settle(services[0])

    def _prepare(self, services: list[Person]) -> None:
        self.submit(
            self.master, *(make.make_create_account(get_account_id(each.key)) for each in services)
        )
        policies = AssetPolicy.TRANSFERABLE | AssetPolicy.WITHDRAWABLE
        key = get_public_key(self.issuer.key)
        self.submit(
            self.issuer, make.make_create_asset(ASSET, DIGITS, "1000", key, policies=policies)
        )
        self.submit(self.bob, make.make_create_balance(get_account_id(self.bob.key), ASSET))
        amount, reference = make.to_units("100.00", DIGITS), Reference(self.day, "demo-chf")
        self.submit(self.issuer, make.make_issuance(ASSET, amount, self.balance, reference))
        self.submit(self.master, *_make_rules(services))

    def _ask(self) -> Any:
        """The request's resource."""
        amount = make.to_units("25.00", DIGITS)
        to, reference = BankAccount(IBAN, ""), Reference(self.day, "demo-withdrawal")
        balance_id = decode_balance_id(self.balance)
        self.submit(self.bob, CreateWithdrawalRequest(balance_id, amount, None, to, reference, b""))
        query = {"filter[requestor]": self.bob.address, "filter[kind]": "withdrawal"}
        self.wait(lambda: any(self.client.walk("/v3/requests", query)), "his request is seen")
        return next(self.client.walk("/v3/requests", query))

    def _commit(self, request: Any, submitter: Person) -> None:
        body = CreateExternalTransfer(
            chain_id=BANK,
            wallet=WalletKind.HOT,
            keyset_version=1,
            purpose=TransferPurpose.WITHDRAW,
            asset=ASSET,
            amount=make.to_units("25.00", DIGITS),
            requests=(U64(int(request["id"])),),
            resources=(Resource(IdempotencyResource(BANK, "demo-1")),),
            parent=None,
            submitter=get_account_id(submitter.key),
            payload=FILE,
        )
        self.submit(self.master, body)
        self.wait(lambda: self._get_state() == "COMMITTED", "the transfer is committed")
        self.steps.say(f"committed: {FILE.decode().splitlines()[0]}, to be signed by 2 of 3")

    def _refuse(self, request: Any) -> None:
        entry = request["attributes"]["entry"]
        rejection = ReviewRequest(
            request_id=U64(int(request["id"])),
            sequence_number=U64(int(entry["sequence_number"])),
            request_hash=Hash(bytes.fromhex(entry["request_hash"])),
            action=ReviewAction.PERMANENT_REJECT,
            reason="too late",
            tasks_to_add=0,
            tasks_to_remove=0,
            external_details=(),
        )
        told = self.client.simulate(self.sign(self.master, rejection))
        code = told["operations"][0]["code"]
        if code != "REQUEST_IS_COMMITTED":
            raise DemoFailed(f"a rejection of the committed request: {code}")
        self.steps.say(f"the master would reject it now: {code}")

    def _sign(self, services: list[Person]) -> None:
        for each in services:
            file = sign_transfer(
                export_transfer(self.client, self._get_number()), SeedSigner(bytes(each.key))
            )
            ((_, body),) = make_signature_operations(file)
            self.submit(each, body)
            self.steps.say(f"signed by {each.name}")

    def _settle(self, submitter: Person) -> None:
        number = U64(self._get_number())
        self.submit(self.master, ConfirmExternalTransfer(number, 1, (0, 1)))
        self.submit(submitter, SubmitExternalTransfer(number, 1))
        evidence = Hash(hashlib.sha256(b"the bank's statement").digest())
        paid = SettledOutcome(TransferOutcome.PAID, evidence)
        self.submit(self.master, SettleExternalTransfer(number, paid, None))
        self.wait(lambda: self._get_state() == "SETTLED", "the transfer is settled")
        left = self.client.get_balance(self.balance)["available"]
        if left != "75.00":
            raise DemoFailed(f"Bob has {left} {ASSET} after the withdrawal, not 75.00")
        self.steps.say(f"uploaded once, settled: Bob has {left} {ASSET}")

    def _get_number(self) -> int:
        return int(next(self.client.walk("/v3/transfers", {"filter[chain]": BANK}))["id"])

    def _get_state(self) -> str | None:
        found = list(self.client.walk("/v3/transfers", {"filter[chain]": BANK}))
        return found[0]["attributes"]["state"] if found else None


def _make_rules(services: list[Person]) -> tuple[Any, ...]:
    """Who signs for the bank's wallet, how much leaves it, and what a withdrawal waits for."""
    cosigners = tuple(
        Cosigner(
            get_account_id(each.key),
            LedgerKeyOfCosigner(get_public_key(each.key)),
            slot,
            is_offline=slot == 2,
        )
        for slot, each in enumerate(services)
    )
    keyset = ManageKeyset(BANK, WalletKind.HOT, 2, cosigners, "", "", U64(0), ())
    most = make.to_units("1000.00", DIGITS)
    caps = PutTransferPolicy(TransferCaps(most, most, most), None)
    tasks = PutKeyValue(U32Value(TRANSFER_TASKS))
    return (
        CreateGovernedChangeRequest(keyset, None),
        ManageTransferPolicy(BANK, ASSET, TransferPurpose.WITHDRAW, caps),
        ManageKeyValue(f"withdrawal_tasks:{ASSET}", tasks),
    )
