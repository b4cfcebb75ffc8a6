"""What PSIM needs of a running network: roles, the shared account with its three signers, the
account of parked deposits, each instance's own account, the deposit wallets on the test chains and
the assets that stand for what is paid in there.

All of it is made when it is missing, and left alone when the operator has changed it. The master's
key is the owner of what is not an instance's: it assigns what was parked.
"""

import asyncio
import json
from collections.abc import Callable, Iterator, Sequence
from importlib.resources import files
from typing import Any, NamedTuple

from eth_account import Account
from nacl.signing import SigningKey

from gateways.client import transactions as make
from gateways.client.errors import ClientError, ProblemError
from gateways.client.horizon import HorizonClient
from gateways.client.keys import get_public_key, read_seed
from gateways.client.platform.apply import apply_platform
from gateways.client.platform.file import read_platform
from gateways.client.platform.live import Live, read_live
from gateways.client.submission import submit
from infra.chains import bitcoin, ethereum
from infra.chains.purses import open_bitcoin, open_ethereum
from infra.chains.wallets import Holder, make_bitcoin_keysets, make_ethereum_keysets
from infra.local.errors import LocalError
from infra.local.place import Place
from infra.local.psim import (
    ATTESTOR_KEYS,
    ATTESTORS,
    COLD,
    PSIMS,
    RECOVERY,
    SOURCE,
    SUSPENSE,
    get_address,
    get_chain_seed,
    get_cosigner,
    get_gas_file,
)
from infra.local.rows import Report
from infra.local.sandbox import BANK, BANK_ASSET, GATEWAY, GIRO, GIRO_ASSET
from processors.psim.chains.rpc import RpcRefusal
from processors.psim.chains.source import ChainUnavailable
from processors.psim.transfers.ledger import CEILING, RELAYERS, TARGET
from schemas.generated.common import (
    U64,
    AccountID,
    Amount,
    Cosigner,
    LedgerKeyOfCosigner,
    PublicKey,
    SignerData,
    TransferCaps,
    TransferPurpose,
    WalletKind,
)
from schemas.generated.operations import (
    CreateAccount,
    CreateGovernedChangeRequest,
    ManageAsset,
    ManageKeyset,
    ManageKeyValue,
    ManageTransferPolicy,
    PutKeyValue,
    PutTransferPolicy,
    StringValue,
    U128Value,
)
from schemas.strkey import decode_account_id
from streams.ledger.values import (
    GENERAL_ROLE,
    OWNER_SIGNER_ROLE,
    SIGNATURE_THRESHOLD,
    AssetPolicy,
)

PLATFORM, ROLE, SIGNER_ROLE = "custody.toml", "custody", "psim"
ATTESTOR_ROLE = "attestors"
MASTER = "master"
ISSUANCE_MAX = "100000000"
CAPS = (100, 1_000, 10**9)
"""Of one transfer, within a day and in all, in whole coins of test chains."""
WEIGHT = SIGNATURE_THRESHOLD // 2
"""Of each instance: two of three reach the threshold."""


class CustodyAsset(NamedTuple):
    """An asset of a chain. `minimum`: less is not worth sweeping and not credited; `target`: what
    the hot wallet is filled up to. Both in its smallest unit."""

    code: str
    digits: int
    minimum: int
    target: int
    token: str = ""


class BankAsset(NamedTuple):
    """An asset that comes in by a bank's account, and leaves by it or by another."""

    code: str
    digits: int
    bank: str
    pays_by: str


BITCOIN_ASSET = CustodyAsset("BTC", 8, 1_000, 3_000_000)
ETHEREUM_ASSET = CustodyAsset("ETH", 18, 10**12, 6 * 10**17)
TOKEN_ASSET = CustodyAsset("TUSD", 6, 1_000, 1_000 * 10**6)
EURO_ASSET = BankAsset(BANK_ASSET, 2, BANK, GATEWAY)
FRANC_ASSET = BankAsset(GIRO_ASSET, 2, GIRO, GIRO)


def arrange(place: Place, report: Report) -> None:
    """By the first gateway. Raises LocalError."""
    master = read_seed(place.get_secret("master.seed"))
    try:
        with HorizonClient(place.get_url("gateway1.http"), master) as client:
            custody = Custody(client, master, lambda name: get_address(place, name), report)
            custody.arrange()
            asyncio.run(_arrange_chains(custody, place))
            custody.add_banks(lambda name: get_chain_seed(place, name))
    except (ClientError, ChainUnavailable, RpcRefusal, ValueError) as error:
        raise LocalError(f"cannot prepare the network for PSIM: {error}") from None


