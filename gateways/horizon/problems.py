"""Problem types that only Horizon has."""

from gateways.http.problems import ProblemType

TRANSACTION_REJECTED = ProblemType(
    "transaction-rejected",
    400,
    "The transaction was rejected and is in no ledger",
    "See `code`. If `provisional` is true, the same envelope may be sent again.",
)
OPERATION_INVALID = ProblemType(
    "operation-invalid",
    400,
    "An operation is invalid in any state of the ledger",
    "See the codes in `operations`, correct the operations and sign a new transaction.",
)
TRANSACTION_FAILED = ProblemType(
    "transaction-failed",
    400,
    "The transaction failed: it is in a ledger and changed nothing",
    "See the codes in `operations`. A corrected attempt is a new transaction.",
)
CORE_UNAVAILABLE = ProblemType(
    "core-unavailable",
    503,
    "The core node does not answer",
    "Try again after Retry-After seconds, or use another gateway.",
)
BROKER_UNAVAILABLE = ProblemType(
    "broker-unavailable",
    503,
    "The transaction could not be stored durably, so it is not accepted",
    "Send the same envelope again after Retry-After seconds. It is applied only once.",
)
VIEW_UNAVAILABLE = ProblemType(
    "view-unavailable",
    503,
    "The views cannot be read now",
    "Try again after Retry-After seconds, or use another gateway.",
)
