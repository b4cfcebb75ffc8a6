"""Pictures of documents for people who review them: never markup, never the file itself.

A document is drawn anew in a child process under resource limits (`python -m
gateways.client.previews`), whatever it holds: what leaves the child are pictures.
"""

import io
import struct
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from typing import Any

from gateways.client.errors import ClientError

MEMORY, CPU_S, WALL_S = 1024 * 1024 * 1024, 60, 120.0
PAGES_MAX = 20
SIDE_MAX = 2_000
PIXELS_MAX = 50_000_000
PICTURE_BYTES_MAX = 32 * 1024 * 1024
SIZE = struct.Struct(">I")
COMMAND = (sys.executable, "-I", "-m", "gateways.client.previews")


def make_previews(content: bytes) -> list[bytes]:
    """PNG pictures, one a page. Raises ClientError."""
    try:
        done = subprocess.run(
            COMMAND,
            input=content,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            timeout=WALL_S,
            env={"PATH": "/usr/bin:/bin", "LANG": "C.UTF-8"},
            cwd=tempfile.gettempdir(),
            check=False,
        )
    except subprocess.TimeoutExpired:
        raise ClientError("the document takes too long to be drawn") from None
    pictures = list(_read(done.stdout))
    if done.returncode != 0 or not pictures:
        raise ClientError("the document cannot be drawn")
    return pictures


def _read(output: bytes) -> Iterator[bytes]:
    at = 0
    while at + SIZE.size <= len(output):
        (length,) = SIZE.unpack_from(output, at)
        at += SIZE.size
        if not 0 < length <= min(PICTURE_BYTES_MAX, len(output) - at):
            raise ClientError("the document cannot be drawn")
        yield output[at : at + length]
        at += length


def main() -> None:
    """The child."""
    import pypdfium2
    from PIL import Image

    from gateways.identity.confinement import confine

    Image.init()
    Image.MAX_IMAGE_PIXELS = PIXELS_MAX
    content = sys.stdin.buffer.read()
    confine(MEMORY, CPU_S)
    if content.startswith(b"%PDF-"):
        pictures = _draw_pages(pypdfium2, content)
    else:
        pictures = _draw_images(Image, content)
    for each in pictures:
        picture = io.BytesIO()
        each.save(picture, "PNG")
        sys.stdout.buffer.write(SIZE.pack(len(picture.getvalue())) + picture.getvalue())


def _draw_pages(pypdfium2: Any, content: bytes) -> Iterator[Any]:
    with pypdfium2.PdfDocument(content) as pdf:
        for index in range(min(len(pdf), PAGES_MAX)):
            width, height = pdf[index].get_size()
            scale = min(2.0, SIDE_MAX / max(width, height, 1.0))
            yield pdf[index].render(scale=scale).to_pil()


def _draw_images(image_library: Any, content: bytes) -> Iterator[Any]:
    with image_library.open(io.BytesIO(content), formats=["JPEG", "PNG", "WEBP", "TIFF"]) as image:
        for index in range(min(getattr(image, "n_frames", 1), PAGES_MAX)):
            image.seek(index)
            picture = image.convert("RGB")
            picture.thumbnail((SIDE_MAX, SIDE_MAX))
            yield picture


if __name__ == "__main__":
    main()
