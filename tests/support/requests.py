"""Operations about requests: pre-issuances, approval policies, governed changes."""

from typing import Any

from schemas.codec import encode
from schemas.generated.common import Amount, ApprovalRange, ApprovalTerms, Signature
from schemas.generated.operations import (
    CreateGovernedChangeRequest,
    CreatePreissuanceRequest,
    ManageApprovalPolicy,
    PreissuanceContent,
    PutApprovalPolicy,
)
from streams.ledger.hashes import compute_hash
from tests.support.network import Network, get_key, get_public_key, make_reference


def preissue(network: Network, asset: str, amount: int, reference: str) -> CreatePreissuanceRequest:
    """Signed by the offline key of `create_asset`."""
    made = make_reference(network, reference)
    content = encode(PreissuanceContent(asset, Amount(amount), made))
    message = compute_hash(b"tokend-preissuance" + network.network_id + content)
    signature = Signature(get_key("pre-issuer").sign(message).signature)
    signer = get_public_key("pre-issuer")
    return CreatePreissuanceRequest(asset, Amount(amount), made, signer, signature, b"", None)


def govern(change: Any, tasks: int | None = None) -> CreateGovernedChangeRequest:
    """A governed change that carries an operation."""
    return CreateGovernedChangeRequest(change, tasks)


def put_policy(
    kind: str, reviewers: int, delay_ms: int = 0, asset: str = "", lower: int | None = None
) -> ManageApprovalPolicy:
    """For all amounts, or from `lower` on."""
    least = None if lower is None else Amount(lower)
    ranges = (ApprovalRange(least, None, ApprovalTerms(reviewers, delay_ms)),)
    return ManageApprovalPolicy(kind, asset, PutApprovalPolicy(ranges))
