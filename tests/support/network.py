"""A network in memory: keys, signed transactions, closed and certified ledgers, all real.

It closes ledgers with the ledger's own code and signs them with its validators' keys, so that what
it makes is what a network publishes. There is no consensus in it and no I/O.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from hashlib import sha256
from typing import Any

from msgspec.structs import replace
from nacl.signing import SigningKey

from schemas.codec import encode
from schemas.generated.common import (
    AccessRule,
    AccountID,
    Action,
    Amount,
    Fee,
    FeeRange,
    FeeType,
    Hash,
    Limit,
    LimitKind,
    PeriodAmounts,
    PublicKey,
    Reference,
    RequestResource,
    Signature,
    SignerData,
)
from schemas.generated.consensus import ScpValue
from schemas.generated.ledger import Certificate, LedgerRecord
from schemas.generated.operations import (
    CreateAccount,
    CreateAccountRole,
    CreateAccountRule,
    CreateAsset,
    CreateIssuanceRequest,
    IssuanceToBalance,
    ManageAccountRole,
    ManageAccountRule,
    ManageAsset,
    ManageBalance,
    ManageBalanceAction,
    ManageLimits,
    Payment,
    PaymentFeeData,
    PaymentToBalance,
    PutFeeRange,
    PutLimit,
    ReviewAction,
    ReviewRequest,
    SetFees,
)
from schemas.generated.transactions import (
    DecoratedSignature,
    Operation,
    Transaction,
    TransactionEnvelope,
)
from schemas.strkey import encode_account_id
from streams.consensus.quorum_set import get_nodes
from streams.ledger.access.beginning import ACCOUNT_RULES
from streams.ledger.admission import Candidate, RejectionReason, validate_envelope
from streams.ledger.chain import compute_certificate
from streams.ledger.close import ClosedLedger, Ledger, close_ledger
from streams.ledger.genesis import (
    Genesis,
    GenesisMaster,
    GenesisQuorumSet,
    GenesisSettings,
    GenesisSigner,
    open_genesis,
)
from streams.ledger.hashes import (
    compute_balance_id,
    compute_header_payload,
    compute_set_hash,
    compute_transaction_hash,
)
from streams.ledger.membership import compute_rejection, validate_set
from streams.ledger.references import DAY_MS
from streams.ledger.values import AMOUNT_MAX, GENERAL_ROLE, OWNER_SIGNER_ROLE

PASSPHRASE = "a network of tests"
START_MS = 1_700_000_000_000
FREE = PaymentFeeData(
    Fee(Amount(0), Amount(0)),
    Fee(Amount(0), Amount(0)),
    source_pays_for_destination=False,
)


def get_key(name: str) -> SigningKey:
    """The key of somebody called `name`: the same in every run."""
    return SigningKey(sha256(name.encode()).digest())


def get_account(name: str) -> AccountID:
    return AccountID(bytes(get_key(name).verify_key))


def get_public_key(name: str) -> PublicKey:
    return PublicKey(bytes(get_key(name).verify_key))


def get_owner(name: str, weight: int = 1000, identity: int = 0) -> SignerData:
    return SignerData(get_public_key(name), OWNER_SIGNER_ROLE, weight, identity, b"")


def make_genesis(validators: int = 4, **settings: int) -> Genesis:
    keys = tuple(encode_account_id(get_account(f"validator {i}")) for i in range(validators))
    return Genesis(
        network_passphrase=PASSPHRASE,
        close_time_ms=START_MS,
        master=GenesisMaster(
            encode_account_id(get_account("master")),
            (GenesisSigner(encode_account_id(get_account("master"))),),
        ),
        quorum_set=GenesisQuorumSet(validators - (validators - 1) // 3, keys),
        settings=GenesisSettings(**settings),
    )


@dataclass
class Network:
    """One ledger, its validators' keys, and the records published so far."""

    genesis: Genesis = field(default_factory=make_genesis)
    ledger: Ledger = field(init=False)
    records: list[LedgerRecord] = field(init=False)
    closed: list[ClosedLedger] = field(init=False)
    salt: int = 0

    def __post_init__(self) -> None:
        opened = open_genesis(self.genesis)
        self.ledger = opened.ledger
        self.records = [
            LedgerRecord(opened.closed.header_bytes, Certificate(()), opened.closed.body)
        ]
        self.closed = [opened.closed]
        self.genesis_hash = opened.closed.header_hash

    @property
    def network_id(self) -> Hash:
        return self.ledger.header.network_id

    def get_balance_id(self, name: str, asset: str, index: int = 0) -> Any:
        return compute_balance_id(self.network_id, get_account(name), asset, index)

    def get_amount(self, name: str, asset: str) -> int:
        balance = self.ledger.state.get_balance(self.get_balance_id(name, asset))
        return 0 if balance is None else balance.amount

    def build(self, source: str, *bodies: Any, **changes: Any) -> Transaction:
        """A transaction of `source`, valid for a minute; `changes` replace its fields."""
        self.salt += 1
        fields: dict[str, Any] = {
            "network_id": self.network_id,
            "source_account": get_account(source),
            "salt": self.salt,
            "min_time_ms": 0,
            "max_time_ms": self.ledger.header.close_time_ms + 60_000,
            "memo": "",
            "operations": tuple(
                body if isinstance(body, Operation) else Operation(None, body) for body in bodies
            ),
        }
        return Transaction(**{**fields, **changes})

    def sign(self, transaction: Transaction, *signers: str) -> bytes:
        """Envelope bytes, signed by each of `signers`."""
        raw = encode(transaction)
        transaction_hash = compute_transaction_hash(self.network_id, raw)
        signatures = [
            DecoratedSignature(
                get_public_key(name), Signature(get_key(name).sign(transaction_hash).signature)
            )
            for name in signers
        ]
        signatures.sort(key=lambda each: each.signer)
        return encode(TransactionEnvelope(raw, tuple(signatures)))

    def prepare(self, source: str, *bodies: Any, **changes: Any) -> Candidate:
        """A transaction of `source`, signed by it, ready for a set."""
        return self.admit(self.sign(self.build(source, *bodies, **changes), source))

    def admit(self, envelope: bytes) -> Candidate:
        candidate = validate_envelope(envelope, self.network_id)
        if isinstance(candidate, RejectionReason):
            raise AssertionError(f"not admitted: {candidate}")  # noqa: TRY004
        return candidate

    def is_member(self, candidate: Candidate, interval_ms: int = 1_000) -> bool:
        """Whether it may be in the set of the next ledger."""
        ledger = self.ledger
        close_time_ms = ledger.header.close_time_ms + interval_ms
        return not compute_rejection(ledger.state, ledger.window, candidate, close_time_ms)

    def close(
        self,
        *candidates: Candidate,
        interval_ms: int = 1_000,
        upgrades: tuple[bytes, ...] = (),
    ) -> ClosedLedger:
        """Closes a ledger of exactly these, certifies it and keeps its record."""
        close_time_ms = self.ledger.header.close_time_ms + interval_ms
        validate_set(self.ledger.state, self.ledger.window, candidates, close_time_ms)
        by_hash = {each.envelope_hash: each for each in candidates}
        set_hash = compute_set_hash(self.ledger.header_hash, sorted(by_hash))
        value = ScpValue(self.ledger.header_hash, set_hash, close_time_ms, upgrades)
        quorum_set = self.ledger.state.get_validators().quorum_set
        closed = close_ledger(self.ledger, value, by_hash)
        payload = compute_header_payload(
            self.network_id, closed.header.sequence, closed.header_hash
        )
        signatures = {
            get_public_key(f"validator {i}"): Signature(
                get_key(f"validator {i}").sign(payload).signature
            )
            for i in range(
                len(get_nodes(quorum_set)) if quorum_set.inner_sets else quorum_set.threshold
            )
        }
        certificate = compute_certificate(quorum_set, signatures)
        if certificate is None:
            raise AssertionError("the validators do not satisfy the quorum set")
        self.records.append(LedgerRecord(closed.header_bytes, certificate, closed.body))
        self.closed.append(closed)
        return closed

    def apply(self, source: str, *bodies: Any) -> ClosedLedger:
        """One ledger with one transaction."""
        return self.close(self.prepare(source, *bodies))

    def apply_signed(
        self, source: str, signers: Sequence[str], *bodies: Any, interval_ms: int = 1_000
    ) -> ClosedLedger:
        """One ledger with one transaction that these sign."""
        max_time_ms = self.ledger.header.close_time_ms + interval_ms + 60_000
        transaction = self.build(source, *bodies, max_time_ms=max_time_ms)
        candidate = self.admit(self.sign(transaction, *signers))
        return self.close(candidate, interval_ms=interval_ms)


