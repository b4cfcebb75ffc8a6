"""People and their addresses in the database: sealed, and found by keyed hashes alone."""

from typing import NamedTuple

import psycopg

from gateways.api.problems import ACCOUNT_TAKEN, QUOTA_EXCEEDED, STATEMENT_STALE
from gateways.http.problems import Problem
from gateways.http.store import Transaction
from gateways.sealing.keks import KeyEncryptionKeys

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
HOLDER = (
    "select l.link_id, p.person_id, p.account_id, p.signer from api.links l"
    " join api.people p using (person_id) where l.address_hash = %s for update"
)
OWN = "select link_id, stated_at_ms from api.links where person_id = %s and kind = %s for update"
LINK = (
    "insert into api.links (person_id, kind, address_hash, sealed, stated_at_ms)"
    " values (%s, %s, %s, %s, %s)"
)
REPLACE = (
    "update api.links set address_hash = %s, sealed = %s, stated_at_ms = %s where link_id = %s"
)
UNLINK = "delete from api.links where link_id = %s"
ROTATE = "update api.people set signer = %s where person_id = %s"


class Address(NamedTuple):
    """An address as the database holds it. `stated_at_ms`: when its owner was proven."""

    kind: str
    address_hash: bytes
    sealed: bytes
    stated_at_ms: int


class Person(NamedTuple):
    """A signer of an account."""

    account_id: bytes
    signer: bytes
    locale: str = ""


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


async def take_statement(transaction: Transaction, address: Address, digest: bytes) -> None:
    """From now on no older statement about the address is taken. The same one again is. Others
    about the address wait for the end of the transaction. Raises Problem.
    """
    values = (address.address_hash, address.stated_at_ms, digest)
    if not await transaction.execute(TAKE_STATEMENT, values):
        raise Problem(STATEMENT_STALE, "a newer statement about this e-mail was taken before")


async def make_person(transaction: Transaction, person: Person, people_max: int) -> int:
    """Its number; made if it is not there. Raises Problem."""
    known = await transaction.execute(PERSON, person[:2])
    if not known:
        ((count,),) = await transaction.execute(COUNT, (person.account_id,))
        if count >= people_max:
            raise Problem(QUOTA_EXCEEDED, f"an account has at most {people_max} people")
    ((person_id,),) = await transaction.execute(INSERT, person)
    return int(person_id)


async def link(transaction: Transaction, person: Person, address: Address, people_max: int) -> None:
    """The address is the person's from now on, and nobody else's. Whoever had it before loses it,
    unless it is the same account: then its key has changed. Raises Problem.
    """
    holder = await transaction.execute(HOLDER, (address.address_hash,))
    if holder:
        ((link_id, person_id, account_id, signer),) = holder
        if (account_id, signer) == person[:2]:
            return
        known = await transaction.execute(PERSON, person[:2])
        if account_id == person.account_id and not known:
            await transaction.execute(ROTATE, (person.signer, person_id))
            return
        await transaction.execute(UNLINK, (link_id,))
    person_id = await make_person(transaction, person, people_max)
    own = await transaction.execute(OWN, (person_id, address.kind))
    values = (address.address_hash, address.sealed, address.stated_at_ms)
    if not own:
        await _insert(transaction, person_id, address)
    elif own[0][1] < address.stated_at_ms:
        await transaction.execute(REPLACE, (*values, own[0][0]))
    else:
        raise Problem(STATEMENT_STALE, "a newer address of this person is known")


async def _insert(transaction: Transaction, person_id: int, address: Address) -> None:
    try:
        await transaction.execute(
            LINK,
            (person_id, address.kind, address.address_hash, address.sealed, address.stated_at_ms),
        )
    except psycopg.errors.UniqueViolation:
        raise Problem(ACCOUNT_TAKEN, "the address was linked at the same time") from None
