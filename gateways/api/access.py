"""Who may do what, decided by the ledger: signers of the account in the path, and administrators.

An administrator is a signer of the master account whose role allows a custom action on the resource
`api` (streams/ledger/access). What belongs to somebody else answers like what does not exist.
"""

from enum import StrEnum

from gateways.api.service import Api
from gateways.http.parameter_types import ACCOUNT_ID
from gateways.http.problems import FORBIDDEN, Problem
from gateways.http.routes import Call, Guard, Parameter
from schemas.generated.common import AccountID, PublicKey
from schemas.strkey import encode_account_id
from streams.ledger.access.requirements import require_custom

RESOURCE = "api"
ACCOUNT = Parameter("account", ACCOUNT_ID, "An account, G...")
RELATION, SIGNERS = "tokend.relation", "tokend.signers"
"""What guards leave in a request's scope: who asks, and the keys of the account's signers, G..."""


class Right(StrEnum):
    """The custom actions on the resource `api` that rules may allow a signer."""

    READ_PEOPLE = "read-people"
    READ_BLOBS = "read-blobs"
    MANAGE_TYPES = "manage-types"
    MANAGE_TERMS = "manage-terms"
    MANAGE_FORMS = "manage-forms"
    READ_DOCUMENTS = "read-documents"
    ERASE = "erase"
    HOLD = "hold"


class Relation(StrEnum):
    """Who asks, to the account in the path."""

    OWNER = "owner"
    ADMINISTRATOR = "administrator"


async def guard_owner(call: Call) -> None:
    """Signers of the account in the path."""
    if not await _owns(call):
        raise _refuse()


async def guard_anybody(_: Call) -> None:
    """Any key, which the handler looks at."""


def make_guard(right: Right) -> Guard:
    """Signers of the account in the path, and administrators who have the right."""

    async def guard(call: Call) -> None:
        if await _owns(call):
            call.request.scope[RELATION] = Relation.OWNER
        elif await is_administrator(call, right):
            call.request.scope[RELATION] = Relation.ADMINISTRATOR
        else:
            raise _refuse()

    return guard


def make_administrator_guard(right: Right) -> Guard:
    """Administrators who have the right."""

    async def guard(call: Call) -> None:
        if not await is_administrator(call, right):
            detail = f"a signer rule must allow the custom action {right} on {RESOURCE}"
            raise Problem(FORBIDDEN, detail)

    return guard


async def is_administrator(call: Call, right: Right) -> bool:
    """Raises Problem if the ledger cannot be asked."""
    api: Api = call.service
    requirement = require_custom(RESOURCE, right.value)
    return await api.ledger.may(api.operator_account, get_signer(call), requirement)


def get_signer(call: Call) -> PublicKey:
    """Of a call whose route is signed."""
    if call.signer is None:
        raise TypeError(f"{call.route.path} is not signed")
    return call.signer


def get_account(call: Call) -> AccountID:
    """The account in the path."""
    account: AccountID = call.path[ACCOUNT.name]
    return account


def is_owner(call: Call) -> bool:
    """After a guard that `make_guard` made."""
    return call.request.scope[RELATION] is Relation.OWNER


async def _owns(call: Call) -> bool:
    api: Api = call.service
    found = await api.ledger.get_account(encode_account_id(get_account(call)))
    signers = frozenset() if found is None else frozenset(found.signers)
    call.request.scope[SIGNERS] = signers
    return encode_account_id(get_signer(call)) in signers


def _refuse() -> Problem:
    return Problem(FORBIDDEN, "the key that signed is no signer of this account, if there is one")
