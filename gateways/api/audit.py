"""The audit trail: every access to personal data by others than the person, before it is answered.

Rows name whose data it was, who saw it, what, and for which request; they hold none of it.
"""

from collections.abc import Sequence
from typing import Any, Protocol

from gateways.http.middleware import ID_KEY
from gateways.http.routes import Call
from schemas.strkey import encode_account_id

INSERT = (
    "insert into api.accesses (account_id, signer, actor, action, request_id)"
    " select a, s, %s, %s, %s from unnest(%s::bytea[], %s::bytea[]) as seen (a, s)"
)


class Executor(Protocol):
    """A store, or a transaction of it."""

    async def execute(self, sql: str, values: Sequence[Any] = ()) -> list[tuple[Any, ...]]: ...


async def note(
    executor: Executor, call: Call, action: str, seen: Sequence[tuple[bytes, bytes | None]]
) -> None:
    """`seen`: whose data, as (account, signer). Raises Problem: then nothing may be shown."""
    actor = "" if call.signer is None else encode_account_id(call.signer)
    request_id = call.request.scope[ID_KEY]
    await note_actor(executor, actor, action, request_id, seen)


async def note_actor(
    executor: Executor,
    actor: str,
    action: str,
    request_id: str,
    seen: Sequence[tuple[bytes, bytes | None]],
) -> None:
    """The same of an actor that is no key."""
    accounts, signers = [each for each, _ in seen], [each for _, each in seen]
    await executor.execute(INSERT, (actor, action, request_id, accounts, signers))
