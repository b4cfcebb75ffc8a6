"""What the view of the ledger says of transfers: what is open, free, confirmed, allowed. Pure."""

from collections.abc import Iterable, Iterator, Sequence
from functools import lru_cache

from processors.psim.chains.adapter import AdapterError, CosignerKey
from processors.psim.chains.table import get_adapter
from processors.psim.meanings import find_meanings, read_payout_chain
from processors.psim.view import LedgerView, Withdrawal
from schemas.generated.common import (
    Hash,
    Resource,
    TransferPurpose,
    UtxoResource,
    WalletKind,
)
from schemas.generated.entries import (
    ExternalTransfer,
    Keyset,
    TransferPayload,
    TransferPolicy,
    TransferState,
    UsedResource,
)
from schemas.generated.operations import CreateExternalTransfer, U128Value
from schemas.tasks import TRANSFER_TASKS
from streams.ledger.border.chains import is_halted
from streams.ledger.border.keysets import get_current_keyset
from streams.ledger.border.resources import (
    compute_resource_id,
    does_keyset_bind,
    get_nonces,
    is_next,
)
from streams.ledger.border.transfer_policies import (
    compute_room,
    is_destination_allowed,
    is_within_caps,
)
from streams.ledger.halts import is_withdrawal_halted
from streams.ledger.key_values import get_number

RELAYERS = "relayers:"
"""A key-value by chain: whose gas the hot wallet pays, addresses with commas between them."""
TARGET, CEILING = "hot_target:", "hot_ceiling:"
"""Key-values by asset, in its smallest unit: what the funnel fills the hot wallet up to, and above
which it sends to the cold one whatever is lacking. Without a target all goes to the cold wallet."""


def is_gas(transfer: ExternalTransfer | CreateExternalTransfer) -> bool:
    """Whether it fills up the keys that pay gas: out of the hot wallet, where other refills go
    into it."""
    return transfer.purpose is TransferPurpose.REFILL and transfer.wallet is WalletKind.HOT


def find_open(
    view: LedgerView, chain_id: str, purposes: Iterable[TransferPurpose] | None = None
) -> list[ExternalTransfer]:
    """All that stand, settled ones too, by number."""
    wanted = None if purposes is None else frozenset(purposes)
    return [
        each
        for _, each in sorted(view.transfers.items())
        if each.chain_id == chain_id and (wanted is None or each.purpose in wanted)
    ]


def find_unsettled(view: LedgerView, chain_id: str) -> list[ExternalTransfer]:
    return [e for e in find_open(view, chain_id) if e.state is not TransferState.SETTLED]


def find_ready(view: LedgerView, chain_id: str) -> list[Withdrawal]:
    """Requests that wait for a transfer alone, of assets of the chain, by number."""
    assets = find_assets(view, chain_id)
    return [
        each
        for _, each in sorted(view.withdrawals.items())
        if each.asset in assets
        and each.request.pending_tasks == TRANSFER_TASKS
        and not each.request.reject_reason
        and view.state.get_committed_request(each.request.request_id) is None
    ]


def find_assets(view: LedgerView, chain_id: str) -> dict[str, str]:
    """The tokens of a chain by the code of the asset that each is: what leaves by it. An asset may
    come in by one bank and leave by another, or by a gateway."""
    meanings, _ = find_meanings(view, chain_id)
    found = {each.asset.code: token for token, each in meanings.items()}
    for asset in view.get_own_assets():
        chain = read_payout_chain(asset.details)
        if chain == chain_id:
            found[asset.code] = ""
        elif chain is not None:
            found.pop(asset.code, None)
    return found


def find_coin_asset(view: LedgerView, chain_id: str) -> str | None:
    """The asset that the chain's own coin is, in which it charges fees."""
    return next((code for code, token in find_assets(view, chain_id).items() if not token), None)


def is_utxo_free(view: LedgerView, resource: UtxoResource) -> bool:
    return view.state.get_used_resource(compute_resource_id(Resource(resource))) is None


def find_resources(view: LedgerView, transfer: ExternalTransfer) -> list[Resource]:
    """What it uses up; a cancel what its parent does."""
    owner: ExternalTransfer | None = transfer
    if transfer.parent is not None:
        owner = view.transfers.get(transfer.parent)
    found = [] if owner is None else owner.resources
    entries = (view.state.get_used_resource(each) for each in found)
    return [each.resource for each in entries if isinstance(each, UsedResource)]


def find_keyset(view: LedgerView, transfer: ExternalTransfer, version: int) -> Keyset | None:
    number = transfer.versions[version - 1].keyset_version
    return view.state.get_keyset(transfer.chain_id, transfer.wallet, number)


