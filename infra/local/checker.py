"""What API and the checker need of a running network: roles, and the checker's signer."""

from gateways.client.errors import ClientError
from gateways.client.horizon import HorizonClient
from gateways.client.keys import get_address, read_seed
from gateways.client.platform.apply import apply_platform
from gateways.client.platform.file import read_platform
from infra.local import registrar
from infra.local.errors import LocalError
from infra.local.kyc import CHECKER, IDENTITY, REVIEWER, get_checker
from infra.local.place import Place
from infra.local.registrar import DOCUMENT_CLASS, FORM_CLASS, add_signer, is_signer
from infra.local.rows import Report

PLATFORM = f"""
[signer_rules.read-submissions]
resource = {{ type = "custom_resource", resource = "api", action = "read-documents" }}
action = "CUSTOM"

[signer_rules.open-kyc-forms]
resource = {{ type = "custom_resource", resource = "keychain:{FORM_CLASS}", action = "open" }}
action = "CUSTOM"

[signer_rules.open-kyc-documents]
resource = {{ type = "custom_resource", resource = "keychain:{DOCUMENT_CLASS}", action = "open" }}
action = "CUSTOM"

# It clears its own task, and may add the one for people.
[signer_rules.check-roles]
action = "REVIEW"
[signer_rules.check-roles.resource]
type = "request_resource"
kind = "change_role"
tasks_to_add = 32
tasks_to_remove = 1024

# People who review: the operator adds signers of this role.
[signer_rules.review-roles]
resource = {{ type = "request_resource", kind = "change_role" }}
action = "REVIEW"

[signer_rules.read-role-requests]
resource = {{ type = "request_resource", kind = "change_role" }}
action = "READ"

[signer_roles.{REVIEWER}]
rules = [
    "read-submissions", "open-kyc-forms", "open-kyc-documents", "review-roles",
    "read-role-requests",
]

[signer_roles.{CHECKER}]
rules = ["read-submissions", "open-kyc-forms", "open-kyc-documents", "check-roles"]
"""


def arrange(place: Place, report: Report) -> None:
    """What API needs of the network, and then the checker's signer. Raises LocalError."""
    registrar.arrange(place, report)
    master = read_seed(place.get_secret("master.seed"))
    try:
        with HorizonClient(place.get_url("gateway1.http"), master) as client:
            apply_platform(client, master, read_platform(PLATFORM))
            if not is_signer(client, get_address(master), get_checker(place)):
                add_signer(client, master, get_checker(place), CHECKER, IDENTITY)
                report("the checker may look at what people hand in")
    except ClientError as error:
        raise LocalError(f"cannot prepare the network for the checker: {error}") from None
