"""Takes the cases that wait for the checker, one after the other, and reviews them on the ledger.

Everything is read anew for each case, and doing a case twice is harmless: its finding has the same
id, and the ledger takes a review once. What fails is tried again later, and told in the status.
"""

import tempfile
import time
from collections.abc import Callable, Iterable
from contextlib import ExitStack
from hashlib import sha256
from pathlib import Path
from typing import Any, NamedTuple

import psycopg
import structlog
from confluent_kafka import KafkaException
from nacl.signing import SigningKey

from gateways.checker import antivirus
from gateways.checker.antivirus import ScannerUnavailable
from gateways.checker.children import Paper, inspect
from gateways.checker.settings import CheckSettings, GatewayAddress
from gateways.checker.verdict import Case, decide
from gateways.client.answers import Json
from gateways.client.errors import ClientError, ProblemError
from gateways.client.horizon import HorizonClient
from gateways.client.keychain import KeyChainClient
from gateways.client.kyc import KycClient
from gateways.client.papers import (
    SealedPaper,
    Shown,
    SwapNoticed,
    fetch_paper,
    require_pair,
    verify_submission,
)
from gateways.client.transactions import build_transaction, sign_transaction
from gateways.identity.reasons import Reason
from processors.kyc.producer import EventProducer
from schemas.codec import frame
from schemas.generated.common import AccountID, Hash
from schemas.generated.events import KycEvent, KycEventKind
from schemas.strkey import decode_seed, encode_account_id

FORM_BYTES_MAX = 256 * 1024
BATCH = 5_000
AGAIN_S, AGAIN_MAX_S, SCAN_AGAIN_S = 3.0, 300.0, 5.0
WAITING = """
SELECT request_id, sequence_number, request_hash, account_id, commitment, schema_id, role_id
FROM kyc.cases WHERE state = 'SUBMITTED' AND kind = 'change_role' AND pending_tasks & %s <> 0
AND sequence_number IS NOT NULL ORDER BY request_id LIMIT %s"""

log = structlog.get_logger("checker")


class Try(NamedTuple):
    """What came of a case that waits. `until`: then it is due again. `scan_hour`: in which it was
    told that it waits for a scanner; 0: it does not."""

    until: float = 0.0
    failures: int = 0
    problem: str = ""
    scan_hour: int = 0


