"""Problem types that only a KeyServer has."""

from gateways.http.problems import ProblemType

SECRET_WRONG = ProblemType(
    "secret-wrong",
    401,
    "There is no such wallet, or the secret is another one",
    "Check the e-mail address as you typed it at sign-up, and the secret. Nobody learns which of "
    "the two is wrong.",
)
SECOND_FACTOR_REQUIRED = ProblemType(
    "second-factor-required",
    401,
    "The wallet has a second factor",
    "Send the authenticator's code, or a recovery code, in `second_factor`.",
)
SECOND_FACTOR_WRONG = ProblemType(
    "second-factor-wrong",
    401,
    "The code of the second factor is wrong or was used before",
    "Wait for the authenticator's next code; a code is good once. Set the device's clock.",
)
DEVICE_UNKNOWN = ProblemType(
    "device-unknown",
    401,
    "The device is not one of the wallet's, or was revoked",
    "Unlock with `register` to make it one of the wallet's devices.",
)
CODE_WRONG = ProblemType(
    "code-wrong",
    403,
    "Code and key do not confirm anything",
    "Use the newest code, with the key of the same sign-up. Codes end: ask for another one.",
)
KDF_UNKNOWN = ProblemType(
    "kdf-unknown",
    422,
    "The key derivation is not a live one",
    "Use one that /v1/kdf lists, the first if you can.",
)
VERSION_CHANGED = ProblemType(
    "version-changed",
    409,
    "The wallet has changed meanwhile",
    "Unlock it again, then repeat what you wanted with its new version.",
)
CHANGE_UNDECIDED = ProblemType(
    "change-undecided",
    409,
    "The ledger has not decided on a change of this wallet yet",
    "Wait: it takes effect with its transaction, or ends with it.",
)
TRANSACTION_UNFIT = ProblemType(
    "transaction-unfit",
    422,
    "The transaction does not rotate the wallet's signer",
    "See the detail. It removes the old signer of the wallet's account and creates the new one.",
)
ENROLMENT_MISSING = ProblemType(
    "enrolment-missing",
    409,
    "No second factor is being enrolled",
    "Begin again: an enrolment is good for ten minutes.",
)
LEDGER_UNAVAILABLE = ProblemType(
    "ledger-unavailable",
    503,
    "The ledger cannot be asked",
    "Try again after Retry-After seconds.",
)
