"""The demo's part about personal data: Alice hands in sealed papers, a machine and a person look at
them, her role changes; a removed reviewer is refused, and in the end Alice is erased.
"""

import io
import tempfile
from collections.abc import Callable, Mapping
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from gateways.client import reviews
from gateways.client.errors import ProblemError
from gateways.client.horizon import HorizonClient
from gateways.client.keychain import KeyChainClient
from gateways.client.keys import generate_key, get_account_id, read_seed
from gateways.client.kyc import KycClient
from gateways.client.papers import hand_in, make_request
from gateways.client.platform.apply import apply_platform
from gateways.client.platform.file import read_platform
from gateways.client.platform.live import read_live
from gateways.client.previews import make_previews
from gateways.client.submission import submit
from infra.demo.people import Person
from infra.demo.steps import DemoFailed, Steps
from infra.demo.target import Target
from infra.local.kyc import REVIEWER
from infra.local.registrar import DOCUMENT_CLASS, FORM_CLASS
from schemas.generated.common import PublicKey, SignerData
from schemas.generated.operations import (
    CreateSigner,
    ManageSigner,
    RemoveSigner,
    ReviewRequest,
)

ROLE = "identified"
IDENTITY, WEIGHT = 77, 1000
CHECK_AND_REVIEW = 1024 + 32
EICAR = rb"X5O!P%@AP[4\PZX54(P^)7CC)7}$EICAR-STANDARD-ANTIVIRUS-TEST-FILE!$H+H*"
SLOT = "photo_id_front"
FIELDS = {"first_name": "Alice", "last_name": "Example", "birth_date": "1990-01-02"}
SCHEMA = {
    "type": "object",
    "properties": {
        "first_name": {"type": "string", "maxLength": 100},
        "last_name": {"type": "string", "maxLength": 100},
        "birth_date": {"type": "string", "format": "date"},
    },
    "required": list(FIELDS),
    "additionalProperties": False,
}
PLATFORM = f"""
[account_roles.{ROLE}]
rules = [
    "send-transactions", "manage-signers", "create-balances", "send-assets", "receive-assets",
    "receive-issuances", "withdraw-assets", "create-requests", "cancel-requests",
]

[key_values]
"account_role:{ROLE}" = {{ account_role = "{ROLE}" }}
"""
Submit = Callable[..., Any]


def keep_papers(
    target: Target, client: HorizonClient, steps: Steps, person: Person, submit: Submit
) -> None:
    """Where there are API, KeyChain and the checker. Raises DemoFailed."""
    if not all(target.endpoints.get(name) for name in ("api", "keychain", "kyc")):
        return
    steps.tell("Alice hands in sealed papers; a machine and a person look at them; she is erased")
    Papers(target, client, steps, person, submit).run()


