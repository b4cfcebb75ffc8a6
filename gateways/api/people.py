"""People and their addresses in the database: sealed, and found by keyed hashes alone."""

from collections.abc import Collection
from typing import NamedTuple

import psycopg

from gateways.api.problems import ACCOUNT_TAKEN, QUOTA_EXCEEDED
from gateways.http.problems import Problem
from gateways.http.store import Transaction
from gateways.sealing.keks import KeyEncryptionKeys
from schemas.strkey import encode_account_id

EMAIL, PHONE = "email", "phone"
PERSON = "select person_id from api.people where account_id = %s and signer = %s"
COUNT = "select count(*) from api.people where account_id = %s"
INSERT = (
    "insert into api.people (account_id, signer, locale) values (%s, %s, %s)"
    " on conflict (account_id, signer) do update set locale ="
    " case when excluded.locale = '' then people.locale else excluded.locale end"
    " returning person_id"
)
TAKE_STATEMENT = """
insert into api.statements as s values (%s, %s, %s)
on conflict (address_hash) do update
set issued_at_ms = excluded.issued_at_ms, digest = excluded.digest
where s.issued_at_ms < excluded.issued_at_ms or s.digest = excluded.digest
returning 1"""
TAKE_PERSON = """
insert into api.person_statements as s values (%s, %s, %s)
on conflict (account_id, signer) do update
set issued_at_ms = greatest(s.issued_at_ms, excluded.issued_at_ms)
returning issued_at_ms = %s"""
HOLDER = (
    "select l.link_id, p.person_id, p.account_id, p.signer from api.links l"
    " join api.people p using (person_id) where l.address_hash = %s for update"
)
OWN = "select link_id from api.links where person_id = %s and kind = %s for update"
LINK = (
    "insert into api.links (person_id, kind, address_hash, sealed, stated_at_ms)"
    " values (%s, %s, %s, %s, %s)"
)
REPLACE = (
    "update api.links set address_hash = %s, sealed = %s, stated_at_ms = %s where link_id = %s"
)
UNLINK = "delete from api.links where link_id = %s"
UNLINK_OWN = (
    "delete from api.links l using api.people p where p.person_id = l.person_id and l.kind = %s"
    " and p.account_id = %s and p.signer = %s"
)
ROTATE = "update api.people set signer = %s where person_id = %s"


class Address(NamedTuple):
    """An address as the database holds it. `stated_at_ms`: when its owner was proven."""

    kind: str
    address_hash: bytes
    sealed: bytes
    stated_at_ms: int


class Person(NamedTuple):
    """A signer of an account. `signers`: all of the account's that are known, G..."""

    account_id: bytes
    signer: bytes
    locale: str = ""
    signers: Collection[str] = ()


def hash_address(keks: KeyEncryptionKeys, kind: str, address: str) -> bytes:
    """`address` in normal form."""
    return keks.compute_lookup(f"link/{kind}", address.encode())


def seal_address(keks: KeyEncryptionKeys, kind: str, address: str, stated_at_ms: int) -> Address:
    """`address` in normal form."""
    hashed = hash_address(keks, kind, address)
    return Address(kind, hashed, keks.wrap(address.encode(), _name(kind, hashed)), stated_at_ms)


def open_address(keks: KeyEncryptionKeys, kind: str, address_hash: bytes, sealed: bytes) -> str:
    """Raises Unopenable."""
    return keks.unwrap(sealed, _name(kind, address_hash)).decode()


def _name(kind: str, address_hash: bytes) -> str:
    return f"links/{kind}/{address_hash.hex()}"


async def make_person(transaction: Transaction, person: Person, people_max: int) -> int:
    """Its number; made if it is not there. Raises Problem."""
    known = await transaction.execute(PERSON, person[:2])
    if not known:
        ((count,),) = await transaction.execute(COUNT, (person.account_id,))
        if count >= people_max:
            raise Problem(QUOTA_EXCEEDED, f"an account has at most {people_max} people")
    ((person_id,),) = await transaction.execute(INSERT, person[:3])
    return int(person_id)


async def unlink_others(transaction: Transaction, person: Person, address: Address) -> bool:
    """Takes the address from whoever else has it. Whether the person has it now. Where the old key
    signs for the same account no more, and the new one is nobody's yet, the key has changed and the
    person is the same.
    """
    holder = await transaction.execute(HOLDER, (address.address_hash,))
    if not holder:
        return False
    ((link_id, person_id, account_id, signer),) = holder
    if (account_id, signer) == person[:2]:
        return True
    known = await transaction.execute(PERSON, person[:2])
    is_old = encode_account_id(signer) not in person.signers
    if account_id == person.account_id and is_old and not known:
        await transaction.execute(ROTATE, (person.signer, person_id))
        return True
    await transaction.execute(UNLINK, (link_id,))
    return False


async def link(transaction: Transaction, person: Person, address: Address, people_max: int) -> None:
    """The address is the person's from now on, in place of another one of its kind, and nobody
    else's. Raises Problem.
    """
    if await unlink_others(transaction, person, address):
        return
    person_id = await make_person(transaction, person, people_max)
    own = await transaction.execute(OWN, (person_id, address.kind))
    if own:
        values = (address.address_hash, address.sealed, address.stated_at_ms)
        await transaction.execute(REPLACE, (*values, own[0][0]))
    else:
        await _insert(transaction, person_id, address)


async def link_stated(
    transaction: Transaction, person: Person, address: Address, digest: bytes, people_max: int
) -> bool:
    """By a statement. False: a newer one about the address or the person is known, whichever came
    first; what this one says of the other has to be committed all the same. Others about the
    address wait for the end of the transaction. Raises Problem.
    """
    at_ms, whom = address.stated_at_ms, person[:2]
    taken = await transaction.execute(TAKE_STATEMENT, (address.address_hash, at_ms, digest))
    ((is_newest,),) = await transaction.execute(TAKE_PERSON, (*whom, at_ms, at_ms))
    if taken and is_newest:
        await link(transaction, person, address, people_max)
        return True
    if taken:
        await unlink_others(transaction, person, address)
    elif is_newest:
        await transaction.execute(UNLINK_OWN, (address.kind, *whom))
    return False


async def _insert(transaction: Transaction, person_id: int, address: Address) -> None:
    try:
        await transaction.execute(
            LINK,
            (person_id, address.kind, address.address_hash, address.sealed, address.stated_at_ms),
        )
    except psycopg.errors.UniqueViolation:
        raise Problem(ACCOUNT_TAKEN, "the address was linked at the same time") from None