ISSUER_ROLE = 3  # the first that is created


def create_account(name: str, role_id: int = GENERAL_ROLE) -> CreateAccount:
    return CreateAccount(get_account(name), None, role_id, (get_owner(name),))


def create_asset(
    code: str, maximum: int = 10**30, policies: int = 1, digits: int = 2, tasks: int | None = None
) -> ManageAsset:
    asset = CreateAsset(
        code=code,
        preissued_asset_signer=get_public_key("pre-issuer"),
        max_issuance_amount=Amount(maximum),
        initial_preissued_amount=Amount(maximum),
        policies=policies,
        creator_details=b"",
        asset_type=0,
        trailing_digits=digits,
        all_tasks=tasks,
    )
    return ManageAsset(0, asset)


def create_balance(name: str, asset: str) -> ManageBalance:
    return ManageBalance(ManageBalanceAction.CREATE_UNIQUE, get_account(name), asset)


def issue(network: Network, name: str, asset: str, amount: int, reference: str) -> Any:
    receiver = IssuanceToBalance(network.get_balance_id(name, asset))
    made = make_reference(network, reference)
    return CreateIssuanceRequest(asset, Amount(amount), receiver, b"", made, None)


def make_reference(network: Network, text: str) -> Reference:
    """Of the day of the last ledger."""
    return Reference(network.ledger.header.close_time_ms // DAY_MS, text)


def pay(
    network: Network, payer: str, payee: str, asset: str, amount: int, reference: str = ""
) -> Payment:
    return Payment(
        network.get_balance_id(payer, asset),
        PaymentToBalance(network.get_balance_id(payee, asset)),
        Amount(amount),
        None,
        "",
        make_reference(network, reference) if reference else None,
    )


def review(
    network: Network, request_id: int, action: ReviewAction = ReviewAction.APPROVE, **changes: Any
) -> ReviewRequest:
    """A review of the request as it stands; an approval clears all that is pending."""
    request = network.ledger.state.get_reviewable_request(request_id)
    if request is None:
        raise AssertionError(f"there is no request {request_id}")
    is_approval = action is ReviewAction.APPROVE
    has_reason = action in (ReviewAction.REJECT, ReviewAction.PERMANENT_REJECT)
    made = ReviewRequest(
        request_id=request_id,
        sequence_number=request.sequence_number,
        request_hash=request.request_hash,
        action=action,
        reason="not like this" if has_reason else "",
        tasks_to_add=0,
        tasks_to_remove=request.pending_tasks if is_approval else 0,
        external_details=(),
    )
    return replace(made, **changes)


def accept_fees(outgoing: int, incoming: int, *, is_paid_by_sender: bool = False) -> PaymentFeeData:
    """Up to so much in each part of the two fees."""
    source, destination = (Fee(Amount(each), Amount(each)) for each in (outgoing, incoming))
    return PaymentFeeData(source, destination, is_paid_by_sender)


def set_fee(
    asset: str, subtype: int, fixed: int, percent: int = 0, account: str | None = None
) -> SetFees:
    """A payment fee for all amounts: of one account, or of all."""
    put = PutFeeRange(FeeRange(Amount(0), AMOUNT_MAX, Amount(fixed), percent))
    whose = None if account is None else get_account(account)
    return SetFees(whose, None, asset, FeeType.PAYMENT, subtype, put)


def put_limit(
    kind: LimitKind,
    asset: str,
    daily: int,
    weekly: int | None = None,
    *,
    account: str | None = None,
    is_convert_needed: bool = False,
) -> ManageLimits:
    """A limit by the day, and by the week if it is given: of one account, or of all."""
    week = 10**30 if weekly is None else weekly
    amounts = PeriodAmounts(Amount(daily), Amount(week), Amount(10**30), Amount(10**30))
    whose = None if account is None else get_account(account)
    limit = Limit(kind, asset, is_convert_needed, amounts)
    return ManageLimits(whose, None, PutLimit(limit))


def make_issuer_role() -> tuple[ManageAccountRule, ManageAccountRole]:
    """The general role, and naming the tasks of one's requests."""
    rule_id = len(ACCOUNT_RULES) + 1
    rule = AccessRule(RequestResource(*[None] * 6), Action.CREATE_WITH_TASKS, forbids=False)
    rule_ids = tuple(range(2, rule_id + 1))
    return (
        ManageAccountRule(CreateAccountRule("name-tasks", rule, b"", is_read_only=False)),
        ManageAccountRole(
            CreateAccountRole(
                "issuer", rule_ids, b"", None, is_read_only=False, pays_for_operations=False
            )
        ),
    )


def make_economy(names: Sequence[str] = ("alice", "bob"), amount: int = 1_000_000) -> Network:
    """A network with an issuer, an asset EUR and people who hold some."""
    network = Network()
    issuer = create_account("issuer", ISSUER_ROLE)
    network.close(
        network.prepare("master", *make_issuer_role(), issuer),
        *(network.prepare("master", create_account(name)) for name in names),
    )
    network.apply("issuer", create_asset("EUR"))
    network.close(*(network.prepare(name, create_balance(name, "EUR")) for name in names))
    network.close(
        *(
            network.prepare("issuer", issue(network, name, "EUR", amount, f"to {name}"))
            for name in names
        )
    )
    return network
