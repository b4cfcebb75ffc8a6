"""Ledger 1, made from a genesis file. It carries no certificate: its pinned hash is the trust.

The file is JSON; every node of a network has the same one:

    {"network_passphrase": "...", "close_time_ms": "1700000000000",
     "master": {"account": "G...", "signers": [{"public_key": "G...", "weight": 1000}]},
     "quorum_set": {"threshold": 3, "validators": ["G...", ...], "inner_sets": []},
     "settings": {"minimum_interval_ms": "200", ...}}

`settings` may name any network setting; the rest keeps its default.
"""

from dataclasses import dataclass

import msgspec

from schemas.binary import Unencodable
from schemas.codec import encode
from schemas.generated.bounds import LEDGER_RECORD_BODY_LENGTH_MAX
from schemas.generated.common import AccountID, Hash, PublicKey, SignerData
from schemas.generated.consensus import QuorumSet
from schemas.generated.entries import (
    Account,
    BaseAssets,
    Counters,
    KeyValue,
    NetworkSettings,
    Signer,
    Validators,
)
from schemas.generated.keys import Entry, get_key
from schemas.generated.ledger import LedgerEntry, LedgerHeader
from schemas.generated.operations import U32Value, U64Value
from schemas.strkey import StrkeyError, decode_account_id
from streams.consensus.quorum_set import normalise_quorum_set, validate_quorum_set
from streams.ledger import invariants, state_trie
from streams.ledger.access.beginning import make_access_entries
from streams.ledger.apply import Change
from streams.ledger.body import BodyWriter
from streams.ledger.chain import ChainPosition
from streams.ledger.close import ClosedLedger, Ledger
from streams.ledger.errors import GenesisError
from streams.ledger.hash_window import HashWindow
from streams.ledger.hashes import ZERO_HASH, compute_hash, compute_network_id
from streams.ledger.merkle import compute_root
from streams.ledger.state import LedgerState
from streams.ledger.values import (
    DEFAULT_SIGNER_ROLE,
    GENERAL_ROLE,
    MASTER_ROLE,
    MASTER_SIGNER_ROLE,
    SIGNATURE_THRESHOLD,
)
from streams.ledger.windows import WINDOW_MS

GENESIS_SEQUENCE = 1
RECORD_BYTES_MAX = LEDGER_RECORD_BODY_LENGTH_MAX
POSITIVE_SETTINGS = (
    "max_time_ahead_ms",
    "minimum_interval_ms",
    "heartbeat_ms",
    "timeout_initial_ms",
)
KEY_VALUES = (
    KeyValue("account_role:general", U64Value(GENERAL_ROLE)),
    KeyValue("asset_create_tasks", U32Value(0)),
    KeyValue("asset_update_tasks", U32Value(0)),
    KeyValue("governed_change_tasks", U32Value(0)),
    KeyValue("issuance_tasks:*", U32Value(0)),
    KeyValue("preissuance_tasks:*", U32Value(0)),
    KeyValue("signer_role:default", U64Value(DEFAULT_SIGNER_ROLE)),
)


class GenesisSigner(msgspec.Struct, forbid_unknown_fields=True, frozen=True):
    """A signer of the master account."""

    public_key: str
    weight: int = SIGNATURE_THRESHOLD
    identity: int = 0


class GenesisMaster(msgspec.Struct, forbid_unknown_fields=True, frozen=True):
    """The master account and who signs for it."""

    account: str
    signers: tuple[GenesisSigner, ...]


class GenesisQuorumSet(msgspec.Struct, forbid_unknown_fields=True, frozen=True):
    """A quorum set whose validators are written as G... keys."""

    threshold: int
    validators: tuple[str, ...] = ()
    inner_sets: tuple["GenesisQuorumSet", ...] = ()


class GenesisSettings(msgspec.Struct, forbid_unknown_fields=True, frozen=True):
    """Network settings; milliseconds are JSON strings or numbers."""

    ledger_version: int = 1
    max_time_ahead_ms: int = 15 * 60_000
    close_time_ahead_ms: int = 5_000
    minimum_interval_ms: int = 200
    heartbeat_ms: int = 5_000
    timeout_initial_ms: int = 500
    timeout_increment_ms: int = 500
    max_set_transactions: int = 4_000
    max_set_output_bytes: int = RECORD_BYTES_MAX - 64 * 1024
    payment_reference_days: int = 30
    issuance_reference_days: int = 400
    references_per_day: int = 1_000_000


class Genesis(msgspec.Struct, forbid_unknown_fields=True, frozen=True):
    """The genesis file."""

    network_passphrase: str
    close_time_ms: int
    master: GenesisMaster
    quorum_set: GenesisQuorumSet
    settings: GenesisSettings = GenesisSettings()


@dataclass(slots=True, frozen=True)
class OpenedGenesis:
    """A node's ledger right after the genesis, and the genesis as a closed ledger to publish."""

    ledger: Ledger
    closed: ClosedLedger

    @property
    def position(self) -> ChainPosition:
        """Where the chain stands after it."""
        return ChainPosition(
            self.closed.header.network_id,
            self.closed.header.sequence,
            self.closed.header_hash,
            self.closed.header.close_time_ms,
            self.ledger.state.get_validators().quorum_set,
        )