class Checker:
    """`work` is one round, in a thread. `status`: what operators see."""

    def __init__(
        self,
        settings: CheckSettings,
        network_id: Hash,
        operator: AccountID,
        producer: EventProducer,
        connect: Callable[[], "psycopg.Connection[Any]"],
    ) -> None:
        self._settings = settings
        self._network_id = network_id
        self._operator = operator
        self._producer = producer
        self._connect = connect
        self._key = SigningKey(decode_seed(settings.seed.reveal()))
        self._tries: dict[tuple[int, int], Try] = {}
        self._turn = 0
        self.checked = 0
        self.waiting_for_scan = 0
        self.problem: str | None = None

    def work(self) -> None:
        """All that waits. Raises psycopg.Error."""
        with self._connect() as connection:
            rows = connection.execute(WAITING, (self._settings.task, BATCH)).fetchall()
        known = {(row[0], row[1]) for row in rows}
        self._tries = {place: tried for place, tried in self._tries.items() if place in known}
        for *fields, role_id in rows:
            case = Case(*fields)
            place = (case.request_id, case.sequence_number)
            tried = self._tries.get(place, Try())
            if tried.until <= time.monotonic():
                self._tries[place] = self._try(case, role_id, tried)
        self.waiting_for_scan = sum(bool(each.scan_hour) for each in self._tries.values())
        self.problem = next((each.problem for each in self._tries.values() if each.problem), None)

    def _try(self, case: Case, role_id: int | None, before: Try) -> Try:
        """Of one case; what came of it, and when it is due again if it still waits then."""
        scan_hour, problem, pause = 0, "", AGAIN_S  # the projection is a moment behind
        try:
            try:
                self._check(case, role_id)
            except ScannerUnavailable as error:
                scan_hour, pause = int(time.time()) // 3_600, SCAN_AGAIN_S
                if scan_hour != before.scan_hour:  # once an hour that it waits
                    log.warning("scan_awaited", request=case.request_id, reason=str(error))
                    self._tell(case, KycEventKind.SCAN_AWAITED, [], mark=str(scan_hour))
        except (ClientError, KafkaException, OSError) as error:
            self._turn += 1
            problem = f"request {case.request_id}: {error}"
            pause = min(AGAIN_S * 2 ** min(before.failures, 10), AGAIN_MAX_S)
            log.warning("check_fails", request=case.request_id, reason=str(error))
        failures = before.failures + 1 if problem else 0
        return Try(time.monotonic() + pause, failures, problem, scan_hour)

    def _check(self, case: Case, role_id: int | None) -> None:
        codes = sorted(set(self._find_codes(case, role_id)))
        self._tell(case, KycEventKind.CHECKED, codes)
        review = decide(case, codes, self._settings.task, self._settings.manual_task)
        with HorizonClient(self._choose(self._settings.horizons).url) as horizon:
            now_ms = horizon.get_network_time_ms()
            transaction = build_transaction(self._network_id, self._operator, [review], now_ms)
            try:
                horizon.submit_until_final(sign_transaction(transaction, self._key))
            except ProblemError as error:
                if error.kind != "transaction-failed":
                    raise
                log.info("review_not_needed", request=case.request_id)  # somebody was faster
        self.checked += 1
        log.info("checked", request=case.request_id, codes=codes)

    def _find_codes(self, case: Case, role_id: int | None) -> Iterable[str]:
        """Raises ClientError, ScannerUnavailable."""
        if case.commitment is None or case.schema_id is None:
            return [Reason.DOCUMENT_MISSING]
        account = encode_account_id(case.account_id)
        with self._open_api() as api, ExitStack() as stack:
            try:
                attributes = api.get_submission(account, case.commitment.hex())
                if attributes["erased_at"] is not None:
                    return [Reason.DOCUMENT_MISSING]
                form = api.get_form(str(case.schema_id))
                shown = verify_submission(attributes, account, case.commitment, case.schema_id)
            except SwapNoticed:
                return [Reason.COMMITMENT_MISMATCH]
            except ProblemError as error:
                if error.kind == "not-found":
                    return [Reason.COMMITMENT_MISMATCH]
                raise
            codes = compare(form, shown, role_id)
            if codes:
                return codes
            self._require_scanner(form, shown)
            folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="tokend-kyc-")))
            keychain = stack.enter_context(self._open_keychain())
            try:
                return self._inspect_all(api, keychain, form, shown, folder)
            except SwapNoticed:
                return [Reason.COMMITMENT_MISMATCH]

    def _inspect_all(
        self, api: KycClient, keychain: KeyChainClient, form: Json, shown: Shown, folder: Path
    ) -> list[str]:
        sealed = folder / "form"
        sealed.write_bytes(shown.sealed_form)
        private = self._open_key(keychain, shown.form)
        codes = inspect(Paper(sealed, private, FORM_BYTES_MAX, form["schema"]), self._settings)
        for each in shown.documents:
            slot = form["documents"][each.slot]
            sealed = folder / each.slot
            fetch_paper(api, each, sealed, self._settings.documents_url)
            paper = Paper(
                sealed,
                self._open_key(keychain, each),
                slot["bytes_max"],
                media_types=tuple(slot["media_types"]),
            )
            codes += inspect(paper, self._settings)
            sealed.unlink()
        return codes

    def _open_key(self, keychain: KeyChainClient, paper: SealedPaper) -> bytes:
        private = keychain.open_key(paper.key_id)
        require_pair(paper, private)
        return private

    def _require_scanner(self, form: Json, shown: Shown) -> None:
        """Raises ScannerUnavailable where a document must be scanned and cannot be."""
        slots = [form["documents"][each.slot] for each in shown.documents]
        if not any(each["needs_scan"] for each in slots):
            return
        if self._settings.clamd is None:
            raise ScannerUnavailable("no scanner is configured")
        antivirus.ping(self._settings.clamd)

    def _tell(self, case: Case, kind: KycEventKind, codes: list[str], mark: str = "") -> None:
        """The same finding about the same version is one event. Raises KafkaException."""
        place = f"{kind.name} {case.request_id} {case.sequence_number} {' '.join(codes)} {mark}"
        event = KycEvent(
            Hash(sha256(place.encode() + self._network_id).digest()),
            kind,
            AccountID(case.account_id),
            None if case.commitment is None else Hash(case.commitment),
            " ".join(codes),
            time.time_ns() // 1_000_000,
        )
        self._producer.produce([frame(event)])

    def _open_api(self) -> KycClient:
        each = self._choose(self._settings.api)
        return KycClient(each.url, self._key, public_url=each.public_url)

    def _open_keychain(self) -> KeyChainClient:
        each = self._choose(self._settings.keychains)
        return KeyChainClient(each.url, self._key, public_url=each.public_url)

    def _choose(self, addresses: tuple[GatewayAddress, ...]) -> GatewayAddress:
        """After every failure another one."""
        return addresses[self._turn % len(addresses)]


def compare(form: Json, shown: Shown, role_id: int | None) -> list[str]:
    """Whether it is what the role of the request wants; API is not believed about that."""
    if form["role_id"] != str(role_id) or shown.form.class_ != form["class"]:
        return [Reason.FORM_INVALID]
    given = {each.slot: each for each in shown.documents}
    for slot, wanted in form["documents"].items():
        if wanted["is_required"] and slot not in given:
            return [Reason.DOCUMENT_MISSING]
        if slot in given and given[slot].class_ != wanted["class"]:
            return [Reason.FORM_INVALID]
    return [] if given.keys() <= form["documents"].keys() else [Reason.FORM_INVALID]
