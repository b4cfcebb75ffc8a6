"""The part of the ledger that services derive from: entries of the border, what the shared account
has signed for, references it has used. Pure; folded from a snapshot and the tail.

Nothing is stored: it is rebuilt at every start, and equal wherever it is built from the same chain.
"""

from collections import OrderedDict
from collections.abc import Iterable, Iterator, Mapping
from typing import NamedTuple, TypeVar

from processors.ledger_feed.body import AppliedSlices, cut_body
from processors.psim.books import Books
from schemas.codec import decode
from schemas.contract import ReferenceKind
from schemas.generated import keys
from schemas.generated.common import AccountID, Hash, PublicKey
from schemas.generated.entries import (
    Asset,
    AssetState,
    ChainCheckpoint,
    ExternalAddress,
    ExternalTransfer,
    NetworkSettings,
    ReviewableRequest,
    Signer,
)
from schemas.generated.keys import KeyBytes
from schemas.generated.operations import CreateAmlAlert, CreateIssuanceRequest, ManageAssetPair
from schemas.generated.requests import (
    GovernedChangeRequest,
    IssuanceRequest,
    WithdrawalRequest,
)
from schemas.generated.transactions import (
    OperationResult,
    Transaction,
    TransactionCode,
    TransactionEnvelope,
    read_OperationResult,
)
from streams.ledger.references import DAY_MS, DIGEST_BYTES, compute_first_day, compute_use_hash
from streams.ledger.state import LedgerState
from streams.ledger.values import SIGNATURE_THRESHOLD

BRANCHES = frozenset(
    key[0]
    for key in (
        keys.NETWORK_SETTINGS,
        keys.COUNTERS,
        keys.ACCOUNT,
        keys.SIGNER,
        keys.KEY_VALUE,
        keys.ASSET,
        keys.ASSET_PAIR,
        keys.REVIEWABLE_REQUEST,
        keys.EXTERNAL_POOL,
        keys.EXTERNAL_ADDRESS,
        keys.EXTERNAL_BINDING,
        keys.KEYSET,
        keys.WALLET,
        keys.CHAIN_CHECKPOINT,
        keys.ASSET_HALT,
        keys.COMMITTED_REQUEST,
        keys.EXTERNAL_TRANSFER,
        keys.TRANSFER_PAYLOAD,
        keys.TRANSFER_SIGNATURE,
        keys.USED_RESOURCE,
        keys.WALLET_NONCE,
        keys.TRANSFER_POLICY,
        keys.TRANSFER_FLOW,
        keys.ALLOWED_DESTINATIONS,
    )
)
"""Kinds of entries that are kept; of accounts and signers only those of the shared account."""
REFUSALS_MAX, CREDITS_MAX = 50_000, 50_000
NOTED = (CreateIssuanceRequest, CreateAmlAlert)
"""What the shared account credits by, and takes back by."""
Kept = TypeVar("Kept")


class Credit(NamedTuple):
    """An issuance that the shared account asked for, or an alert, of no asset here. `details`: as
    the operation has them."""

    sequence: int
    reference: str
    asset: str
    amount: int
    details: bytes


class Withdrawal(NamedTuple):
    """A request, and the asset of the balance that it is from. Empty: of another owner's."""

    request: ReviewableRequest
    body: WithdrawalRequest
    asset: str


