"""Transactions as readable JSON: what `tokend tx build FILE` reads.

    {"source_account": "G...",
     "memo": "rent",
     "operations": [{"body": {"type": "payment", "amount": "12.50", ...}}]}

The members are those of the contract's Transaction (`schemas.readable`); what a network or a clock
knows may be left out: `network_id`, `salt`, `min_time_ms`, `max_time_ms`, `memo`.
"""

import secrets
from collections.abc import Iterable, Iterator
from typing import Any, Protocol

from gateways.client.errors import ClientError
from gateways.client.transactions import LIFETIME_MS
from schemas.generated.common import AccountID, Hash
from schemas.generated.transactions import Transaction
from schemas.preview import describe_operation
from schemas.readable import Scales, Unreadable, read_value, show_account, show_value
from schemas.strkey import StrkeyError, decode_account_id
from schemas.values import format_time
from streams.ledger.hashes import compute_balance_id

BALANCES_TRIED = 10  # of each account and asset, to find of what asset a balance is


class Assets(Protocol):
    """What a Horizon client knows of assets."""

    def get_asset(self, code: str) -> dict[str, Any]: ...

    def walk(self, path: str) -> Iterable[dict[str, Any]]: ...


def read_transaction(
    document: Any, network_id: Hash, now_ms: int, client: Assets, lifetime_ms: int = LIFETIME_MS
) -> Transaction:
    """`now_ms`: the network's time. Raises ClientError with the path of what is wrong."""
    if not isinstance(document, dict):
        raise ClientError("the transaction is no JSON object")
    filled = {
        "network_id": network_id.hex(),
        "salt": str(secrets.randbits(64)),
        "min_time_ms": "0",
        "max_time_ms": str(now_ms + lifetime_ms),
        "memo": "",
        **document,
    }
    accounts = [document.get("source_account")]
    operations = document.get("operations")
    if isinstance(operations, list):
        accounts += [each.get("source") for each in operations if isinstance(each, dict)]
    try:
        transaction = read_value(Transaction, filled, _make_scales(network_id, accounts, client))
    except Unreadable as error:
        raise ClientError(f"the transaction: {error}") from None
    if not isinstance(transaction, Transaction):
        raise TypeError(type(transaction).__name__)
    return transaction


def preview_transaction(transaction: Transaction, client: Assets) -> Iterator[str]:
    """What the transaction says, line by line, with amounts as decimals."""
    network_id, source = transaction.network_id, transaction.source_account
    sources = [source, *(each.source for each in transaction.operations if each.source)]
    scales = _make_scales(network_id, map(show_account, sources), client)
    shown = show_value(transaction, scales)
    yield f"network {network_id.hex()}"
    yield f"source account {shown['source_account']}"
    yield f"valid until {format_time(transaction.max_time_ms)}"
    if transaction.memo:
        yield f"memo: {transaction.memo}"
    for number, each in enumerate(shown["operations"], start=1):
        by = f" by {each['source']}" if each["source"] else ""
        yield f"{number}. {each['body']['type']}{by}"
        for line in describe_operation(each["body"]["type"], each["body"]):
            yield f"   {line}"


def _make_scales(network_id: Hash, accounts: Iterable[Any], client: Assets) -> Scales:
    return Scales(_Digits(client), _BalanceAssets(network_id, accounts, client))


class _Digits(dict[str, int]):
    """Asks for an asset's decimals when they are first wanted."""

    def __init__(self, client: Assets) -> None:
        super().__init__()
        self._client = client

    def get(self, code: str, default: Any = None) -> Any:
        if code and code not in self:
            self[code] = self._client.get_asset(code)["trailing_digits"]
        return super().get(code, default)


class _BalanceAssets(dict[bytes, str]):
    """Balances are private, but their ids follow from account and asset, and assets are public."""

    def __init__(self, network_id: Hash, accounts: Iterable[Any], client: Assets) -> None:
        super().__init__()
        self._network_id = network_id
        self._accounts = [_decode(each) for each in accounts if isinstance(each, str)]
        self._client = client
        self._is_filled = False

    def get(self, balance_id: bytes, default: Any = None) -> Any:
        if not self._is_filled:
            self._fill()
        return super().get(balance_id, default)

    def _fill(self) -> None:
        self._is_filled = True
        for asset in self._client.walk("/v3/assets"):
            code = asset["id"]
            for account in filter(None, self._accounts):
                for index in range(BALANCES_TRIED):
                    self[compute_balance_id(self._network_id, account, code, index)] = code


def _decode(address: str) -> AccountID | None:
    try:
        return decode_account_id(address)
    except StrkeyError:
        return None  # reading the transaction says so, with the path
