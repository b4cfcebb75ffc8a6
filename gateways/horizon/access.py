"""Reads that rules allow: by signers of accounts that do not own what is read, e.g. auditors.

A signer may read what both its account's role and its own role allow with the action READ. The
rules are those of the views' ledger, asked with the same code as the core's.
"""

import time
from collections.abc import Mapping
from typing import Any

from gateways.horizon.service import Horizon
from gateways.horizon.view_state import read_state
from gateways.http.keyset import PageQuery
from schemas.generated import keys
from schemas.generated.common import (
    AccountResource,
    Action,
    BalanceResource,
    RequestResource,
    TransactionResource,
)
from streams.ledger.access.requirements import Requirement

READ = Action.READ.value
ACCOUNTS_OF_SIGNER = (
    "select s.role_id as signer_role, a.role_id as account_role from horizon.signers s"
    " join horizon.accounts a on a.account_id = s.account_id where s.public_key = %s"
    " order by a.sequential_id limit 100"
)


def require_account_read(given: Mapping[str, Any]) -> Requirement:
    """`given`: what is known of what is read; a rule that names more does not match."""
    return (AccountResource, READ, given.get("role_id"))


def require_balance_read(given: Mapping[str, Any]) -> Requirement:
    """Balances and what moved on them."""
    return (BalanceResource, READ, given.get("asset"), given.get("asset_type"))


def require_transaction_read(_: Mapping[str, Any]) -> Requirement:
    """Transactions and their operations, whatever they are about."""
    return (TransactionResource, READ)


def require_request_read(given: Mapping[str, Any]) -> Requirement:
    """Reviewable requests."""
    about = (given.get("kind"), given.get("asset"), given.get("asset_type"))
    return (RequestResource, READ, *about, 0, 0, 0)


async def may_read(horizon: Horizon, signer: bytes | None, requirement: Requirement) -> bool:
    """Whether `signer` signs for an account, with roles that allow it."""
    query = PageQuery(ACCOUNTS_OF_SIGNER, (signer,))
    snapshot = await horizon.database.get_pages(query)
    pairs = {(int(row.account_role), int(row.signer_role)) for row in snapshot.rows[0]}
    if not pairs:
        return False
    wanted = {keys.account_role_key(each) for each, _ in pairs}
    wanted |= {keys.signer_role_key(each) for _, each in pairs}
    wanted.add(keys.DEFAULT_SIGNER_RULES)
    entries, _ = await read_state(horizon, wanted)
    account_roles = [entries.get_account_role(each) for each, _ in pairs]
    signer_roles = [entries.get_signer_role(each) for _, each in pairs]
    rules = {keys.account_rule_key(n) for role in account_roles if role for n in role.rule_ids}
    rules |= {keys.signer_rule_key(n) for role in signer_roles if role for n in role.rule_ids}
    rules |= {keys.signer_rule_key(n) for n in entries.get_default_signer_rules().rule_ids}
    entries, _ = await read_state(horizon, wanted | rules)  # together, so that all is of one ledger
    access, now_ms = entries.access_rules, int(time.time() * 1000)
    return any(
        access.get_account_role(entries, account_role).is_allowed(requirement, now_ms)
        and access.get_signer_role(entries, signer_role).is_allowed(requirement, now_ms)
        for account_role, signer_role in pairs
    )
