"""An instance as a cosigner of wallets: it signs payloads with its chain keys, and brings the
signatures to the ledger from an account of its own."""

from collections.abc import Callable

import structlog

from processors.psim.chains.adapter import PayloadUnreadable
from processors.psim.chains.signers import ChainSigner
from processors.psim.chains.table import get_adapter
from processors.psim.intents import compute_evidence_key
from processors.psim.signing.keys import KeySigner
from processors.psim.view import LedgerView
from schemas.codec import encode
from schemas.generated.common import AccountID
from schemas.generated.entries import ExternalTransfer, Keyset, TransferPayload
from schemas.generated.operations import AddTransferSignature, SubmitExternalTransfer
from schemas.generated.transactions import DecoratedSignature, TransactionEnvelope
from streams.ledger.hashes import compute_transaction_hash
from streams.ledger.windows import compute_window, make_window_transaction

log = structlog.get_logger()
UPLOAD = 0
"""In place of a version, which are counted from 1."""
AGAIN_MS = 10_000
"""What stands in no ledger after so long is submitted once more, the same in the same window."""


class Cosigner:
    """`key`: of the account; `signer`: holds keys of wallets; `submit`: an envelope."""

    def __init__(
        self, key: KeySigner, signer: ChainSigner, submit: Callable[[AccountID, bytes], None]
    ) -> None:
        self.account_id = AccountID(key.public_key)
        self._key = key
        self._signer = signer
        self._submit = submit
        self._submitted: dict[tuple[int, int], int] = {}

    def sign(
        self, view: LedgerView, transfer: ExternalTransfer, keyset: Keyset, payload: TransferPayload
    ) -> None:
        """The caller has checked what it does. Raises `AdapterError`."""
        number, version = transfer.transfer_id, len(transfer.versions)
        now_ms = view.close_time_ms
        mine = next((c for c in keyset.cosigners if c.account_id == self.account_id), None)
        if mine is None or now_ms - self._submitted.get((number, version), 0) < AGAIN_MS:
            return
        adapter, sign = get_adapter(transfer.chain_id), self._signer.open(mine.key)
        if sign is None:
            raise PayloadUnreadable(f"this instance has not the key of slot {mine.slot}")
        signature = adapter.sign(view.network_id, payload.payload, mine.key, sign)
        if not adapter.is_signature(view.network_id, payload.payload, signature, mine.key):
            raise PayloadUnreadable("the signer's signature does not verify")
        if (number, version) not in self._submitted:
            lines = adapter.describe(payload.payload)
            log.info("transfer_signed", transfer=int(number), version=version, does=lines)
        self._submitted[number, version] = now_ms
        body = AddTransferSignature(number, version, payload.payload_hash, signature)
        self._bring(view, body)

    def note_upload(self, view: LedgerView, transfer: ExternalTransfer) -> None:
        """Notes in the ledger, as the submitter, that it begins with a bank's file or order."""
        number, now_ms = transfer.transfer_id, view.close_time_ms
        if now_ms - self._submitted.get((number, UPLOAD), 0) >= AGAIN_MS:
            self._submitted[number, UPLOAD] = now_ms
            body = SubmitExternalTransfer(number, len(transfer.versions))
            self._bring(view, body)

    def _bring(self, view: LedgerView, body: AddTransferSignature | SubmitExternalTransfer) -> None:
        is_signature = isinstance(body, AddTransferSignature)
        operation = "add_transfer_signature" if is_signature else "submit_external_transfer"
        kind = "signature" if is_signature else "upload"
        key = compute_evidence_key(kind, int(body.transfer_id), body.version)
        window = compute_window(view.close_time_ms)
        transaction = make_window_transaction(
            view.network_id, self.account_id, operation, key, window, body
        )
        raw = encode(transaction)
        signature = self._key.sign(compute_transaction_hash(view.network_id, raw))
        signatures = (DecoratedSignature(self._key.public_key, signature),)
        self._submit(self.account_id, encode(TransactionEnvelope(raw, signatures)))
