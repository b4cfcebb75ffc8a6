"""The demo's part about personal data: Alice seals a document to a key of the KeyChain, an
administrator whose rule names such documents opens it, and is refused once he is removed.
"""

import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

from gateways.client.errors import ProblemError
from gateways.client.horizon import HorizonClient
from gateways.client.keychain import KeyChainClient
from gateways.client.keys import generate_key, read_seed
from gateways.client.platform.apply import apply_platform
from gateways.client.platform.file import read_platform
from gateways.client.platform.live import read_live
from gateways.client.sealed_documents import open_document, seal_document
from infra.demo.people import Person
from infra.demo.steps import DemoFailed, Steps
from infra.demo.target import Target
from schemas.generated.common import PublicKey, SignerData
from schemas.generated.operations import CreateSigner, ManageSigner, RemoveSigner

CLASS, SUBJECT = "passport", "passport/1"
ROLE = "document-reviewer"
CONTENT = b"a scan of Alice's passport" * 10_000
IDENTITY, WEIGHT = 77, 1000
PLATFORM = f"""
[signer_rules.open-passports]
resource = {{ type = "custom_resource", resource = "keychain:{CLASS}", action = "open" }}
action = "CUSTOM"

[signer_roles.{ROLE}]
rules = ["open-passports"]
"""
Submit = Callable[..., Any]


def keep_papers(
    target: Target, client: HorizonClient, steps: Steps, person: Person, submit: Submit
) -> None:
    """Where there is a KeyChain. Raises DemoFailed."""
    urls = target.endpoints.get("keychain", ())
    if not urls:
        return
    steps.tell("Alice seals a document; an administrator opens it, until he is one no longer")
    master = Person("master", read_seed(target.master_seed))
    administrator = Person("reviewer", generate_key())
    apply_platform(client, master.key, read_platform(PLATFORM))
    role_id = int(str(read_live(client).signers.get_role_id(ROLE)))
    key = PublicKey(bytes(administrator.key.verify_key))
    submit(master, ManageSigner(CreateSigner(SignerData(key, role_id, WEIGHT, IDENTITY, b""))))
    with KeyChainClient(urls[0], person.key) as own:
        made = own.create_key(person.address, CLASS, SUBJECT)
    with tempfile.TemporaryDirectory() as folder:
        sealed = Path(folder) / "passport.sealed"
        parts = seal_document(bytes.fromhex(made["public_key"]), [CONTENT])
        sealed.write_bytes(b"".join(parts))
        steps.say(f"sealed on her machine: {sealed.stat().st_size:,} bytes that nobody reads")
        with KeyChainClient(urls[-1], administrator.key) as reviewer:
            private = reviewer.open_key(made["id"])
            if b"".join(open_document(private, [sealed.read_bytes()])) != CONTENT:
                raise DemoFailed("the document is not the one that was sealed")
            steps.say("opened by a reviewer whose rule names passports; the audit log has it")
            submit(master, ManageSigner(RemoveSigner(key)))
            _refuse(reviewer, made["id"])
        steps.say("removed from the ledger, he is refused at the next one")


def _refuse(client: KeyChainClient, key_id: str) -> None:
    """Raises DemoFailed if the key is given."""
    try:
        client.open_key(key_id)
    except ProblemError as error:
        if error.kind != "not-found":
            raise
        return
    raise DemoFailed("a removed administrator got a key")
