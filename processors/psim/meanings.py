"""What coins, tokens and accounts outside are in the network: by the details of assets. Pure."""

import json
from collections import Counter
from functools import lru_cache
from typing import Any, NamedTuple

from processors.psim.view import LedgerView
from schemas.generated.entries import Asset
from streams.ledger.border.chains import is_bank


class Meaning(NamedTuple):
    """What a coin or token of a chain is in the network. `minimum`: less is not credited."""

    asset: Asset
    minimum: int


def find_meanings(view: LedgerView, chain_id: str) -> tuple[dict[str, Meaning], list[str]]:
    """Per token of a chain what it is credited as, and what is wrong with the assets' details.

    The details of an asset of the shared account say it:
    {"deposit": {"chain": ..., "token": ..., "minimum": "1000"}}; without `token` it is the coin.
    Two assets of one token are a mistake, for which nothing is credited.
    """
    found: dict[str, Meaning] = {}
    twice: set[str] = set()
    problems = []
    for asset in view.get_own_assets():
        stated = read_deposit_details(asset.details)
        if stated is None or stated[0] != chain_id:
            continue
        _, token, minimum = stated
        if token in found:
            twice.add(token)
            problems.append(f"{found[token].asset.code} and {asset.code} are of one token")
        found[token] = Meaning(asset, minimum)
    return {token: each for token, each in found.items() if token not in twice}, problems


@lru_cache(maxsize=1_024)
def read_deposit_details(details: bytes) -> tuple[str, str, int] | None:
    """Chain, token and minimum that an asset's details name, if they do."""
    stated = _read_member(details, "deposit")
    chain = stated.get("chain")
    token, minimum = stated.get("token", ""), stated.get("minimum", "0")
    if not isinstance(chain, str) or not isinstance(token, str):
        return None
    if not isinstance(minimum, str) or not minimum.isdecimal():
        return None
    return chain, token, int(minimum[:40])


@lru_cache(maxsize=1_024)
def read_payout_chain(details: bytes) -> str | None:
    """By which chain, bank or gateway an asset leaves, where that is another than it comes in by:
    {"payout": {"chain": ...}} in the asset's details."""
    chain = _read_member(details, "payout").get("chain")
    return chain if isinstance(chain, str) else None


def _read_member(details: bytes, name: str) -> dict[str, Any]:
    """An object in an asset's details; empty if there is none."""
    try:
        content = json.loads(details or b"null")
    except (ValueError, RecursionError):
        return {}
    stated = content.get(name) if isinstance(content, dict) else None
    return stated if isinstance(stated, dict) else {}


class AccountAsset(NamedTuple):
    """An asset that is held at banks and gateways: what it comes in by, then what it leaves by,
    where that is another."""

    meaning: Meaning
    accounts: tuple[str, ...]


def find_account_assets(view: LedgerView) -> tuple[dict[str, AccountAsset], list[str]]:
    """By code, those with accounts of their own alone, and what is wrong with the others: a balance
    can only be compared with what is issued if it is of one asset."""
    found: dict[str, AccountAsset] = {}
    problems = []
    for asset in view.get_own_assets():
        stated, chain = read_deposit_details(asset.details), read_payout_chain(asset.details)
        named = ("" if stated is None else stated[0], chain or "")
        accounts = tuple(dict.fromkeys(each for each in named if each))
        if not any(map(is_bank, accounts)):
            continue
        if not all(map(is_bank, accounts)) or (stated is not None and stated[1]):
            problems.append(f"{asset.code} is of a chain and of a bank: its reserves are not known")
            continue
        minimum = 0 if stated is None else stated[2]
        found[asset.code] = AccountAsset(Meaning(asset, minimum), accounts)
    uses = Counter(account for each in found.values() for account in each.accounts)
    for code, each in list(found.items()):
        shared = [account for account in each.accounts if uses[account] > 1]
        if shared:
            del found[code]
            problems.append(f"{code} shares {shared[0]} with another asset: no reserves are known")
    return found, problems


def find_asset_of(view: LedgerView, chain_id: str) -> Asset | None:
    """What is held on an account."""
    found = find_account_assets(view)[0].values()
    return next((each.meaning.asset for each in found if chain_id in each.accounts), None)
