"""What API needs of a running network: a role for new people, and a signer that creates accounts.

The signer is one of the master account's. Its role allows creating accounts of the one role that
the key value `account_role:unverified` names, and reading accounts; nothing else. All of it is made
when it is missing, and left alone when the operator has changed it.
"""

from importlib.resources import files
from typing import Any

from nacl.signing import SigningKey

from gateways.client.errors import ClientError, ProblemError
from gateways.client.horizon import HorizonClient
from gateways.client.keys import get_address, read_seed
from gateways.client.platform.apply import apply_platform
from gateways.client.platform.file import read_platform
from gateways.client.platform.live import read_live
from gateways.client.submission import submit
from infra.local.api import get_registrar
from infra.local.errors import LocalError
from infra.local.place import Place
from infra.local.rows import Report
from schemas.generated.common import PublicKey, SignerData
from schemas.generated.operations import CreateSigner, ManageSigner
from schemas.strkey import decode_account_id
from streams.ledger.values import SIGNATURE_THRESHOLD

ROLE_KEY = "account_role:unverified"
PLATFORM = "people.toml"
REGISTRAR = "registrar"
FORM_CLASS, DOCUMENT_CLASS = "kyc-form", "kyc-document"
"""What forms of the operator name, if the deployment's services are to check and to erase them."""
IDENTITY = 1_001  # of the registrar: its weight is its own


def arrange(place: Place, report: Report) -> None:
    """Lets the registrar create accounts on the network that runs. Raises LocalError."""
    master = read_seed(place.get_secret("master.seed"))
    arrange_registrar(place.get_url("gateway1.http"), master, get_registrar(place), report)


def arrange_registrar(url: str, master: SigningKey, registrar: str, report: Report) -> None:
    """By the gateway at `url`. `registrar`: the signer's key, G... Raises LocalError."""
    try:
        with HorizonClient(url, master) as client:
            if _read_role(client) is None:
                text = (files("infra.local") / PLATFORM).read_text(encoding="utf-8")
                apply_platform(client, master, read_platform(text))
                report("made the role of people who have shown nothing yet")
            rules = read_platform(_write_rules(str(_read_role(client))))
            apply_platform(client, master, rules)
            if not is_signer(client, get_address(master), registrar):
                add_signer(client, master, registrar, REGISTRAR, IDENTITY)
                report("the registrar may create accounts")
    except ClientError as error:
        raise LocalError(f"cannot prepare the network for API: {error}") from None


def _write_rules(role_id: str) -> str:
    """A platform file, because the narrow rule names the role by its number."""
    return f"""
[signer_rules.register-people]
resource = {{ type = "account_resource", role_id = "{role_id}" }}
action = "CREATE"

[signer_rules.read-accounts]
resource = {{ type = "account_resource" }}
action = "READ"

# Who registers people erases them too, when they ask.
[signer_rules.erase-kyc-forms]
resource = {{ type = "custom_resource", resource = "keychain:{FORM_CLASS}", action = "erase" }}
action = "CUSTOM"

[signer_rules.erase-kyc-documents]
resource = {{ type = "custom_resource", resource = "keychain:{DOCUMENT_CLASS}", action = "erase" }}
action = "CUSTOM"

[signer_roles.{REGISTRAR}]
rules = ["register-people", "read-accounts", "erase-kyc-forms", "erase-kyc-documents"]
"""


def _read_role(client: HorizonClient) -> int | None:
    try:
        document = client.get(f"/v3/key-values/{ROLE_KEY}")
    except ProblemError as error:
        if error.kind == "not-found":
            return None
        raise
    return int(document["data"]["attributes"]["value"])


def is_signer(client: HorizonClient, account: str, key: str) -> bool:
    """Whether `key` (G...) signs for `account`."""
    included: list[Any] = client.get_account(account)["included"]
    return any(each["id"] == f"{account}-{key}" for each in included)


def add_signer(
    client: HorizonClient, master: SigningKey, key: str, role: str, identity: int
) -> None:
    """`key` (G...) signs for the master account from now on, alone, as the signer role allows."""
    role_id = read_live(client).signers.get_role_id(role)
    data = SignerData(
        PublicKey(decode_account_id(key)), int(str(role_id)), SIGNATURE_THRESHOLD, identity, b""
    )
    submit(client, master, [ManageSigner(CreateSigner(data))])
