"""Problem types that only the KeyChain has."""

from gateways.http.problems import ProblemType

LEDGER_UNPROVED = ProblemType(
    "ledger-unproved",
    503,
    "The ledger's rights cannot be proved now",
    "Sign and send the request again after Retry-After seconds. Nothing was released.",
)
SECOND_PERSON_NEEDED = ProblemType(
    "second-person-needed",
    403,
    "This administrator has got as many keys in this hour as one person may",
    "Another administrator allows more by POST /v1/approvals, or wait for the hour to pass.",
)
KEY_EXISTS = ProblemType(
    "key-exists",
    409,
    "There is a key for this subject",
    "Use its public half, or name another version as the subject.",
)
QUOTA_EXCEEDED = ProblemType(
    "quota-exceeded",
    409,
    "The account has as many keys as it may",
    "Erase keys of versions that are not needed.",
)
NOT_APART = ProblemType(
    "not-apart",
    503,
    "This KeyChain does not know that it is apart from API",
    "Ask another instance. The operator corrects what the detail names.",
)
