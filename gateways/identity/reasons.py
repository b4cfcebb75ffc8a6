"""Why a person's data is not accepted, as codes: what stands on the ledger, and what it means.

The ledger is public, so a rejection has codes from this table and no words of its own.
"""

from enum import StrEnum


class Reason(StrEnum):
    """Codes of rejections and of findings of the checker."""

    FORM_UNREADABLE = "FORM_UNREADABLE"
    FORM_INVALID = "FORM_INVALID"
    DOCUMENT_UNREADABLE = "DOCUMENT_UNREADABLE"
    DOCUMENT_MISSING = "DOCUMENT_MISSING"
    DOCUMENT_TOO_LARGE = "DOCUMENT_TOO_LARGE"
    DOCUMENT_ENCRYPTED = "DOCUMENT_ENCRYPTED"
    DOCUMENT_EXPIRED = "DOCUMENT_EXPIRED"
    WRONG_MEDIA_TYPE = "WRONG_MEDIA_TYPE"
    ACTIVE_CONTENT = "ACTIVE_CONTENT"
    MALWARE = "MALWARE"
    NAME_MISMATCH = "NAME_MISMATCH"
    NOT_LEGIBLE = "NOT_LEGIBLE"
    SANCTIONS_HIT = "SANCTIONS_HIT"
    COMMITMENT_MISMATCH = "COMMITMENT_MISMATCH"
    NOT_CHECKED = "NOT_CHECKED"
    OTHER = "OTHER"


MEANINGS = {
    Reason.FORM_UNREADABLE: "The form cannot be opened or is no JSON.",
    Reason.FORM_INVALID: "The form lacks something, or has something that it must not have.",
    Reason.DOCUMENT_UNREADABLE: "A document cannot be opened, or is damaged.",
    Reason.DOCUMENT_MISSING: "A document is missing.",
    Reason.DOCUMENT_TOO_LARGE: "A document has too many bytes, pixels or pages.",
    Reason.DOCUMENT_ENCRYPTED: "A document has a password: save it without one.",
    Reason.DOCUMENT_EXPIRED: "A document is not valid any more.",
    Reason.WRONG_MEDIA_TYPE: "A document is of another type than the form allows.",
    Reason.ACTIVE_CONTENT: "A document has scripts or files in it: print it into a new one.",
    Reason.MALWARE: "A document has a virus.",
    Reason.NAME_MISMATCH: "Names in form and documents differ.",
    Reason.NOT_LEGIBLE: "A document cannot be read by people: make a better picture.",
    Reason.SANCTIONS_HIT: "A person has to look at the name.",
    Reason.COMMITMENT_MISMATCH: "What is stored is not what was committed to: hand it in again.",
    Reason.NOT_CHECKED: "It could not be checked: a person has to look at it.",
    Reason.OTHER: "See the message of the reviewer.",
}


def write_reason(codes: list[Reason]) -> str:
    """As it stands on the ledger."""
    return " ".join(sorted(set(codes)))