async def _arrange_chains(custody: "Custody", place: Place) -> None:
    """Wallets and assets. What a chain was made for is found on the ledger again."""
    known = custody.find_wallets()

    def find_holders(wallet: WalletKind) -> list[Holder]:
        online = [] if wallet is WalletKind.COLD else [(get_cosigner(n), n) for n in PSIMS]
        offline = COLD if wallet is WalletKind.COLD else (RECOVERY,)
        return [
            Holder(
                decode_account_id(get_address(place, account)),
                get_chain_seed(place, name),
                is_offline=name in offline,
            )
            for account, name in [*online, *((each, each) for each in offline)]
        ]

    if bitcoin.CHAIN_ID not in known:
        async with open_bitcoin(place) as chain:
            keysets = await make_bitcoin_keysets(chain, find_holders)
        custody.add_chain(keysets, BITCOIN_ASSET)
    if ethereum.CHAIN_ID not in known:
        async with open_ethereum(place) as other:
            token = await other.deploy_token("A dollar of the test chain", "TUSD", 6)
            gas_keys = [bytes.fromhex(get_gas_file(place, n).read_text()) for n in PSIMS]
            keysets = await make_ethereum_keysets(other, find_holders, gas_keys)
        relayers = [str(Account.from_key(each).address) for each in gas_keys]
        custody.put_relayers(ethereum.CHAIN_ID, relayers)
        custody.add_chain(keysets, ETHEREUM_ASSET, TOKEN_ASSET._replace(token=token))


