"""Looks at one opened paper, in a child process: what is wrong with it, as codes.

Imported by the child alone: the libraries are heavy, and what they read may be hostile. Headers are
judged before anything is decoded.
"""

import io
import warnings
from typing import Any

import msgspec

from gateways.identity.fields import FieldsInvalid, validate_fields
from gateways.identity.reasons import Reason

PIXELS_MAX = 50_000_000
FRAMES_MAX = 20
PAGES_MAX = 100
OBJECTS_MAX = 200_000
RENDERED_PAGES, RENDER_SCALE = 3, 0.25
HEAD_BYTES, TAIL_BYTES = 1_024, 70_000
IMAGES = {
    "image/jpeg": "JPEG",
    "image/png": "PNG",
    "image/webp": "WEBP",
    "image/tiff": "TIFF",
}
PDF = "application/pdf"
BEGINNINGS = {
    b"\xff\xd8\xff": "image/jpeg",
    b"\x89PNG\r\n\x1a\n": "image/png",
    b"%PDF-": PDF,
}
MARKUP = (b"<html", b"<script", b"<svg", b"<?xml", b"<!doctype")
ARCHIVE_END = b"PK\x05\x06"
ACTIVE_KEYS = frozenset(
    {"/JS", "/JavaScript", "/Launch", "/EmbeddedFile", "/EmbeddedFiles", "/RichMedia", "/XFA"}
)


def load(*, is_form: bool) -> None:
    """Imports what looking at a paper needs, while files can still be read."""
    if not is_form:
        import pikepdf  # noqa: F401
        import puremagic  # noqa: F401
        import pypdfium2  # noqa: F401
        from PIL import Image

        Image.init()


def inspect_form(content: bytes, schema: dict[str, Any]) -> tuple[list[str], dict[str, Any]]:
    """Codes, and the fields if they are as the schema wants them."""
    try:
        fields = msgspec.json.decode(content)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return [Reason.FORM_UNREADABLE], {}
    if not isinstance(fields, dict):
        return [Reason.FORM_INVALID], {}
    try:
        validate_fields(schema, fields)
    except FieldsInvalid:
        return [Reason.FORM_INVALID], {}
    return [], fields


def inspect_document(content: bytes, media_types: list[str], bytes_max: int) -> list[str]:
    """Codes of one document."""
    if len(content) > bytes_max:
        return [Reason.DOCUMENT_TOO_LARGE]
    found = find_type(content)
    if found not in media_types:
        return [Reason.WRONG_MEDIA_TYPE]
    if is_polyglot(content, found):
        return [Reason.ACTIVE_CONTENT]
    if found in IMAGES:
        return _inspect_image(content, IMAGES[found])
    if found == PDF:
        return _inspect_pdf(content)
    return [Reason.WRONG_MEDIA_TYPE]


def find_type(content: bytes) -> str:
    """By its first bytes, whatever it is called; empty: unknown."""
    for beginning, name in BEGINNINGS.items():
        if content.startswith(beginning):
            return name
    import puremagic

    try:
        return str(puremagic.from_string(content[:4_096], mime=True))
    except (puremagic.PureError, ValueError):
        return ""


def is_polyglot(content: bytes, found: str) -> bool:
    """Whether it is something else too, for programs that look elsewhere."""
    head, tail = content[:HEAD_BYTES].lower(), content[-TAIL_BYTES:]
    if any(each in head for each in MARKUP) or ARCHIVE_END in tail:
        return True
    return found != PDF and b"%pdf-" in head


def _inspect_image(content: bytes, form: str) -> list[str]:
    from PIL import Image, UnidentifiedImageError

    Image.MAX_IMAGE_PIXELS = PIXELS_MAX
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            with Image.open(io.BytesIO(content), formats=[form]) as image:
                frames = getattr(image, "n_frames", 1)
                if image.width * image.height * frames > PIXELS_MAX or frames > FRAMES_MAX:
                    return [Reason.DOCUMENT_TOO_LARGE]
                image.verify()
            with Image.open(io.BytesIO(content), formats=[form]) as image:
                image.load()
    except (Image.DecompressionBombError, Image.DecompressionBombWarning, MemoryError):
        return [Reason.DOCUMENT_TOO_LARGE]
    except (UnidentifiedImageError, OSError, SyntaxError, ValueError, Warning, EOFError):
        return [Reason.DOCUMENT_UNREADABLE]
    return []


def _inspect_pdf(content: bytes) -> list[str]:
    import pikepdf

    try:
        with pikepdf.open(io.BytesIO(content), attempt_recovery=False) as pdf:
            if pdf.is_encrypted:
                return [Reason.DOCUMENT_ENCRYPTED]
            if len(pdf.pages) > PAGES_MAX or len(pdf.objects) > OBJECTS_MAX:
                return [Reason.DOCUMENT_TOO_LARGE]
            if len(pdf.pages) == 0:
                return [Reason.DOCUMENT_UNREADABLE]
            if any(_is_active(each) for each in pdf.objects):
                return [Reason.ACTIVE_CONTENT]
            if any(_count_pixels(each) > PIXELS_MAX for each in pdf.objects):
                return [Reason.DOCUMENT_TOO_LARGE]
    except pikepdf.PasswordError:
        return [Reason.DOCUMENT_ENCRYPTED]
    except MemoryError:
        return [Reason.DOCUMENT_TOO_LARGE]
    except (pikepdf.PdfError, ValueError, RuntimeError, RecursionError, OSError):
        return [Reason.DOCUMENT_UNREADABLE]
    return _render(content)


def _count_pixels(value: Any) -> int:
    """Of a picture in a PDF."""
    import pikepdf

    if not isinstance(value, pikepdf.Stream) or value.get("/Subtype") != "/Image":
        return 0
    return int(value.get("/Width", 0)) * int(value.get("/Height", 0))


def _is_active(value: Any) -> bool:
    """A script, a program or a file in a PDF's object, also in dictionaries within it."""
    import pikepdf

    waiting, seen = [value], 0
    while waiting:
        each = waiting.pop()
        seen += 1
        if seen > OBJECTS_MAX:
            raise ValueError("an object without end")
        if isinstance(each, pikepdf.Array):
            waiting += [item for item in each if _is_direct(item)]
        elif isinstance(each, pikepdf.Dictionary | pikepdf.Stream):
            for key, item in each.items():
                is_named = key in ("/S", "/Type") and str(item) in ACTIVE_KEYS
                if key in ACTIVE_KEYS or is_named:
                    return True
                if _is_direct(item):
                    waiting.append(item)
    return False


def _is_direct(value: Any) -> bool:
    """Indirect objects are looked at by themselves."""
    import pikepdf

    return isinstance(value, pikepdf.Object) and not value.is_indirect


def _render(content: bytes) -> list[str]:
    """Whether its first pages can be shown."""
    import pypdfium2

    try:
        with pypdfium2.PdfDocument(content) as pdf:
            for index in range(min(len(pdf), RENDERED_PAGES)):
                page = pdf[index]
                width, height = page.get_size()
                if width * height * RENDER_SCALE**2 > PIXELS_MAX:
                    return [Reason.DOCUMENT_TOO_LARGE]
                page.render(scale=RENDER_SCALE).close()
    except MemoryError:
        return [Reason.DOCUMENT_TOO_LARGE]
    except (pypdfium2.PdfiumError, ValueError, RuntimeError):
        return [Reason.DOCUMENT_UNREADABLE]
    return []
