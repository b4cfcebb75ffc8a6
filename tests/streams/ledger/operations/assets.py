"""ManageAsset in all its forms. EUR is the economy's asset; USD is not there yet."""

from typing import Any

from msgspec.structs import replace

from schemas.codec import encode
from schemas.generated.common import U64, Amount, Signature
from schemas.generated.operations import (
    ChangePreissuedAssetSigner,
    ManageAsset,
    PreissuedSignerContent,
    UpdateAsset,
    UpdateMaxIssuance,
)
from streams.ledger.hashes import compute_hash
from tests.support.network import Network, create_asset, get_key, get_public_key


def with_asset(**changes: Any) -> ManageAsset:
    made = create_asset("USD", maximum=100)
    return replace(made, action=replace(made.action, **changes))


def replace_request(request_id: int) -> ManageAsset:
    return replace(create_asset("USD"), request_id=request_id)


def replace_with(**changes: Any) -> ManageAsset:
    made = replace_request(4)
    return replace(made, action=replace(made.action, **changes))


def change_signer(network: Network, **changes: Any) -> ManageAsset:
    """Of EUR, from the key pre-issuer to the key spare."""
    content = PreissuedSignerContent("EUR", U64(1), get_public_key("spare"))
    message = compute_hash(b"tokend-preissued-signer" + network.network_id + encode(content))
    signature = Signature(get_key("pre-issuer").sign(message).signature)
    made = ChangePreissuedAssetSigner(
        "EUR", U64(1), get_public_key("spare"), get_public_key("pre-issuer"), signature
    )
    return ManageAsset(0, replace(made, **changes))


def update(**changes: Any) -> ManageAsset:
    return ManageAsset(0, replace(UpdateAsset("EUR", 3, b"", None), **changes))


def limit(maximum: int) -> ManageAsset:
    return ManageAsset(0, UpdateMaxIssuance("EUR", Amount(maximum)))