def decode_genesis(text: bytes) -> Genesis:
    """Reads the file's content. Raises `GenesisError`."""
    try:
        return msgspec.json.decode(text, type=Genesis, strict=False)
    except msgspec.DecodeError as error:
        raise GenesisError(f"the genesis file: {error}") from None


def open_genesis(genesis: Genesis) -> OpenedGenesis:
    """The same ledger 1 on every node. Raises `GenesisError` naming what cannot be used."""
    try:
        return _open(genesis)
    except (StrkeyError, Unencodable) as error:
        raise GenesisError(f"the genesis file: {error}") from None


def _open(genesis: Genesis) -> OpenedGenesis:
    encoded = {get_key(entry): encode(LedgerEntry(entry)) for entry in _get_entries(genesis)}
    state = LedgerState(encoded)
    invariants.check_everything(state)
    trie = state_trie.build((compute_hash(key), compute_hash(raw)) for key, raw in encoded.items())
    changes: list[Change] = [(key, None, encoded[key]) for key in sorted(encoded)]
    body = BodyWriter(0).finish(changes, ())
    header = LedgerHeader(
        network_id=compute_network_id(genesis.network_passphrase),
        sequence=GENESIS_SEQUENCE,
        previous_header_hash=ZERO_HASH,
        close_time_ms=genesis.close_time_ms,
        ledger_version=genesis.settings.ledger_version,
        set_hash=ZERO_HASH,
        transaction_count=0,
        receipts_root=Hash(compute_root([])),
        body_hash=compute_hash(body),
        state_root=Hash(trie.root),
        hash_window_root=ZERO_HASH,
        reference_window_root=ZERO_HASH,
        quorum_set_hash=compute_hash(encode(state.get_validators().quorum_set)),
    )
    header_bytes = encode(header)
    header_hash = compute_hash(header_bytes)
    ledger = Ledger(state, trie, HashWindow(), header, header_hash)
    by_key = {key: (before, after) for key, before, after in changes}
    return OpenedGenesis(
        ledger, ClosedLedger(header, header_bytes, header_hash, body, ledger.trie, [], by_key)
    )


def _get_entries(genesis: Genesis) -> list[Entry]:
    master = AccountID(decode_account_id(genesis.master.account))
    settings = {f: getattr(genesis.settings, f) for f in genesis.settings.__struct_fields__}
    for name in POSITIVE_SETTINGS:
        if settings[name] < 1:
            raise GenesisError(f"the genesis file: settings.{name} must be at least 1")
    if settings["max_time_ahead_ms"] < WINDOW_MS:
        raise GenesisError(
            f"the genesis file: settings.max_time_ahead_ms must be at least {WINDOW_MS}, which"
            " services need for what they sign together"
        )
    return [
        NetworkSettings(
            master_account=master,
            **settings,
            payment_references_from=0,
            issuance_references_from=0,
        ),
        Counters(account=1, request=0, transfer=0),
        BaseAssets(()),
        Validators(_get_quorum_set(genesis.quorum_set)),
        *make_access_entries(master, len(genesis.master.signers)),
        Account(master, None, 1, MASTER_ROLE, _get_master_keys(genesis)),
        *(Signer(master, _get_signer(signer)) for signer in _get_signers(genesis)),
        *KEY_VALUES,
    ]


def _get_master_keys(genesis: Genesis) -> tuple[PublicKey, ...]:
    keys = (PublicKey(decode_account_id(each.public_key)) for each in genesis.master.signers)
    return tuple(sorted(keys))


def _get_signers(genesis: Genesis) -> tuple[GenesisSigner, ...]:
    signers = genesis.master.signers
    if len({signer.public_key for signer in signers}) != len(signers):
        raise GenesisError("the genesis file: a signer of the master account stands there twice")
    heaviest = {s.identity: s.weight for s in sorted(signers, key=lambda each: each.weight)}
    if sum(heaviest.values()) < SIGNATURE_THRESHOLD:
        raise GenesisError(
            f"the genesis file: the master account's signers do not reach {SIGNATURE_THRESHOLD}"
        )
    return signers


def _get_signer(signer: GenesisSigner) -> SignerData:
    key = PublicKey(decode_account_id(signer.public_key))
    return SignerData(key, MASTER_SIGNER_ROLE, signer.weight, signer.identity, b"")


def _get_quorum_set(given: GenesisQuorumSet) -> QuorumSet:
    quorum_set = normalise_quorum_set(_convert(given))
    problem = validate_quorum_set(quorum_set, is_own=True)
    if problem is not None:
        raise GenesisError(f"the genesis file: quorum_set: {problem}")
    return quorum_set


def _convert(given: GenesisQuorumSet) -> QuorumSet:
    return QuorumSet(
        given.threshold,
        tuple(PublicKey(decode_account_id(each)) for each in given.validators),
        tuple(_convert(inner) for inner in given.inner_sets),
    )