def find_payload(
    view: LedgerView, transfer: ExternalTransfer, version: int | None = None
) -> TransferPayload | None:
    """Of a version, from 1; without one of the newest."""
    at = len(transfer.versions) if version is None else version
    number = transfer.versions[at - 1].payload_version
    return view.state.get_transfer_payload(transfer.transfer_id, number)


def find_payloads(view: LedgerView, transfer: ExternalTransfer) -> Iterator[bytes]:
    """Of all versions, any of which may happen."""
    for number, version in enumerate(transfer.versions, 1):
        payload = find_payload(view, transfer, number)
        if version.payload_version == number and payload is not None:
            yield payload.payload


def find_valid_slots(
    view: LedgerView, transfer: ExternalTransfer, version: int
) -> dict[int, bytes]:
    """Signatures of a version that are true ones, by slot."""
    keyset, payload = find_keyset(view, transfer, version), find_payload(view, transfer, version)
    if keyset is None or payload is None:
        return {}
    found = {}
    for each in keyset.cosigners:
        entry = view.state.get_transfer_signature(transfer.transfer_id, version, each.account_id)
        if entry is None:
            continue
        about = transfer.chain_id, view.network_id, payload.payload
        if is_signature(*about, entry.signature, each.key):
            found[each.slot] = entry.signature
    return found


@lru_cache(maxsize=10_000)
def is_signature(
    chain_id: str, network_id: Hash, payload: bytes, signature: bytes, key: CosignerKey
) -> bool:
    """Kept, because transfers are looked at again with every ledger."""
    try:
        return get_adapter(chain_id).is_signature(network_id, payload, signature, key)
    except AdapterError:
        return False


def get_target(view: LedgerView, asset: str) -> int:
    return get_number(view.state, TARGET + asset, U128Value) or 0


def get_ceiling(view: LedgerView, asset: str) -> int:
    found = get_number(view.state, CEILING + asset, U128Value)
    return get_target(view, asset) if found is None else found


def get_policy(
    view: LedgerView, chain_id: str, asset: str, purpose: TransferPurpose
) -> TransferPolicy | None:
    return view.state.get_transfer_policy(chain_id, asset, purpose)


def find_room(view: LedgerView, chain_id: str, asset: str, purpose: TransferPurpose) -> int:
    """The most that one transfer may move now."""
    policy = get_policy(view, chain_id, asset, purpose)
    return 0 if policy is None else max(compute_room(view.state, policy, view.close_time_ms), 0)


def judge(
    view: LedgerView, op: CreateExternalTransfer, requests: Sequence[Withdrawal]
) -> str | None:
    """What the ledger itself would refuse, by what this view has of it: a code."""
    state = view.state
    keyset = get_current_keyset(state, op.chain_id, op.wallet)
    if is_halted(state, op.chain_id):
        return "CHAIN_HALTED"
    if requests and is_withdrawal_halted(state, op.asset):
        return "ASSET_HALTED"
    if keyset is None or (keyset.version != op.keyset_version and not _is_former(view, op)):
        return "KEYSET_IS_ANOTHER"
    used = (state.get_used_resource(compute_resource_id(each)) for each in op.resources)
    if any(each is not None for each in used):
        return "RESOURCE_IN_USE"
    nonces = get_nonces(op.resources)
    if not all(is_next(state, each) for each in nonces):
        return "NONCE_MISMATCHED"
    if op.parent is None and nonces and not does_keyset_bind(state, keyset, nonces):
        return "KEYSET_DOES_NOT_BIND"
    return _judge_policy(view, op, requests) if op.parent is None else None


def _is_former(view: LedgerView, op: CreateExternalTransfer) -> bool:
    """What is left under earlier keysets stays sweepable."""
    known = view.state.get_keyset(op.chain_id, op.wallet, op.keyset_version)
    return op.purpose is not TransferPurpose.WITHDRAW and known is not None


def _judge_policy(
    view: LedgerView, op: CreateExternalTransfer, requests: Sequence[Withdrawal]
) -> str | None:
    policy = get_policy(view, op.chain_id, op.asset, op.purpose)
    if policy is None:
        return "POLICY_NOT_FOUND"
    if not op.amount or (requests and op.amount != sum(each.body.amount for each in requests)):
        return "AMOUNT_MISMATCHED"
    if any(not is_allowed(view, policy, each) for each in requests):
        return "DESTINATION_NOT_ALLOWED"
    within = is_within_caps(view.state, policy, op.amount, view.close_time_ms)
    return None if within else "CAP_EXCEEDED"


def is_allowed(view: LedgerView, policy: TransferPolicy, withdrawal: Withdrawal) -> bool:
    """Whether the policy lets it go where it should, now."""
    delay_ms = policy.allow_list_delay_ms
    return delay_ms is None or is_destination_allowed(
        view.state,
        withdrawal.request.requestor,
        withdrawal.body.destination,
        delay_ms,
        view.close_time_ms,
    )
