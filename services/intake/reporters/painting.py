"""Paints a file anew: the copy is the visible part of it, and nothing else (SEC-6).

A program of its own, which runs in a sandbox (sandbox.py): the file comes in, the copy goes out; where
nothing goes out, there is none. A picture becomes its pixels, upright as its viewers show it. A PDF becomes
pictures of its pages, because metadata can stand in every object of one: leaving it out where it is known
would keep it where it is not.
"""

from __future__ import annotations

import contextlib
import io
import math
import sys
from typing import Any

import pypdfium2  # type: ignore[import-untyped]
from PIL import ExifTags, Image, ImageChops, ImageOps
from pypdfium2 import raw

FORMATS = {"image/jpeg": "JPEG", "image/png": "PNG"}

MOST_BYTES = 40_000_000
"""A copy may be twice as large as a file may be."""

MOST_UNPACKED = 50_000_000
"""A picture of more pixels is not unpacked."""
MOST_PAINTED = 25_000_000
"""A picture of more pixels is painted at half its size."""
MOST_DRAFTED = 16_000_000
"""A JPEG of more pixels is unpacked at a half, a quarter or an eighth: it need never be whole in memory."""

MOST_PAGES = 200
MOST_PAGE = 16_000_000
"""Pixels of a page; a larger one is painted smaller."""
LONGEST = 65_000
"""Pixels of a side; a JPEG cannot have many more."""
DPI = 150
QUALITIES = (80, 60, 40)
"""Qualities of a page's JPEG; the first is taken that leaves the other pages their share."""
GREY = 8
"""Largest difference of the colours of a pixel that is still grey; scanners and JPEG are no more exact."""

EAST_ASIAN = (128, 129, 134, 136)
"""Character sets as PDFium numbers them: Japanese, Korean, simplified and traditional Chinese."""


def painted(content: bytes, kind: str) -> bytes | None:
    """The copy of a picture or a PDF; None where none can be made."""
    try:
        return _document(content) if kind == "application/pdf" else _picture(content, FORMATS[kind])
    except Exception:  # a damaged file makes the libraries raise whatever they like: then there is no copy
        return None


# --- pictures ---


