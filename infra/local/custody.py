"""What PSIM needs of a running network: roles, the shared account with its three signers, the
account of parked deposits, and each instance's own account.

All of it is made when it is missing, and left alone when the operator has changed it. The master's
key is the owner of what is not an instance's: it assigns what was parked.
"""

from collections.abc import Callable
from importlib.resources import files

from nacl.signing import SigningKey

from gateways.client import transactions as make
from gateways.client.errors import ClientError, ProblemError
from gateways.client.horizon import HorizonClient
from gateways.client.keys import get_account_id, get_public_key
from gateways.client.platform.apply import apply_platform
from gateways.client.platform.file import read_platform
from gateways.client.platform.live import Live, read_live
from infra.local.errors import LocalError
from infra.local.place import Place
from infra.local.psim import PSIMS, SOURCE, SUSPENSE, get_address, get_cosigner
from infra.local.rows import Report
from schemas.generated.common import Hash, PublicKey, SignerData
from schemas.generated.operations import CreateAccount
from schemas.strkey import decode_account_id, decode_seed
from streams.ledger.values import GENERAL_ROLE, SIGNATURE_THRESHOLD

PLATFORM, ROLE, SIGNER_ROLE = "custody.toml", "custody", "psim"
WEIGHT = SIGNATURE_THRESHOLD // 2
"""Of each instance: two of three reach the threshold."""


def arrange(place: Place, report: Report) -> None:
    """By the first gateway. Raises LocalError."""
    master = SigningKey(decode_seed(place.get_secret_file("master.seed").read_text().strip()))
    try:
        with HorizonClient(place.get_url("gateway1.http"), master) as client:
            Custody(client, master, lambda name: get_address(place, name), report).arrange()
    except ClientError as error:
        raise LocalError(f"cannot prepare the network for PSIM: {error}") from None


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
        names = [SOURCE, SUSPENSE, *map(get_cosigner, PSIMS)]
        missing = [name for name in names if not self._is_account(self._get_address(name))]
        if missing:
            self._submit(*(self._make_account(name, live) for name in missing))
            self._report(f"made the accounts of PSIM: {', '.join(missing)}")

    def _make_account(self, name: str, live: Live) -> CreateAccount:
        account_id = decode_account_id(self._get_address(name))
        if name not in (SOURCE, SUSPENSE):
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

    def _is_account(self, address: str) -> bool:
        try:
            self._client.get_account(address, include="")
        except ProblemError as error:
            if error.kind == "not-found":
                return False
            raise
        return True

    def _submit(self, *bodies: CreateAccount) -> None:
        transaction = make.build_transaction(
            Hash(bytes.fromhex(self._client.get_info()["network_id"])),
            get_account_id(self._master),
            bodies,
            self._client.get_network_time_ms(),
        )
        self._client.submit_until_final(make.sign_transaction(transaction, self._master))