class Custody:
    """`get_address`: the G... of a key of the deployment."""

    def __init__(
        self,
        client: HorizonClient,
        master: SigningKey,
        get_address: Callable[[str], str],
        report: Report,
    ) -> None:
        self._client = client
        self._master = master
        self._get_address = get_address
        self._report = report

    def arrange(self) -> None:
        """Raises ClientError."""
        text = (files("infra.local") / PLATFORM).read_text(encoding="utf-8")
        live = read_live(self._client)
        if live.accounts.get_role_id(ROLE) is None or live.signers.get_role_id(SIGNER_ROLE) is None:
            apply_platform(self._client, self._master, read_platform(text))
            live = read_live(self._client)
            self._report("made the roles of PSIM")
        names = [SOURCE, SUSPENSE, RECOVERY, *COLD, ATTESTORS, *map(get_cosigner, PSIMS)]
        missing = [name for name in names if not self._is_account(self._get_address(name))]
        if missing:
            self._submit(MASTER, *(self._make_account(name, live) for name in missing))
            self._report(f"made the accounts of PSIM: {', '.join(missing)}")

    def find_wallets(self) -> set[str]:
        """The chains that have a deposit wallet."""
        entries = (each["attributes"]["entry"] for each in self._client.walk("/v3/keysets"))
        return {each["chain_id"] for each in entries if each["wallet"] == "DEPOSIT"}

    def add_chain(self, keysets: Sequence[ManageKeyset], *assets: CustodyAsset) -> None:
        """The deposit wallet comes last: where it is, all is. Raises ClientError."""
        chain_id = keysets[0].chain_id
        known = {each["id"] for each in self._client.walk("/v3/assets")}
        for each in assets:
            if each.code not in known:
                self._submit(SOURCE, self._make_asset(chain_id, each))
            self._submit(MASTER, *_make_policies(chain_id, each))
        for keyset in keysets:
            self._submit(MASTER, CreateGovernedChangeRequest(keyset, None))
        self._report(f"made the wallets of {chain_id}")

    def put_relayers(self, chain_id: str, addresses: Sequence[str]) -> None:
        """Whose gas the hot wallet pays. Raises ClientError."""
        value = PutKeyValue(StringValue(",".join(addresses)))
        self._submit(MASTER, ManageKeyValue(RELAYERS + chain_id, value))

    def _make_asset(self, chain_id: str, asset: CustodyAsset) -> ManageAsset:
        stated = {"chain": chain_id, "token": asset.token, "minimum": str(asset.minimum)}
        return make.make_create_asset(
            asset.code,
            asset.digits,
            ISSUANCE_MAX,
            get_public_key(self._master),
            policies=AssetPolicy.TRANSFERABLE | AssetPolicy.WITHDRAWABLE,
            details=json.dumps({"deposit": stated}).encode(),
        )

    def add_banks(self, get_seed: Callable[[str], bytes]) -> None:
        """The assets of what comes in by the sandbox's bank, and who signs for what leaves by it or
        by its gateway. Raises ClientError."""
        keysets = [each["attributes"]["entry"] for each in self._client.walk("/v3/keysets")]
        known = {each["id"] for each in self._client.walk("/v3/assets")}
        for asset in (EURO_ASSET, FRANC_ASSET):
            if asset.pays_by in {each["chain_id"] for each in keysets}:
                continue
            if asset.code not in known:
                self._submit(SOURCE, self._make_bank_asset(asset))
            caps = TransferCaps(*(Amount(each * 10**asset.digits) for each in CAPS))
            policy = PutTransferPolicy(caps, None)
            purpose = TransferPurpose.WITHDRAW
            self._submit(
                MASTER,
                ManageTransferPolicy(asset.pays_by, asset.code, purpose, policy),
                CreateGovernedChangeRequest(self._make_bank_keyset(asset.pays_by, get_seed), None),
            )
            self._report(f"made the asset of {asset.bank}")

    def _make_bank_asset(self, asset: BankAsset) -> ManageAsset:
        details: dict[str, Any] = {"deposit": {"chain": asset.bank, "minimum": "1"}}
        if asset.pays_by != asset.bank:
            details["payout"] = {"chain": asset.pays_by}
        return make.make_create_asset(
            asset.code,
            asset.digits,
            ISSUANCE_MAX,
            get_public_key(self._master),
            policies=AssetPolicy.TRANSFERABLE | AssetPolicy.WITHDRAWABLE,
            details=json.dumps(details).encode(),
        )

    def _make_bank_keyset(self, chain_id: str, get_seed: Callable[[str], bytes]) -> ManageKeyset:
        accounts = [*((get_cosigner(name), name) for name in PSIMS), (RECOVERY, RECOVERY)]
        cosigners = tuple(
            Cosigner(
                decode_account_id(self._get_address(account)),
                LedgerKeyOfCosigner(get_public_key(SigningKey(get_seed(name)))),
                slot,
                is_offline=name == RECOVERY,
            )
            for slot, (account, name) in enumerate(accounts)
        )
        return ManageKeyset(chain_id, WalletKind.HOT, 2, cosigners, "", "", U64(0), ())

    def _make_account(self, name: str, live: Live) -> CreateAccount:
        account_id = decode_account_id(self._get_address(name))
        if name == ATTESTORS:
            return self._make_attestors(account_id, live)
        if name not in (SOURCE, SUSPENSE):  # of an instance, or of who keeps keys offline
            return make.make_create_account(account_id)
        owner = make.make_owner(get_public_key(self._master))
        if name == SUSPENSE:
            return make.make_create_account(account_id, (owner,), GENERAL_ROLE)
        role_id = int(str(live.signers.get_role_id(SIGNER_ROLE)))
        signers = (
            SignerData(
                PublicKey(decode_account_id(self._get_address(each))), role_id, WEIGHT, number, b""
            )
            for number, each in enumerate(PSIMS, 1)
        )
        role = int(str(live.accounts.get_role_id(ROLE)))
        return make.make_create_account(account_id, (owner, *signers), role)

    def _make_attestors(self, account_id: AccountID, live: Live) -> CreateAccount:
        """Two of three people, and nobody else."""
        signers = tuple(
            SignerData(
                PublicKey(decode_account_id(self._get_address(each))),
                OWNER_SIGNER_ROLE,
                WEIGHT,
                number,
                b"",
            )
            for number, each in enumerate(ATTESTOR_KEYS, 1)
        )
        role = int(str(live.accounts.get_role_id(ATTESTOR_ROLE)))
        return make.make_create_account(account_id, signers, role)

    def _is_account(self, address: str) -> bool:
        try:
            self._client.get_account(address, include="")
        except ProblemError as error:
            if error.kind == "not-found":
                return False
            raise
        return True

    def _submit(self, source: str, *bodies: Any) -> None:
        """The master signs for both."""
        account_id = decode_account_id(self._get_address(SOURCE)) if source == SOURCE else None
        submit(self._client, self._master, bodies, account_id)


def _make_policies(chain_id: str, asset: CustodyAsset) -> Iterator[Any]:
    """What may move, and how much of it lies in the hot wallet."""
    one = 10**asset.digits
    caps = TransferCaps(*(Amount(each * one) for each in CAPS))
    for purpose in (TransferPurpose.WITHDRAW, TransferPurpose.SWEEP, TransferPurpose.REFILL):
        action = PutTransferPolicy(caps, None)
        yield ManageTransferPolicy(chain_id, asset.code, purpose, action)
    for key, value in ((TARGET, asset.target), (CEILING, 2 * asset.target)):
        yield ManageKeyValue(key + asset.code, PutKeyValue(U128Value(Amount(value))))