def _picture(content: bytes, kind: str) -> bytes | None:
    """The pixels of the first frame. Each step lets go of the picture before it; none copies without need."""
    picture: Image.Image = Image.open(io.BytesIO(content), formats=[kind])
    part = next((part for part in (1, 2, 4) if _pixels(picture) <= MOST_DRAFTED * part**2), 8)
    picture.draft(None, (picture.width // part, picture.height // part))  # only a JPEG can
    if _pixels(picture) > MOST_UNPACKED:
        return None
    picture.load()
    picture = _eight_bits(picture) if picture.mode == "I;16" else picture
    mode = _mode(picture, kind)
    picture = picture.convert(mode) if picture.mode != mode else picture
    picture = _half(picture) if _pixels(picture) > MOST_PAINTED else picture
    _turn_upright(picture)
    if mode == "RGBA":
        _empty_what_is_hidden(picture)
    picture.info = {}  # Pillow would write colour profile and comment from it
    while len(copy := _encoded(picture, kind, quality=88)) > MOST_BYTES:
        picture = _half(picture)
    return copy


def _pixels(picture: Image.Image) -> int:
    return picture.width * picture.height


def _mode(picture: Image.Image, kind: str) -> str:
    """The mode of the copy: grey stays grey, and a transparent part of a PNG stays so; all else becomes the
    three colours."""
    if kind == "PNG" and picture.has_transparency_data:
        return "RGBA"
    return "L" if picture.mode in ("1", "L") else "RGB"


def _eight_bits(picture: Image.Image) -> Image.Image:
    """The upper byte of each grey value; converted by Pillow, all but the darkest would become white."""
    upper = Image.frombytes("L", picture.size, picture.tobytes()[1::2])
    upper.info = {key: value for key, value in picture.info.items() if key != "transparency"}
    return upper


def _half(picture: Image.Image) -> Image.Image:
    """Half as wide and high; band by band, because of a transparent one Pillow would copy the whole."""
    half = Image.merge(picture.mode, [picture.getchannel(band).reduce(2) for band in picture.getbands()])
    half.info = picture.info
    return half


def _turn_upright(picture: Image.Image) -> None:
    """Turns a picture upright as its viewers show it, who read in its metadata how the camera was held."""
    with contextlib.suppress(Exception):  # damaged metadata make the library raise whatever it likes
        ImageOps.exif_transpose(picture, in_place=True)


def _empty_what_is_hidden(picture: Image.Image) -> None:
    """Empties pixels under full transparency: they may hold a part that somebody took out of the picture."""
    hidden = picture.getchannel("A").point([255] + [0] * 255)
    picture.paste((0, 0, 0, 0), (0, 0), hidden)


def _encoded(picture: Image.Image, kind: str, quality: int) -> bytes:
    out = io.BytesIO()
    picture.save(out, kind, quality=quality)
    return out.getvalue()


# --- PDF ---


def _document(content: bytes) -> bytes | None:
    """A PDF of pictures of the pages. None where it is shut, too long, or a page would come out with less."""
    fonts = Fonts()
    fonts.setup(reusable=True)
    document = pypdfium2.PdfDocument(content)
    document.init_forms()  # or what was filled in would be missing
    pages = len(document)
    if not 0 < pages <= MOST_PAGES:
        return None
    copy = Album(pages)
    for number in range(pages):
        page = document[number]
        picture = _seen(page)
        if fonts.lacking and _uses_fonts(page):
            return None
        page.close()
        for quality in QUALITIES:
            jpeg = _encoded(picture, "JPEG", quality)
            if len(jpeg) <= (MOST_BYTES - copy.size) // (pages - number):
                break
        copy.add(picture, jpeg)
        if copy.size > MOST_BYTES:
            return None
    return copy.closed()


def _seen(page: Any) -> Image.Image:
    """The page as one sees it: with fields, marks and stamps, without the notes behind them."""
    width, height = page.get_size()
    scale = min(DPI / 72, math.sqrt(MOST_PAGE / (width * height)), LONGEST / max(width, height))
    # In this order of bytes Pillow uses the renderer's memory, and need not copy it.
    picture: Image.Image = page.render(scale=scale, rev_byteorder=True, prefer_bgrx=True).to_pil()
    red, green, blue, _ = picture.split()
    differ = (ImageChops.difference(red, green), ImageChops.difference(green, blue))
    return picture if any(any(difference.histogram()[GREY + 1 :]) for difference in differ) else green


def _uses_fonts(page: Any) -> bool:
    """True if it shows letters whose forms the file does not bring; a scanner lays the text that it has read
    invisibly over its picture. Fields and marks may do so always."""
    if raw.FPDFPage_GetAnnotCount(page) > 0:
        return True
    return any(
        raw.FPDFTextObj_GetTextRenderMode(text) != raw.FPDF_TEXTRENDERMODE_INVISIBLE
        and not text.get_font().is_embedded
        for text in page.get_objects(filter=[raw.FPDF_PAGEOBJ_TEXT])
    )


class Fonts(pypdfium2.PdfSysfontBase):  # type: ignore[misc] # it has no types
    """The fonts of this machine. Without one for Chinese, text in a font that a file does not bring would
    come out as nothing, and nobody would see that something was written there: this notes it."""

    def __init__(self) -> None:
        super().__init__()
        self.lacking = False

    def MapFont(  # noqa: N802 - called by PDFium
        self, caller: Any, weight: int, italic: int, charset: int, pitch: int, face: Any, exact: Any
    ) -> Any:
        font = super().MapFont(caller, weight, italic, charset, pitch, face, exact)
        self.lacking |= not font and charset in EAST_ASIAN
        return font


class Album:
    """A PDF of pictures, one a page. It is written here, because libraries add time, maker and identifier; of
    the same pages this makes the same file."""

    def __init__(self, pages: int) -> None:
        self._out = io.BytesIO()
        self._out.write(b"%PDF-1.4\n%\xe2\xe3\xcf\xd3\n")
        self._places: list[int] = []
        self._object(b"<</Type/Catalog/Pages 2 0 R>>")
        kids = b" ".join(b"%d 0 R" % (3 + 3 * page) for page in range(pages))
        self._object(b"<</Type/Pages/Count %d/Kids[%b]>>" % (pages, kids))

    @property
    def size(self) -> int:
        return self._out.tell()

    def add(self, picture: Image.Image, jpeg: bytes) -> None:
        """The next page, as large as its picture is at the resolution that pages are painted in."""
        width, height = (round(side * 72 / DPI, 2) for side in picture.size)
        number = len(self._places) + 1
        shows = b"/Contents %d 0 R/Resources<</XObject<</P %d 0 R>>>>" % (number + 1, number + 2)
        self._object(b"<</Type/Page/Parent 2 0 R/MediaBox[0 0 %.2f %.2f]%b>>" % (width, height, shows))
        self._stream(b"", b"%.2f 0 0 %.2f 0 0 cm /P Do" % (width, height))
        colours = b"/DeviceGray" if picture.mode == "L" else b"/DeviceRGB"
        form = b"/Width %d/Height %d/BitsPerComponent 8/ColorSpace%b" % (*picture.size, colours)
        self._stream(b"/Type/XObject/Subtype/Image/Filter/DCTDecode" + form, jpeg)

    def closed(self) -> bytes:
        """The whole file, with the table of its objects."""
        start, count = self.size, len(self._places) + 1
        self._out.write(b"xref\n0 %d\n0000000000 65535 f \n" % count)
        self._out.writelines(b"%010d 00000 n \n" % place for place in self._places)
        self._out.write(b"trailer<</Size %d/Root 1 0 R>>\nstartxref\n%d\n%%%%EOF\n" % (count, start))
        return self._out.getvalue()

    def _stream(self, says: bytes, content: bytes) -> None:
        self._object(b"<<%b/Length %d>>stream\n%b\nendstream" % (says, len(content), content))

    def _object(self, content: bytes) -> None:
        self._places.append(self.size)
        self._out.write(b"%d 0 obj%b\nendobj\n" % (len(self._places), content))


# --- the program ---


def prepare() -> None:
    """Paints a little of each kind, so that the libraries have loaded their late parts: afterwards, in the
    sandbox, they may be able to open nothing."""
    Image.MAX_IMAGE_PIXELS = None  # the bounds above are ours
    picture, camera = Image.new("RGB", (8, 8)), Image.Exif()
    camera[ExifTags.Base.Orientation] = 6
    album = Album(1)
    album.add(picture, _encoded(picture, "JPEG", QUALITIES[0]))
    for kind, form in FORMATS.items():
        out = io.BytesIO()
        picture.save(out, form, exif=camera)
        painted(out.getvalue(), kind)
    painted(album.closed(), "application/pdf")


def main() -> None:
    sys.stdout.buffer.write(painted(sys.stdin.buffer.read(), sys.argv[1]) or b"")
