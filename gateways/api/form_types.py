"""What a form is made of, as administrators publish it and the database keeps it."""

from typing import Annotated, Any

import msgspec

CLASS_PATTERN = "^[a-z0-9][a-z0-9._-]{0,63}$"
DOCUMENT_BYTES_MAX = 256 * 1024 * 1024
SLOTS_MAX = 20
DAYS_MAX = 36_500

Name = Annotated[str, msgspec.Meta(pattern="^[a-z][a-z0-9_]{0,63}$")]
ClassName = Annotated[str, msgspec.Meta(pattern=CLASS_PATTERN)]
MediaType = Annotated[str, msgspec.Meta(pattern="^[a-z]+/[a-z0-9.+-]{1,64}$")]


class Slot(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A document that the form needs. `class_`: as the KeyChain's rules name it. `needs_scan`: it
    waits for a scanner of malware. `bytes_max`: before it is encrypted."""

    class_: ClassName = msgspec.field(name="class")
    media_types: Annotated[list[MediaType], msgspec.Meta(min_length=1, max_length=20)]
    bytes_max: Annotated[int, msgspec.Meta(ge=1, le=DOCUMENT_BYTES_MAX)] = 20 * 1024 * 1024
    is_required: bool = True
    needs_scan: bool = True


class FormRequest(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """`schema`: JSON Schema of the fields. `class_`: of the filled-in form. `days_valid`: after
    which it must be shown anew; null: never."""

    role_id: Annotated[str, msgspec.Meta(pattern="^[1-9][0-9]{0,18}$")]
    schema: dict[str, Any]
    class_: ClassName = msgspec.field(name="class")
    documents: Annotated[dict[Name, Slot], msgspec.Meta(max_length=SLOTS_MAX)] = {}
    days_valid: Annotated[int, msgspec.Meta(ge=1, le=DAYS_MAX)] | None = None
