"""Hostile and odd documents, each with the codes that the checker must find. All are made here."""

import io
import struct
import zipfile
import zlib
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

import pikepdf
from PIL import Image

from gateways.identity.reasons import Reason

PNG, JPEG, PDF = "image/png", "image/jpeg", "application/pdf"
TYPES = (PNG, JPEG, PDF)
BYTES_MAX = 4 * 1024 * 1024
BAD, LARGE, TYPE = Reason.DOCUMENT_UNREADABLE, Reason.DOCUMENT_TOO_LARGE, Reason.WRONG_MEDIA_TYPE
OBJECT_STREAMS = pikepdf.ObjectStreamMode.generate
PASSWORD = pikepdf.Encryption(user="secret", owner="secret")
RIGHTS = pikepdf.Encryption(user="", owner="secret")
LOCKED, ACTIVE = Reason.DOCUMENT_ENCRYPTED, Reason.ACTIVE_CONTENT


class Sample(NamedTuple):
    """`codes`: any of them is right, where several things are wrong at once."""

    name: str
    make: Callable[[], bytes]
    codes: tuple[Reason, ...]


def make_image(form: str, size: tuple[int, int] = (40, 30), **more: Any) -> bytes:
    content = io.BytesIO()
    Image.new("RGB", size, "white").save(content, form, **more)
    return content.getvalue()


def make_pdf(change: Callable[[pikepdf.Pdf], None] = lambda _: None, **more: Any) -> bytes:
    content = io.BytesIO()
    with pikepdf.new() as pdf:
        pdf.add_blank_page()
        change(pdf)
        pdf.save(content, **more)
    return content.getvalue()


def make_zip() -> bytes:
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w") as archive:
        archive.writestr("a.js", "alert(1)")
    return content.getvalue()


def chunk(kind: bytes, content: bytes) -> bytes:
    checksum = zlib.crc32(kind + content)
    return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", checksum)


def make_png_bomb(width: int, height: int) -> bytes:
    """A few kilobytes that claim, and would become, very many pixels."""
    head = struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0)
    rows = zlib.compress(bytes(10_000_000), 9)
    body = chunk(b"IHDR", head) + chunk(b"IDAT", rows) + chunk(b"IEND", b"")
    return b"\x89PNG\r\n\x1a\n" + body


def make_text_bomb() -> bytes:
    """A picture whose comment would become a hundred megabytes."""
    text = b"comment\0\0" + zlib.compress(bytes(100_000_000), 9)
    plain = make_image("PNG")
    return plain[:33] + chunk(b"zTXt", text) + plain[33:]


def add_script(pdf: pikepdf.Pdf) -> None:
    pdf.Root.OpenAction = pikepdf.Dictionary(S=pikepdf.Name.JavaScript, JS="app.alert(1)")


def add_launch(pdf: pikepdf.Pdf) -> None:
    action = pikepdf.Dictionary(S=pikepdf.Name.Launch, F="cmd.exe")
    pdf.Root.OpenAction = pdf.make_indirect(action)


def add_file(pdf: pikepdf.Pdf) -> None:
    pdf.attachments["a.exe"] = pikepdf.AttachedFileSpec(pdf, b"MZ")


def add_form_script(pdf: pikepdf.Pdf) -> None:
    script = pikepdf.Dictionary(S=pikepdf.Name.JavaScript, JS="1")
    pdf.pages[0].AA = pikepdf.Dictionary(O=script)


def add_xfa(pdf: pikepdf.Pdf) -> None:
    pdf.Root.AcroForm = pikepdf.Dictionary(XFA=pdf.make_stream(b"<xdp/>"))


def add_pages(pdf: pikepdf.Pdf) -> None:
    for _ in range(150):
        pdf.add_blank_page()


def remove_pages(pdf: pikepdf.Pdf) -> None:
    del pdf.pages[0]


def draw_bomb(pdf: pikepdf.Pdf) -> None:
    """An image of a page that would become ten gigabytes."""
    image = pdf.make_stream(zlib.compress(bytes(50_000_000), 9))
    image.Type, image.Subtype, image.Filter = (
        pikepdf.Name.XObject,
        pikepdf.Name.Image,
        pikepdf.Name.FlateDecode,
    )
    image.Width, image.Height, image.BitsPerComponent = 60_000, 60_000, 8
    image.ColorSpace = pikepdf.Name.DeviceRGB
    pdf.pages[0].Resources = pikepdf.Dictionary(XObject=pikepdf.Dictionary(I=image))
    pdf.pages[0].Contents = pdf.make_stream(b"q 600 0 0 600 0 0 cm /I Do Q")


def nest_deep() -> bytes:
    """Arrays within arrays, two hundred thousand of them."""
    depth = 200_000
    body = b"[" * depth + b"]" * depth
    return _write_pdf(b"<< /Type /Catalog /Pages 2 0 R /Deep " + body + b" >>")


def nest_pages() -> bytes:
    """A tree of pages that contains itself."""
    return _write_pdf(
        b"<< /Type /Catalog /Pages 2 0 R >>", b"<< /Type /Pages /Count 1 /Kids [2 0 R] >>"
    )