@dataclass
class Papers:
    """`person`: whose papers they are. `client` signs as the master."""

    target: Target
    client: HorizonClient
    steps: Steps
    person: Person
    submit: Submit

    def run(self) -> None:
        self.master = Person("master", read_seed(self.target.master_seed))
        self.reviewer = Person("reviewer", generate_key())
        role_id = self._arrange()
        has_scanner = self.target.endpoints["kyc"]["has_scanner"]
        api, keychain = (self.target.endpoints[name][0] for name in ("api", "keychain"))
        with ExitStack() as stack:
            own = stack.enter_context(KycClient(api, self.person.key))
            keys = stack.enter_context(KeyChainClient(keychain, self.person.key))
            self._publish(api, role_id, has_scanner)
            rejected = 0
            if has_scanner:
                rejected = self._hand_in(own, keys, role_id, EICAR)
                self._wait(own, state="REJECTED", reasons=["MALWARE"])
                self.steps.say("a file with a (test) virus was given back with the code MALWARE")
            self._hand_in(own, keys, role_id, _draw(), rejected)
            case = self._wait(own, state="SUBMITTED", pending_tasks=32, checks=[])
            self.steps.say("sealed on her machine; the checker found nothing and left it to people")
            key_id = self._review(api, case)
            self._wait(own, state="APPROVED")
            self.steps.say("a reviewer compared, opened and approved: her role has changed")
            self._remove_reviewer(keychain, key_id)
            self._erase(own)

    def _arrange(self) -> str:
        apply_platform(self.client, self.master.key, read_platform(PLATFORM))
        document = self.client.get(f"/v3/key-values/account_role:{ROLE}")
        role_id = str(document["data"]["attributes"]["value"])
        tasks = f'[key_values]\n"change_role_tasks:*:{role_id}" = {CHECK_AND_REVIEW}\n'
        apply_platform(self.client, self.master.key, read_platform(tasks))
        signer_role = int(str(read_live(self.client).signers.get_role_id(REVIEWER)))
        data = SignerData(self._get_reviewer(), signer_role, WEIGHT, IDENTITY, b"")
        self.submit(self.master, ManageSigner(CreateSigner(data)))
        return role_id

    def _get_reviewer(self) -> PublicKey:
        return PublicKey(bytes(self.reviewer.key.verify_key))

    def _publish(self, api: str, role_id: str, needs_scan: bool) -> None:
        types = ["image/png", "image/jpeg", "application/pdf"]
        slot = {"class": DOCUMENT_CLASS, "media_types": types, "needs_scan": needs_scan}
        form = {"role_id": role_id, "schema": SCHEMA, "class": FORM_CLASS}
        with KycClient(api, self.master.key) as kyc:
            kyc.publish_form({**form, "documents": {SLOT: slot}})

    def _hand_in(
        self, own: KycClient, keys: KeyChainClient, role_id: str, content: bytes, request: int = 0
    ) -> int:
        """The number of the request on the ledger."""
        with tempfile.TemporaryDirectory() as folder:
            file = Path(folder) / "passport"
            file.write_bytes(content)
            handed = hand_in(
                own, keys, self.person.address, role_id, FIELDS, {SLOT: file}, Path(folder)
            )
        account_id = get_account_id(self.person.key)
        self.submit(self.person, make_request(account_id, handed, request))
        return int(self._wait(own, commitment=handed.commitment.hex())["id"])

    def _wait(self, own: KycClient, **wanted: Any) -> Mapping[str, Any]:
        """Until Alice's newest case is so."""
        found: dict[str, Any] = {}

        def is_so() -> bool:
            cases = own.list_cases(self.person.address)
            found.update({"id": cases[0]["id"], **cases[0]["attributes"]} if cases else {})
            return bool(found) and all(found[name] == each for name, each in wanted.items())

        self.steps.wait(is_so, f"her case is {wanted}")
        return found

    def _review(self, api: str, case: Mapping[str, Any]) -> str:
        """As `tokend kyc open` and `approve` do. The id of the form's key."""
        with (
            HorizonClient(self.target.gateways[0], self.reviewer.key) as horizon,
            KycClient(api, self.reviewer.key) as kyc,
            KeyChainClient(self.target.endpoints["keychain"][-1], self.reviewer.key) as keychain,
        ):
            request = reviews.read_request(horizon, case["id"])
            shown = reviews.read_submission(kyc, request)
            reviews.compare_all(kyc, shown)
            fields = reviews.open_form(keychain, shown)
            documents = reviews.open_documents(kyc, keychain, shown)
            if fields != FIELDS or len(make_previews(documents[SLOT])) != 1:
                raise DemoFailed("the reviewer sees something else than what was handed in")
            approval = reviews.make_approval(request)
            self._decide(horizon, approval)
        return shown.form.key_id

    def _decide(self, horizon: HorizonClient, approval: ReviewRequest) -> None:
        """For the master's account, signed by the reviewer."""
        submit(horizon, self.reviewer.key, (approval,), get_account_id(self.master.key))

    def _remove_reviewer(self, keychain: str, key_id: str) -> None:
        self.submit(self.master, ManageSigner(RemoveSigner(self._get_reviewer())))
        with KeyChainClient(keychain, self.reviewer.key) as client:
            try:
                client.open_key(key_id)
            except ProblemError as error:
                if error.kind != "not-found":
                    raise
                self.steps.say("removed from the ledger, the reviewer is refused at the next one")
                return
        raise DemoFailed("a removed reviewer got a key")

    def _erase(self, own: KycClient) -> None:
        own.ask_for_erasure(self.person.address)

        def is_done() -> bool:
            return bool(own.get_erasure(self.person.address)["state"] == "ERASED")

        self.steps.wait(is_done, "she is erased")
        self.steps.say("erased: keys, papers, addresses; a commitment that tells nothing is left")


def _draw() -> bytes:
    """A picture."""
    from PIL import Image

    picture = io.BytesIO()
    Image.new("RGB", (320, 200), "white").save(picture, "PNG")
    return picture.getvalue()
