"""The route table of a Horizon gateway. Private rows show people's data: they have a guard.

A transaction is shown to whoever knows its hash, which is as good as a key: its salt is random, and
only its submitter, its participants and the master ever see it.
"""

from collections.abc import Sequence
from typing import Any

from gateways.horizon import authorization, collections, handlers
from gateways.horizon.attributes import (
    AccountAttributes,
    AssetAttributes,
    BalanceAttributes,
    InfoAttributes,
    LedgerAttributes,
    MovementAttributes,
    OperationAttributes,
    ParticipantAttributes,
    ProofAttributes,
    TransactionAttributes,
)
from gateways.horizon.health import ViewHealth
from gateways.horizon.parameters import (
    ASSET_CODE,
    BALANCE_ID,
    BY_ACCOUNT,
    BY_ASSET,
    BY_BALANCE,
    BY_LEDGER,
    BY_TRANSACTION,
)
from gateways.horizon.submission import AVRO_TYPE, JSON_TYPES, Submission, post_transaction
from gateways.http import problems
from gateways.http.jsonapi import Document, Listing
from gateways.http.parameter_types import ACCOUNT_ID, HASH, NUMBER, choice, choices
from gateways.http.problems import ProblemType
from gateways.http.routes import (
    PAGE,
    REVALIDATED,
    UNCACHED,
    Guard,
    Handler,
    Parameter,
    Route,
)
from gateways.http.system import make_system_routes


def _list(
    path: str,
    view: collections.View,
    attributes: Any,
    doc: str,
    *filters: Parameter,
    is_public: bool = False,
    streams: bool = False,
) -> Route:
    more = () if is_public else (problems.FORBIDDEN,)
    return Route(
        path,
        "GET",
        collections.make_list_handler(view),
        doc,
        None if is_public else authorization.make_collection_guard(view.collection),
        Listing[attributes],
        parameters=(*filters, *PAGE),
        problems=(problems.BAD_REQUEST, problems.BAD_CURSOR, problems.VIEW_UNAVAILABLE, *more),
        streams=streams,
        tag=path.split("/")[2],
    )


def _one(
    path: str,
    handler: Handler,
    attributes: Any,
    doc: str,
    *key: Parameter,
    guard: Guard | None = None,
    parameters: Sequence[Parameter] = (),
    more: tuple[ProblemType, ...] = (),
    cache_control: str = REVALIDATED,
) -> Route:
    return Route(
        path,
        "GET",
        handler,
        doc,
        guard,
        Document[attributes],
        path_parameters=key,
        parameters=tuple(parameters),
        problems=(problems.BAD_REQUEST, problems.NOT_FOUND, problems.VIEW_UNAVAILABLE, *more),
        tag=path.split("/")[2],
        cache_control=cache_control,
    )


POST_TRANSACTION = Route(
    "/v3/transactions",
    "POST",
    post_transaction,
    "Submit a signed transaction. 202: durable and pending, see Location. 200: its first result.",
    response=Document[TransactionAttributes],
    parameters=(
        Parameter(
            "wait",
            choice("ingest", "result"),
            "`ingest` (default): answer when it is durable. `result`: when a ledger has it, most "
            "nodes reject it, or the time for a request is over.",
        ),
    ),
    accepts={**dict.fromkeys(JSON_TYPES, Submission), AVRO_TYPE: bytes},
    statuses=(200, 202),
    problems=(
        problems.BAD_REQUEST,
        problems.TRANSACTION_REJECTED,
        problems.OPERATION_INVALID,
        problems.TRANSACTION_FAILED,
        problems.CONTENT_TOO_LARGE,
        problems.UNSUPPORTED_MEDIA_TYPE,
        problems.BROKER_UNAVAILABLE,
        problems.VIEW_UNAVAILABLE,
    ),
    tag="transactions",
    cache_control=UNCACHED,
)

HORIZON_ROUTES: tuple[Route, ...] = (
    _one(
        "/v3/info",
        handlers.get_info,
        InfoAttributes,
        "The network, how far the views are, the core node behind them, the server's clock.",
    ),
    POST_TRANSACTION,
    _list(
        "/v3/transactions",
        collections.TRANSACTIONS,
        TransactionAttributes,
        "Transactions in ledgers. Those of an account have operations in its history.",
        BY_ACCOUNT,
        BY_LEDGER,
        streams=True,
    ),
    _one(
        "/v3/transactions/{hash}",
        handlers.get_transaction,
        TransactionAttributes,
        "One transaction, or the status of one on its way.",
        Parameter("hash", HASH, "The transaction's hash."),
        cache_control=UNCACHED,
        parameters=(
            Parameter("envelope_hash", HASH, "As the submission's Location has it."),
            Parameter("max_time_ms", NUMBER, "As the submission's Location has it."),
        ),
    ),
    _list(
        "/v3/ledgers",
        collections.LEDGERS,
        LedgerAttributes,
        "Closed ledgers.",
        is_public=True,
        streams=True,
    ),
    _one(
        "/v3/ledgers/{sequence}",
        handlers.get_ledger,
        LedgerAttributes,
        "One closed ledger.",
        Parameter("sequence", NUMBER, "Its sequence."),
    ),
    _list(
        "/v3/operations",
        collections.OPERATIONS,
        OperationAttributes,
        "Operations of transactions in ledgers.",
        BY_ACCOUNT,
        BY_LEDGER,
        BY_TRANSACTION,
        streams=True,
    ),
    _one(
        "/v3/operations/{id}",
        handlers.get_operation,
        OperationAttributes,
        "One operation.",
        Parameter("id", NUMBER, "Its id."),
        guard=authorization.guard_operation,
    ),
    _one(
        "/v3/accounts/{id}",
        handlers.get_account,
        AccountAttributes,
        "An account, with its balances and signers if asked for.",
        Parameter("id", ACCOUNT_ID, "G..."),
        guard=authorization.guard_account,
        parameters=(
            Parameter("include", choices("balances", "signers"), "What to include, with commas."),
        ),
    ),
    _list(
        "/v3/balances",
        collections.BALANCES,
        BalanceAttributes,
        "Balances.",
        BY_ACCOUNT,
        BY_ASSET,
    ),
    _one(
        "/v3/balances/{id}",
        handlers.get_balance,
        BalanceAttributes,
        "One balance.",
        Parameter("id", BALANCE_ID, "B..."),
        guard=authorization.guard_balance,
    ),
    _one(
        "/v3/balances/{id}/proof",
        handlers.get_balance_proof,
        ProofAttributes,
        "Proves a balance, or that there is none, to whoever knows the genesis.",
        Parameter("id", BALANCE_ID, "B..."),
        guard=authorization.guard_balance,
        more=(problems.CORE_UNAVAILABLE,),
    ),
    _list("/v3/assets", collections.ASSETS, AssetAttributes, "Assets.", is_public=True),
    _one(
        "/v3/assets/{code}",
        handlers.get_asset,
        AssetAttributes,
        "One asset.",
        Parameter("code", ASSET_CODE, "Its code."),
    ),
    _list(
        "/v3/history",
        collections.HISTORY,
        ParticipantAttributes,
        "What happened to an account: its operations, with their effects on its balances.",
        BY_ACCOUNT,
    ),
    _list(
        "/v3/movements",
        collections.MOVEMENTS,
        MovementAttributes,
        "What moved balances: the statement.",
        BY_ACCOUNT,
        BY_BALANCE,
        BY_ASSET,
        streams=True,
    ),
)

ROUTES: tuple[Route, ...] = (*HORIZON_ROUTES, *make_system_routes(ViewHealth))