def _write_pdf(*objects: bytes) -> bytes:
    if len(objects) == 1:
        objects = (*objects, b"<< /Type /Pages /Count 0 /Kids [] >>")
    content, places = b"%PDF-1.7\n", []
    for number, each in enumerate(objects, 1):
        places.append(len(content))
        content += b"%d 0 obj\n" % number + each + b"\nendobj\n"
    table = b"xref\n0 %d\n0000000000 65535 f \n" % (len(objects) + 1)
    table += b"".join(b"%010d 00000 n \n" % place for place in places)
    trailer = b"trailer << /Size %d /Root 1 0 R >>\n" % (len(objects) + 1)
    return content + table + trailer + b"startxref\n%d\n%%%%EOF\n" % len(content)


def make_good() -> Iterator[Sample]:
    yield Sample("png", lambda: make_image("PNG"), ())
    yield Sample("jpeg", lambda: make_image("JPEG"), ())
    yield Sample("pdf", make_pdf, ())
    yield Sample("pdf with object streams", lambda: make_pdf(object_stream_mode=OBJECT_STREAMS), ())
    yield Sample("jpeg with a camera's trailer", lambda: make_image("JPEG") + b"\0" * 500, ())


def make_bad() -> Iterator[Sample]:
    png, jpeg, pdf, archive = make_image("PNG"), make_image("JPEG"), make_pdf(), make_zip()
    yield Sample("nothing", lambda: b"", (TYPE,))
    yield Sample("zeros", lambda: bytes(10_000), (TYPE,))
    yield Sample("text", lambda: b"hello" * 100, (TYPE,))
    yield Sample("html", lambda: b"<!doctype html><script>alert(1)</script>", (TYPE,))
    yield Sample("svg", lambda: b'<svg xmlns="http://www.w3.org/2000/svg"/>', (TYPE,))
    yield Sample("zip", lambda: archive, (TYPE,))
    yield Sample("program", lambda: b"\x7fELF" + bytes(1_000), (TYPE,))
    yield Sample("gif", lambda: make_image("GIF"), (TYPE,))
    yield Sample("bmp", lambda: make_image("BMP"), (TYPE,))
    yield Sample("too many bytes", lambda: png + bytes(BYTES_MAX), (LARGE,))
    yield Sample("png and zip", lambda: png + archive, (ACTIVE,))
    yield Sample("jpeg and zip", lambda: jpeg + archive, (ACTIVE,))
    yield Sample("pdf and zip", lambda: pdf + archive, (ACTIVE,))
    yield Sample("png that begins a pdf", lambda: png[:8] + b"%PDF-1.7\n" + png[8:], (ACTIVE,))
    yield Sample("png with markup", lambda: png[:33] + b"<script>" + png[33:], (ACTIVE,))
    yield Sample("png cut in half", lambda: png[: len(png) // 2], (BAD,))
    yield Sample("jpeg cut in half", lambda: jpeg[: len(jpeg) // 2], (BAD,))
    yield Sample("pdf cut in half", lambda: pdf[: len(pdf) // 2], (BAD,))
    yield Sample("png's beginning alone", lambda: png[:8], (BAD,))
    yield Sample("pdf's beginning alone", lambda: b"%PDF-1.7\n", (BAD,))
    yield Sample("png with a wrong checksum", lambda: png[:29] + b"\0\0\0\0" + png[33:], (BAD,))
    yield Sample("png of noise", lambda: png[:40] + bytes(range(256)) * 8, (BAD,))
    yield Sample("png bomb", lambda: make_png_bomb(100_000, 100_000), (LARGE,))
    yield Sample("wide png bomb", lambda: make_png_bomb(2**31 - 1, 1), (LARGE, BAD))
    yield Sample("png with a text bomb", make_text_bomb, (LARGE, BAD))
    yield Sample("png without pixels", lambda: make_png_bomb(0, 0), (BAD,))
    yield Sample("pdf with a password", lambda: make_pdf(encryption=PASSWORD), (LOCKED,))
    yield Sample("pdf with rights only", lambda: make_pdf(encryption=RIGHTS), (LOCKED,))
    yield Sample("pdf with a script", lambda: make_pdf(add_script), (ACTIVE,))
    yield Sample("pdf that starts a program", lambda: make_pdf(add_launch), (ACTIVE,))
    yield Sample("pdf with a file", lambda: make_pdf(add_file), (ACTIVE,))
    yield Sample("pdf with a page's script", lambda: make_pdf(add_form_script), (ACTIVE,))
    yield Sample("pdf with XFA", lambda: make_pdf(add_xfa), (ACTIVE,))
    yield Sample("pdf with 151 pages", lambda: make_pdf(add_pages), (LARGE,))
    yield Sample("pdf without pages", lambda: make_pdf(remove_pages), (BAD,))
    yield Sample("pdf with an image bomb", lambda: make_pdf(draw_bomb), (LARGE, BAD))
    yield Sample("pdf that is very deep", nest_deep, (BAD, LARGE))
    yield Sample("pdf whose pages contain themselves", nest_pages, (BAD,))
