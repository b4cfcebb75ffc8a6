"""Problem types that only API has."""

from gateways.http.problems import ProblemType

LEDGER_UNAVAILABLE = ProblemType(
    "ledger-unavailable",
    503,
    "No Horizon gateway answers",
    "Sign and send the request again after Retry-After seconds.",
)
NOTIFICATOR_UNAVAILABLE = ProblemType(
    "notificator-unavailable",
    503,
    "The Notificator does not answer",
    "Sign and send the request again after Retry-After seconds.",
)
DOCUMENTS_UNAVAILABLE = ProblemType(
    "documents-unavailable",
    503,
    "The store of large contents does not answer",
    "Sign and send the request again after Retry-After seconds.",
)
STATEMENT_INVALID = ProblemType(
    "statement-invalid",
    400,
    "This is no statement of this network's KeyServer about this e-mail",
    "Send the bytes and the signature as the KeyServer gave them, with the e-mail they are about.",
)
STATEMENT_STALE = ProblemType(
    "statement-stale",
    409,
    "The statement is too old, or a newer one has taken its place",
    "Ask the KeyServer for a new statement.",
)
ACCOUNT_TAKEN = ProblemType(
    "account-taken",
    409,
    "The account belongs to somebody else",
    "Sign up with a new account key. If the account is yours, name a signer that it has.",
)
QUOTA_EXCEEDED = ProblemType(
    "quota-exceeded",
    409,
    "The account holds as much as it may",
    "Delete what is not needed; the detail names the quota.",
)
CODE_WRONG = ProblemType(
    "code-wrong",
    400,
    "The code is wrong, was used, or is over",
    "Enter the newest code that was sent, or ask for another.",
)
CONTENT_INVALID = ProblemType(
    "content-invalid",
    400,
    "The content is not as its type demands",
    "See the detail and the type's schema.",
)
TYPE_IN_USE = ProblemType(
    "type-in-use",
    409,
    "Contents of this type are there",
    "Make a new type beside it: what was accepted under a schema keeps it.",
)
UPLOAD_INCOMPLETE = ProblemType(
    "upload-incomplete",
    409,
    "What was uploaded is not what was announced",
    "Upload exactly the announced bytes to the given address, or announce an upload again.",
)
NOTIFICATION_REFUSED = ProblemType(
    "notification-refused",
    400,
    "The Notificator refuses this",
    "Correct what the detail names.",
)
TERMS_UNKNOWN = ProblemType(
    "terms-unknown",
    409,
    "There is no such version of the terms",
    "Accept a version that /v1/terms lists.",
)
SECOND_FACTOR_NEEDED = ProblemType(
    "second-factor-needed",
    403,
    "The second factor must be on",
    "Turn on the second factor at the KeyServer, and get a new statement from it.",
)
INVITATION_INVALID = ProblemType(
    "invitation-invalid",
    409,
    "The invitation is unknown, used, withdrawn or over",
    "Ask whoever invited you for a new one.",
)
FORM_INVALID = ProblemType(
    "form-invalid",
    400,
    "The form cannot be published",
    "See the detail: a JSON Schema of an object, and the documents that it needs.",
)
SUBMISSION_INVALID = ProblemType(
    "submission-invalid",
    400,
    "The submission is not what its form wants",
    "See the detail, and the form at /v1/forms.",
)
SUBMISSION_EXISTS = ProblemType(
    "submission-exists",
    409,
    "There is a submission with this commitment",
    "Make a new salt for every submission.",
)
DOCUMENT_IN_USE = ProblemType(
    "document-in-use",
    409,
    "The document belongs to a submission",
    "It is deleted with the submission, by an erasure.",
)
CASES_UNAVAILABLE = ProblemType(
    "cases-unavailable",
    503,
    "The projection of cases is not there",
    "Sign and send the request again after Retry-After seconds, or ask another instance.",
)
