"""The person who signs a request: a signer of the account in the path.

A key is replaced on the ledger. Where an account has one person, and that person's key signs for it
no more, whoever signs for it now is that person; otherwise the KeyServer says whose key it is.
"""

from gateways.api.access import SIGNERS, get_account, get_signer
from gateways.api.people import PERSON, ROTATE, Person, make_person
from gateways.api.service import Api
from gateways.http.routes import Call
from gateways.http.store import Transaction
from schemas.strkey import encode_account_id

OTHERS = "select person_id, signer from api.people where account_id = %s limit 2"


async def find_person(call: Call) -> int | None:
    """Its number, if anything is known of the person. Raises Problem."""
    api: Api = call.service
    async with api.store.transact() as transaction:
        return await _find(call, transaction)


async def require_person(call: Call, transaction: Transaction, locale: str = "") -> int:
    """The same; from now on the person is known. Raises Problem."""
    api: Api = call.service
    found = await _find(call, transaction)
    if found is not None and not locale:
        return found
    person = Person(get_account(call), get_signer(call), locale)
    return await make_person(transaction, person, api.settings.quotas.people)


async def _find(call: Call, transaction: Transaction) -> int | None:
    own = await transaction.execute(PERSON, (get_account(call), get_signer(call)))
    if own:
        return int(own[0][0])
    others = await transaction.execute(OTHERS, (get_account(call),))
    if len(others) != 1 or encode_account_id(others[0][1]) in call.request.scope[SIGNERS]:
        return None
    await transaction.execute(ROTATE, (get_signer(call), others[0][0]))
    return int(others[0][0])
