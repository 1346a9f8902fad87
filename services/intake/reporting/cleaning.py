"""Which files are taken, and their copies without metadata (SEC-6).

The type is told by the first bytes, never by a name or a header. A picture is painted anew, a PDF keeps its
pages only; plain text has no metadata. Where no copy can be made, staff are told so and see none.
"""

from __future__ import annotations

import codecs
import io

from PIL import Image
from pypdf import PdfReader, PdfWriter

MAGIC = {
    b"\xff\xd8\xff": "image/jpeg",
    b"\x89PNG\r\n\x1a\n": "image/png",
    b"%PDF-": "application/pdf",
}
MOST_PIXELS = 50_000_000
"""A picture that would unpack to more is not painted anew."""


def media_type(first: bytes) -> str | None:
    """The type of a file by its beginning; None where it is none that is taken."""
    for magic, kind in MAGIC.items():
        if first.startswith(magic):
            return kind
    try:
        # The beginning may end in the middle of a character.
        text = codecs.getincrementaldecoder("utf-8")().decode(first)
    except UnicodeDecodeError:
        return None
    return None if "\0" in text or not first else "text/plain"


def cleaned(content: bytes, kind: str) -> bytes | None:
    """The same content without metadata; None where that cannot be done."""
    if kind == "text/plain":
        return content
    return _pdf(content) if kind == "application/pdf" else _picture(content, kind)


def _picture(content: bytes, kind: str) -> bytes | None:
    try:
        with Image.open(io.BytesIO(content)) as picture:
            if picture.width * picture.height > MOST_PIXELS:
                return None
            picture.load()
            mode = "RGB" if kind == "image/jpeg" else "RGBA"
            painted = Image.new(mode, picture.size)
            painted.paste(picture.convert(mode))
    except Exception:  # a damaged file makes the library raise whatever it likes: then there is no copy
        return None
    out = io.BytesIO()
    painted.save(out, "JPEG" if kind == "image/jpeg" else "PNG", quality=88)
    return out.getvalue()


def _pdf(content: bytes) -> bytes | None:
    try:
        writer = PdfWriter()
        for page in PdfReader(io.BytesIO(content)).pages:
            writer.add_page(page)
        writer.metadata = None
        writer.xmp_metadata = None
        out = io.BytesIO()
        writer.write(out)
    except Exception:  # the same
        return None
    return out.getvalue()