class LedgerView:
    """As of one ledger. `addresses`: of each system, all that its pools ever had. `parked`: pending
    requests of the shared account, by number. `withdrawals`: all pending ones, with what they are
    of. `transfers`: the external ones, by number. `refusals`: the code by which an issuance was
    refused last, by its reference's text. `applied`: hashes of the newest ledger's transactions of
    the shared account. `price_changes`: pairs, as BASE:QUOTE, by the pending request of the shared
    account that people shall decide about."""

    def __init__(self, network_id: Hash, source: AccountID) -> None:
        self.network_id = network_id
        self.source = source
        self.state = LedgerState({})
        self.sequence = 0
        self.close_time_ms = 0
        self.books = Books(source)
        self.addresses: dict[str, set[str]] = {}
        self.pending: dict[int, ReviewableRequest] = {}
        self.price_changes: dict[int, str] = {}
        self.withdrawals: dict[int, Withdrawal] = {}
        self.transfers: dict[int, ExternalTransfer] = {}
        self.assets: dict[str, Asset] = {}
        self.refusals: OrderedDict[str, str] = OrderedDict()
        self.credits: OrderedDict[str, Credit] = OrderedDict()
        self.applied: tuple[Hash, ...] = ()
        self._used: dict[int, dict[bytes, int]] = {}
        self._days: dict[bytes, int] = {}

    # Folding

    def load(
        self,
        sequence: int,
        close_time_ms: int,
        entries: Iterable[tuple[bytes, bytes]],
        references: Iterable[tuple[int, bytes]],
    ) -> None:
        """The whole state after a ledger. `references`: days of issuances and payments with the
        packed uses."""
        for key, entry in sorted(entries):  # a balance is known before requests that are from it
            self._put(KeyBytes(key), entry)
        for day, uses in references:
            for at in range(0, len(uses), 64):
                if uses[at : at + 32] == self.source:
                    self._note_use(day, uses[at + 32 : at + 32 + DIGEST_BYTES])
        self.sequence, self.close_time_ms = sequence, close_time_ms

    def fold(self, sequence: int, close_time_ms: int, body: bytes) -> None:
        """The next ledger. Raises `Malformed` for what is no body."""
        slices = cut_body(body)
        applied: list[Hash] = []
        for each in slices.transactions:
            if each.code is TransactionCode.SUCCESS:
                for key, after in each.changes:
                    self._put(KeyBytes(key), after)
            if bytes(self.source) in each.envelope:
                applied += self._fold_own(sequence, each)
        for key, after in slices.changes:
            self._put(KeyBytes(key), after)
        self.applied = tuple(applied)
        self.sequence, self.close_time_ms = sequence, close_time_ms
        self._drop_days()
        self.state.trim_cache()

    def _fold_own(self, sequence: int, slices: AppliedSlices) -> Iterator[Hash]:
        """Notes what came of issuances and alerts; gives the hash if it is the shared account's."""
        envelope = decode(TransactionEnvelope, slices.envelope)
        transaction = decode(Transaction, envelope.transaction)
        succeeded = slices.code is TransactionCode.SUCCESS
        for operation, outcome in zip(transaction.operations, slices.outcomes, strict=False):
            body, source = operation.body, operation.source or transaction.source_account
            if source != self.source or not isinstance(body, NOTED) or body.reference is None:
                continue
            text = body.reference.text
            if succeeded:
                self._note_use(
                    body.reference.day, compute_use_hash(self.source, text)[:DIGEST_BYTES]
                )
                self.refusals.pop(text, None)
                asset = body.asset if isinstance(body, CreateIssuanceRequest) else ""
                credit = Credit(sequence, text, asset, body.amount, body.creator_details)
                _remember(self.credits, text, credit, CREDITS_MAX)
            else:
                code = _get_code(outcome)
                if code is not None:
                    _remember(self.refusals, text, code, REFUSALS_MAX)
        if transaction.source_account == self.source:
            yield Hash(slices.transaction_hash)

    def _put(self, key: KeyBytes, after: bytes | None) -> None:
        branch = key[0]
        self.books.put(key, after)
        if branch not in BRANCHES:
            return
        is_personal = branch in (keys.ACCOUNT[0], keys.SIGNER[0])
        if is_personal and key[1 : 1 + len(self.source)] != self.source:
            return
        self.state.decoded.pop(key, None)
        if after is None:
            self.state.encoded.pop(key, None)
        else:
            self.state.encoded[key] = after
        if branch == keys.REVIEWABLE_REQUEST[0]:
            self._note_withdrawal(key)
        self._index(key, after)

    def _note_withdrawal(self, key: KeyBytes) -> None:
        request_id, request = int.from_bytes(key[1:], "big"), self.state.get(key)
        self.withdrawals.pop(request_id, None)
        if isinstance(request, ReviewableRequest) and isinstance(request.body, WithdrawalRequest):
            asset = self.books.get_asset(request.body.balance_id) or ""
            self.withdrawals[request_id] = Withdrawal(request, request.body, asset)

    def _index(self, key: KeyBytes, after: bytes | None) -> None:
        """Keeps what is looked for otherwise than by its key."""
        branch = key[0]
        if branch == keys.REVIEWABLE_REQUEST[0]:
            request_id = int.from_bytes(key[1:], "big")
            entry = None if after is None else self.state.get(key)
            self._index_price_change(request_id, entry)
            if isinstance(entry, ReviewableRequest) and self._is_own(entry):
                self.pending[request_id] = entry
            else:
                self.pending.pop(request_id, None)
                if request_id not in self.withdrawals:
                    self.state.encoded.pop(key, None)
        elif branch == keys.EXTERNAL_TRANSFER[0]:
            transfer = None if after is None else self.state.get(key)
            if isinstance(transfer, ExternalTransfer):
                self.transfers[transfer.transfer_id] = transfer
            else:
                self.transfers.pop(int.from_bytes(key[1:], "big"), None)
        elif after is None:
            return
        elif branch == keys.EXTERNAL_ADDRESS[0]:
            entry = self.state.get(key)
            if isinstance(entry, ExternalAddress):
                self.addresses.setdefault(entry.system, set()).add(entry.address)
        elif branch == keys.ASSET[0]:
            entry = self.state.get(key)
            if isinstance(entry, Asset):
                self.assets[entry.code] = entry

    def _index_price_change(self, request_id: int, entry: object) -> None:
        self.price_changes.pop(request_id, None)
        if not isinstance(entry, ReviewableRequest) or entry.requestor != self.source:
            return
        change = entry.body.change if isinstance(entry.body, GovernedChangeRequest) else None
        if isinstance(change, ManageAssetPair):
            self.price_changes[request_id] = f"{change.base}:{change.quote}"

    def _is_own(self, request: ReviewableRequest) -> bool:
        return request.requestor == self.source and isinstance(request.body, IssuanceRequest)

    def _note_use(self, day: int, digest: bytes) -> None:
        self._used.setdefault(day, {})[digest] = self.sequence
        self._days[digest] = day

    def _drop_days(self) -> None:
        settings = self.get_settings()
        today = self.close_time_ms // DAY_MS
        first = compute_first_day(settings, ReferenceKind.ISSUANCE, today)
        for day in [each for each in self._used if each < first]:
            for digest in self._used.pop(day):
                del self._days[digest]

    # Reading

    def get_settings(self) -> NetworkSettings:
        return self.state.get_network_settings()

    def is_used(self, text: str) -> bool:
        """Whether an issuance or an alert of the shared account has used a reference."""
        return compute_use_hash(self.source, text)[:DIGEST_BYTES] in self._days

    def get_own_assets(self) -> list[Asset]:
        """What the shared account may issue, by code."""
        return [
            asset
            for _, asset in sorted(self.assets.items())
            if asset.owner == self.source and asset.state is AssetState.ACTIVE
        ]

    def get_signers(self) -> Mapping[PublicKey, Signer]:
        """The shared account's."""
        account = self.state.get_account(self.source)
        found = () if account is None else account.signers
        signers = {key: self.state.get_signer(self.source, key) for key in found}
        return {key: signer for key, signer in signers.items() if signer is not None}

    def list_instances(self) -> list[PublicKey]:
        """Keys of the shared account's signers, ascending, without who reaches the threshold alone:
        he is its owner, and nobody waits for his turn or counts on his quotes."""
        return sorted(
            key
            for key, signer in self.get_signers().items()
            if signer.data.weight < SIGNATURE_THRESHOLD
        )

    def get_checkpoint(self, chain_id: str) -> ChainCheckpoint | None:
        return self.state.get_chain_checkpoint(chain_id)


def _get_code(outcome: bytes) -> str | None:
    result: OperationResult = read_OperationResult(outcome, 0)[0]
    return getattr(result.outcome, "name", None)


def _remember(kept: "OrderedDict[str, Kept]", key: str, value: Kept, most: int) -> None:
    kept[key] = value
    kept.move_to_end(key)
    if len(kept) > most:
        kept.popitem(last=False)
