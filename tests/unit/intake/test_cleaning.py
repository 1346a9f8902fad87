"""Copies of files: what one sees of them is there, and what else stood in them is not (SEC-6)."""

from __future__ import annotations

import io
import struct
import subprocess
import sys
import zlib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pypdfium2  # type: ignore[import-untyped] # it has no types
import pytest
from PIL import Image, ImageCms, PngImagePlugin
from pypdf import PdfReader, PdfWriter
from pypdf.generic import (
    ArrayObject,
    DictionaryObject,
    FloatObject,
    IndirectObject,
    NameObject,
    NumberObject,
    PdfObject,
    StreamObject,
    TextStringObject,
)

from services.intake.reporters import cleaning, painting
from services.intake.reporters.cleaning import cleaned, media_type

CANARY = "拍摄者虚某摄4711"
SPELLINGS = [CANARY.encode(code) for code in ("utf-8", "utf-16-be", "utf-16-le", "gb18030")] + [b"4711"]
RED, BLUE, WHITE = (255, 0, 0), (0, 0, 255), (255, 255, 255)
PDF, JPEG, PNG, TEXT = "application/pdf", "image/jpeg", "image/png", "text/plain"


def copied(content: bytes, kind: str) -> bytes:
    assert media_type(content[:512]) == kind
    copy = cleaned(content, kind)
    assert copy is not None
    return copy


def says_nothing(content: bytes) -> None:
    for spelling in SPELLINGS:
        assert spelling not in content
        assert spelling.hex().encode() not in content.lower()


def near(colour: Any, expected: tuple[int, ...]) -> bool:
    return all(abs(a - b) < 12 for a, b in zip(colour, expected, strict=True))


# --- pictures ---


def exif(orientation: int = 1) -> Image.Exif:
    """A camera's metadata: who, where, and how it was held."""
    tags = Image.Exif()
    tags[0x0112] = orientation
    tags[0x010E], tags[0x013B], tags[0x9286] = "4711", CANARY, CANARY.encode()
    tags.get_ifd(0x8825)[0x1D] = "4711"
    return tags


def drawn(size: tuple[int, int] = (80, 40), mode: str = "RGB") -> Image.Image:
    """Red on the left, blue on the right."""
    picture = Image.new("RGB", size, RED)
    picture.paste(BLUE, (size[0] // 2, 0, *size))
    return picture.convert(mode)


def saved(picture: Image.Image, kind: str, **how: Any) -> bytes:
    out = io.BytesIO()
    picture.save(out, kind, **how)
    return out.getvalue()


def profile() -> bytes:
    """A colour profile that names its owner."""
    return ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes() + CANARY.encode()


def jpeg() -> bytes:
    xmp = f"<x:xmpmeta><dc:creator>{CANARY}</dc:creator></x:xmpmeta>".encode()
    content = saved(drawn(), "JPEG", exif=exif(), comment=CANARY, icc_profile=profile(), xmp=xmp)
    iptc = b"Photoshop 3.0\x008BIM\x04\x04\0\0\0\x00" + CANARY.encode()
    segment = b"\xff\xed" + struct.pack(">H", len(iptc) + 2) + iptc
    return content[:2] + segment + content[2:] + CANARY.encode()


def chunk(name: bytes, content: bytes) -> bytes:
    return struct.pack(">I", len(content)) + name + content + struct.pack(">I", zlib.crc32(name + content))


def png(picture: Image.Image | None = None) -> bytes:
    told = PngImagePlugin.PngInfo()
    told.add_text("Author", "4711")
    told.add_text("Comment", "4711", zip=True)
    told.add_itxt("XML:com.adobe.xmp", CANARY, zip=True)
    told.add(b"prVt", CANARY.encode())
    content = saved(picture or drawn(), "PNG", pnginfo=told, exif=exif(), icc_profile=profile())
    late = chunk(b"tEXt", b"Artist\0004711") + chunk(b"zTXt", b"Artist\0\0" + zlib.compress(b"4711"))
    return content[:-12] + late + content[-12:] + CANARY.encode()


def chunks(content: bytes) -> Iterator[tuple[bytes, bytes]]:
    place = 8
    while place < len(content):
        (size,) = struct.unpack(">I", content[place : place + 4])
        yield content[place + 4 : place + 8], content[place + 8 : place + 8 + size]
        place += 12 + size


def seen(content: bytes) -> Image.Image:
    picture = Image.open(io.BytesIO(content))
    picture.load()
    return picture


def test_sec6_a_photograph_keeps_its_pixels_only() -> None:
    assert CANARY.encode() in jpeg()
    copy = copied(jpeg(), JPEG)
    picture = seen(copy)
    assert (picture.size, picture.mode) == ((80, 40), "RGB")
    assert near(picture.getpixel((10, 20)), RED)
    assert near(picture.getpixel((70, 20)), BLUE)
    says_nothing(copy)
    assert set(picture.info) <= {"jfif", "jfif_version", "jfif_unit", "jfif_density"}
    assert not picture.getexif()


def test_sec6_a_drawing_keeps_its_pixels_only() -> None:
    assert CANARY.encode() in png()
    copy = copied(png(), PNG)
    picture = seen(copy)
    assert (picture.size, picture.mode) == ((80, 40), "RGB")
    assert (picture.getpixel((10, 20)), picture.getpixel((70, 20))) == (RED, BLUE)
    says_nothing(copy)
    assert {name for name, _ in chunks(copy)} == {b"IHDR", b"IDAT", b"IEND"}


def test_sec6_what_shows_through_still_does_and_hides_nothing() -> None:
    """Under full transparency lies what somebody took out: it is no longer there."""
    picture = drawn(mode="RGBA")
    picture.putalpha(0)
    picture.paste((*RED, 100), (0, 0, 20, 40))
    copy = seen(copied(png(picture), PNG))
    assert copy.mode == "RGBA"
    assert copy.getpixel((10, 20)) == (*RED, 100)
    assert copy.getpixel((70, 20)) == (0, 0, 0, 0)


@pytest.mark.parametrize("mode", ["1", "L", "LA", "P", "RGBA", "I;16"])
def test_sec6_every_kind_of_drawing_is_copied(mode: str) -> None:
    picture = (
        Image.new("I;16", (40, 40), 0x8000) if mode == "I;16" else Image.new("L", (40, 40), 255).convert(mode)
    )
    copy = seen(copied(png(picture), PNG))
    assert copy.size == (40, 40)
    assert copy.convert("L").getpixel((5, 5)) == (128 if mode == "I;16" else 255)


def test_sec6_transparency_of_a_palette_stays() -> None:
    picture = Image.new("P", (40, 40), 0)
    picture.putpalette([*RED, *BLUE])
    picture.paste(1, (20, 0, 40, 40))
    copy = seen(copied(saved(picture, "PNG", transparency=0), PNG))
    assert (copy.getpixel((5, 5)), copy.getpixel((30, 5))) == ((0, 0, 0, 0), (*BLUE, 255))


@pytest.mark.parametrize("mode", ["L", "CMYK"])
def test_sec6_every_kind_of_photograph_is_copied(mode: str) -> None:
    copy = seen(copied(saved(drawn(mode=mode), "JPEG", exif=exif()), JPEG))
    assert (copy.size, copy.mode) == ((80, 40), "L" if mode == "L" else "RGB")
    assert mode == "L" or near(copy.getpixel((10, 20)), RED)


UPRIGHT = {
    1: (80, 40),
    2: (80, 40),
    3: (80, 40),
    4: (80, 40),
    5: (40, 80),
    6: (40, 80),
    7: (40, 80),
    8: (40, 80),
}
RED_IS = {1: "left", 2: "right", 3: "right", 4: "left", 5: "top", 6: "top", 7: "bottom", 8: "bottom"}


@pytest.mark.parametrize("kind", [JPEG, PNG])
@pytest.mark.parametrize("orientation", range(1, 9))
def test_sec6_it_is_upright_without_saying_so(orientation: int, kind: str) -> None:
    content = saved(drawn(), painting.FORMATS[kind], exif=exif(orientation))
    copy = seen(copied(content, kind))
    assert copy.size == UPRIGHT[orientation]
    place = {
        "left": (5, 20),
        "right": (copy.width - 5, 20),
        "top": (20, 5),
        "bottom": (20, copy.height - 5),
    }[RED_IS[orientation]]
    assert near(copy.getpixel(place), RED)
    assert not copy.getexif()


def test_sec6_damaged_metadata_damage_no_picture() -> None:
    copy = seen(copied(saved(drawn(), "JPEG", exif=b"Exif\0\0II*\0\xff\xff\xff\x7f" + b"\xff" * 40), JPEG))
    assert near(copy.getpixel((10, 20)), RED)


def test_sec6_of_moving_pictures_the_first() -> None:
    later = Image.new("RGB", (80, 40), "green")
    for content, kind in (
        (saved(drawn(), "PNG", save_all=True, append_images=[later], duration=100), PNG),
        (saved(drawn(), "MPO", save_all=True, append_images=[later], exif=exif()), JPEG),
    ):
        assert getattr(Image.open(io.BytesIO(content)), "n_frames", 1) == 2
        copy = copied(content, kind)
        assert getattr(Image.open(io.BytesIO(copy)), "n_frames", 1) == 1
        assert near(seen(copy).getpixel((10, 20)), RED)
        assert near(seen(copy).getpixel((70, 20)), BLUE)
        says_nothing(copy)


@pytest.mark.parametrize(
    ("content", "size"),
    [
        (lambda: saved(drawn((5000, 4000)), "JPEG", exif=exif(6)), (2000, 2500)),
        (lambda: saved(drawn((5200, 5000)), "PNG", compress_level=1, exif=exif(6)), (2500, 2600)),
    ],
    ids=["jpeg", "png"],
)
def test_sec6_a_huge_picture_is_painted_smaller(content: Callable[[], bytes], size: tuple[int, int]) -> None:
    original = content()
    picture = seen(copied(original, media_type(original[:512]) or ""))
    assert picture.size == size
    assert near(picture.getpixel((1000, 100)), RED)
    assert near(picture.getpixel((1000, size[1] - 100)), BLUE)


def test_sec6_a_picture_too_large_or_damaged_has_no_copy() -> None:
    assert cleaned(saved(Image.new("1", (8000, 6400)), "PNG"), PNG) is None
    noise = Image.effect_noise((400, 400), 90)
    for kind, form in ((JPEG, "JPEG"), (PNG, "PNG")):
        content = saved(noise, form)
        assert cleaned(content[: len(content) // 2], kind) is None
        assert cleaned(content[:20], kind) is None


def test_sec6_a_copy_that_grew_too_large_is_made_smaller(monkeypatch: pytest.MonkeyPatch) -> None:
    content = saved(Image.effect_noise((400, 400), 90), "PNG")
    monkeypatch.setattr(painting, "MOST_BYTES", 60_000)
    assert seen(painting.painted(content, PNG) or b"").size == (200, 200)


def test_sec6_a_small_file_takes_no_large_memory(tmp_path: Path) -> None:
    """A few KB of PNG are 49 megapixels. A program between says what its only child took."""
    picture = Image.new("RGB", (7000, 7000), WHITE)
    picture.paste(RED, (0, 0, 700, 700))
    (tmp_path / "large.png").write_bytes(saved(picture, "PNG", compress_level=1))
    asks = f"""
import resource, subprocess, sys
command = [sys.executable, "-I", {str(cleaning.SANDBOX)!r}, {str(cleaning.PAINTER)!r}, "image/png"]
with open({str(tmp_path / "large.png")!r}, "rb") as content:
    done = subprocess.run(command, stdin=content, capture_output=True)
print(len(done.stdout), resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss)
"""
    answer = subprocess.run([sys.executable, "-c", asks], capture_output=True, text=True, check=True)
    size, kilobytes = map(int, answer.stdout.split())
    assert size > 0
    assert kilobytes < 330 * 1024


# --- PDF ---


def name(says: str) -> NameObject:
    return NameObject(says)


def numbers(*values: float) -> ArrayObject:
    return ArrayObject([FloatObject(value) for value in values])


def entries(**values: PdfObject) -> DictionaryObject:
    return DictionaryObject({NameObject(f"/{key}"): value for key, value in values.items()})


def stream(content: bytes, **values: PdfObject) -> StreamObject:
    made = StreamObject()
    made.set_data(content)
    made.update(entries(**values))
    return made


def text(says: str = CANARY) -> TextStringObject:
    return TextStringObject(says)


class Draft:
    """A PDF of one page, with a red field below on the left."""

    def __init__(self, size: float = 200, shows: bytes = b"1 0 0 rg 10 10 60 60 re f ") -> None:
        self.writer = PdfWriter()
        self.page = self.writer.add_blank_page(size, size)
        self.page[name("/Resources")] = entries(XObject=entries(), Font=entries())
        self.shows = shows

    def add(self, thing: PdfObject) -> IndirectObject:
        return self.writer._add_object(thing)

    def resource(self, kind: str, called: str, thing: PdfObject) -> None:
        self.resources(kind)[name(called)] = self.add(thing)

    def resources(self, kind: str) -> DictionaryObject:
        every = self.page["/Resources"]
        assert isinstance(every, DictionaryObject)
        of_kind = every[kind]
        assert isinstance(of_kind, DictionaryObject)
        return of_kind

    def annotate(self, *annotations: DictionaryObject) -> None:
        self.page[name("/Annots")] = ArrayObject([self.add(each) for each in annotations])

    def written(self) -> bytes:
        self.page[name("/Contents")] = self.add(stream(self.shows))
        out = io.BytesIO()
        self.writer.write(out)
        return out.getvalue()


def chatty(author: str = CANARY) -> bytes:
    """A PDF that tells of its author wherever one can."""
    draft = Draft()
    writer, page = draft.writer, draft.page
    xmp = stream(author.encode(), Type=name("/Metadata"), Subtype=name("/XML"))
    writer.add_metadata({"/Author": author, "/Producer": author, "/CreationDate": "D:20260101"})
    writer.add_attachment(f"{author}.txt", author.encode())
    script = entries(S=name("/JavaScript"), JS=text(f"app.alert('{author}')"))
    names = writer._root_object["/Names"]
    assert isinstance(names, DictionaryObject)
    names[name("/JavaScript")] = entries(Names=ArrayObject([text(author), script]))
    writer.add_outline_item(title=author, page_number=0)
    writer._root_object[name("/Metadata")] = draft.add(xmp)
    uri = entries(S=name("/URI"), URI=text(f"https://example.invalid/{author}"))
    writer._root_object[name("/OpenAction")] = uri
    page[name("/AA")] = entries(O=uri)
    page[name("/Metadata")] = draft.add(xmp)
    page[name("/PieceInfo")] = entries(Word=entries(LastModified=text("D:20260101"), Private=text(author)))
    photo = stream(jpeg(), Type=name("/XObject"), Subtype=name("/Image"), Width=NumberObject(80))
    photo.update(
        entries(Height=NumberObject(40), BitsPerComponent=NumberObject(8), Filter=name("/DCTDecode"))
    )
    photo.update(entries(ColorSpace=name("/DeviceRGB"), Metadata=draft.add(xmp)))
    draft.resource("/XObject", "/Photo", photo)
    draft.shows += b"q 80 0 0 40 100 100 cm /Photo Do Q "
    draft.shows += b"/Span <</ActualText <" + author.encode("utf-16-be").hex().encode() + b">>> BDC EMC "
    note = entries(Type=name("/Annot"), Subtype=name("/Text"), Rect=numbers(10, 150, 30, 170), T=text(author))
    note.update(entries(Contents=text(author), M=text("D:20260101"), Popup=entries()))
    link = entries(Type=name("/Annot"), Subtype=name("/Link"), Rect=numbers(0, 0, 10, 10), A=uri)
    marked = entries(
        Type=name("/Annot"), Subtype=name("/Square"), Rect=numbers(100, 10, 190, 90), T=text(author)
    )
    marked.update(entries(IC=numbers(0, 0, 1), C=numbers(0, 0, 1), NM=text(author)))
    draft.annotate(note, link, marked)
    return draft.written()


def pages(content: bytes) -> list[Image.Image]:
    """As a reader shows them, a pixel a point."""
    return [page.render().to_pil().convert("RGB") for page in pypdfium2.PdfDocument(content)]


def keys(thing: Any, known: set[int]) -> Iterator[str]:
    """Every key of every object that can be reached."""
    if isinstance(thing, IndirectObject):
        if thing.idnum in known:
            return
        known.add(thing.idnum)
        thing = thing.get_object()
    if isinstance(thing, DictionaryObject):
        for key, value in thing.items():
            yield key
            yield from keys(value, known)
    elif isinstance(thing, ArrayObject):
        for value in thing:
            yield from keys(value, known)


def test_sec6_a_document_becomes_pictures_of_its_pages() -> None:
    original = chatty()
    assert any(spelling in original for spelling in SPELLINGS)
    copy = copied(original, PDF)
    [page] = pages(copy)
    assert near(page.getpixel((40, 160)), RED)  # drawn
    assert near(page.getpixel((110, 80)), RED)  # the photograph
    assert near(page.getpixel((170, 80)), BLUE)
    assert near(page.getpixel((145, 150)), BLUE)  # marked by somebody
    assert near(page.getpixel((80, 160)), WHITE)


def test_sec6_a_document_keeps_nothing_else() -> None:
    copy = copied(chatty(), PDF)
    reader = PdfReader(io.BytesIO(copy), strict=True)
    assert set(keys(reader.trailer, set())) == {
        *("/Size", "/Root", "/Type", "/Pages", "/Kids", "/Count", "/Parent", "/MediaBox", "/Contents"),
        *("/Resources", "/XObject", "/P", "/Subtype", "/Filter", "/Width", "/Height", "/BitsPerComponent"),
        "/ColorSpace",
    }
    assert reader.metadata is None
    says_nothing(copy)
    size = reader.trailer["/Size"]
    assert isinstance(size, NumberObject)
    for number in range(1, size):
        thing = reader.get_object(number)
        if isinstance(thing, StreamObject):
            says_nothing(thing._data)
            says_nothing(thing.get_data())
    photo = seen(next(iter(reader.pages[0].images)).data)
    assert set(photo.info) <= {"jfif", "jfif_version", "jfif_unit", "jfif_density"}


def test_sec6_documents_that_look_the_same_have_the_same_copy() -> None:
    """The copies are the same, whoever wrote and marked them, and whenever they are copied."""
    assert copied(chatty("甲"), PDF) == copied(chatty("乙乙乙乙"), PDF)


def test_sec6_pages_stay_in_order_and_large_enough_to_read() -> None:
    """A4 at 150 dots an inch; grey where it is grey, coloured where a seal is red."""
    writer = PdfWriter()
    for colour in (b"0.2 g", b"1 0 0 rg", b"0 0 1 rg"):
        page = writer.add_blank_page(595, 842)
        page[name("/Contents")] = writer._add_object(stream(colour + b" 100 100 30 30 re f"))
    out = io.BytesIO()
    writer.write(out)
    copy = copied(out.getvalue(), PDF)
    for shown, expected in zip(pages(copy), ((51, 51, 51), RED, BLUE), strict=True):
        assert abs(shown.width - 595) <= 1
        assert abs(shown.height - 842) <= 1
        assert near(shown.getpixel((115, 727)), expected)
    pictures = [next(iter(page.images)).image for page in PdfReader(io.BytesIO(copy)).pages]
    assert [picture and picture.mode for picture in pictures] == ["L", "RGB", "RGB"]
    assert {picture and picture.size for picture in pictures} == {(1240, 1755)}


def test_sec6_a_turned_page_stands_upright() -> None:
    draft = Draft(shows=b"1 0 0 rg 0 0 200 100 re f")
    draft.page[name("/Rotate")] = NumberObject(90)
    [page] = pages(copied(draft.written(), PDF))
    assert near(page.getpixel((20, 100)), RED)
    assert near(page.getpixel((180, 100)), WHITE)


def test_sec6_what_was_filled_in_is_seen() -> None:
    draft = Draft(shows=b"")
    field = entries(Type=name("/Annot"), Subtype=name("/Widget"), FT=name("/Tx"), T=text(), V=text("HHHHH"))
    field.update(entries(Rect=numbers(10, 10, 190, 60), DA=text("/Helv 40 Tf 0 g"), F=NumberObject(4)))
    draft.annotate(field)
    font = entries(Type=name("/Font"), Subtype=name("/Type1"), BaseFont=name("/Helvetica"))
    form = entries(Fields=draft.page["/Annots"], DR=entries(Font=entries(Helv=draft.add(font))))
    draft.writer._root_object[name("/AcroForm")] = draft.add(form)
    [page] = pages(copied(draft.written(), PDF))
    darkest = min(page.convert("L").tobytes())
    assert darkest < 60


def test_sec6_a_page_of_ten_metres_is_painted_small() -> None:
    draft = Draft(size=28346, shows=b"1 0 0 rg 0 0 28346 14000 re f")
    [page] = PdfReader(io.BytesIO(copied(draft.written(), PDF))).pages
    picture = next(iter(page.images)).image
    assert picture is not None
    assert picture.width * picture.height < 16_100_000
    assert near(picture.getpixel((2000, 3900)), RED)


def test_sec6_a_document_that_is_shut_or_damaged_has_no_copy() -> None:
    for user, copy_is in (("secret", False), ("", True)):
        writer = PdfWriter(clone_from=io.BytesIO(chatty()))
        writer.encrypt(user, "owner", algorithm="RC4-128")
        out = io.BytesIO()
        writer.write(out)
        assert (cleaned(out.getvalue(), PDF) is not None) is copy_is  # what every reader opens is not shut
    content = chatty()
    for damaged in (content[:200], b"%PDF-1.7\n", b"%PDF-1.7\n" + b"\xff" * 5000):
        assert cleaned(damaged, PDF) is None
    out = io.BytesIO()
    PdfWriter().write(out)
    assert cleaned(out.getvalue(), PDF) is None


def test_sec6_a_document_of_too_many_pages_has_no_copy() -> None:
    for count, copy_is in ((200, True), (201, False)):
        writer = PdfWriter()
        for _ in range(count):
            writer.add_blank_page(20, 20)
        out = io.BytesIO()
        writer.write(out)
        assert (cleaned(out.getvalue(), PDF) is not None) is copy_is


def test_sec6_a_copy_stays_within_its_size(monkeypatch: pytest.MonkeyPatch) -> None:
    """At first by less quality; where that does not suffice there is none."""
    draft = Draft(shows=b"q 200 0 0 200 0 0 cm /Photo Do Q")
    photo = stream(saved(Image.effect_noise((400, 400), 90), "JPEG"), Type=name("/XObject"))
    photo.update(entries(Subtype=name("/Image"), Width=NumberObject(400), Height=NumberObject(400)))
    photo.update(
        entries(BitsPerComponent=NumberObject(8), Filter=name("/DCTDecode"), ColorSpace=name("/DeviceGray"))
    )
    draft.resource("/XObject", "/Photo", photo)
    content = draft.written()
    best = len(painting.painted(content, PDF) or b"")
    monkeypatch.setattr(painting, "MOST_BYTES", best - 10_000)
    assert 0 < len(painting.painted(content, PDF) or b"") < best - 10_000
    monkeypatch.setattr(painting, "MOST_BYTES", best // 10)
    assert painting.painted(content, PDF) is None


def han(subtype: str, mode: int = 0) -> bytes:
    """中 in a font that is brought (Type 3: its drawings are in the file) or is not (Type 0)."""
    draft = Draft(
        shows=b"BT /F 100 Tf %d Tr 20 50 Td <%b> Tj ET" % (mode, b"01" if subtype == "/Type3" else b"4E2D")
    )
    if subtype == "/Type3":
        drawing = draft.add(stream(b"1 0 0 0 1 1 d1 0 0 1 1 re f"))
        meaning = draft.add(stream(b"/CIDInit /ProcSet findresource begin 12 dict begin begincmap "
                                   b"1 begincodespacerange <00> <ff> endcodespacerange "
                                   b"1 beginbfchar <01> <4E2D> endbfchar endcmap end end"))  # fmt: skip
        font = entries(FontBBox=numbers(0, 0, 1, 1), FontMatrix=numbers(1, 0, 0, 1, 0, 0), ToUnicode=meaning)
        font.update(
            entries(CharProcs=entries(a=drawing), FirstChar=NumberObject(1), LastChar=NumberObject(1))
        )
        differences = ArrayObject([NumberObject(1), name("/a")])
        font.update(entries(Widths=numbers(1), Encoding=entries(Differences=differences)))
    else:
        system = entries(Registry=text("Adobe"), Ordering=text("GB1"), Supplement=NumberObject(2))
        below = entries(Type=name("/Font"), Subtype=name("/CIDFontType0"), BaseFont=name("/STSong-Light"))
        below.update(entries(CIDSystemInfo=system))
        font = entries(BaseFont=name("/STSong-Light"), Encoding=name("/UniGB-UCS2-H"))
        font.update(entries(DescendantFonts=ArrayObject([draft.add(below)])))
    font.update(entries(Type=name("/Font"), Subtype=name(subtype)))
    draft.resource("/Font", "/F", font)
    return draft.written()


def test_sec6_no_copy_passes_over_what_was_written() -> None:
    """Chinese in a font that neither file nor machine has would come out empty, as if nothing stood there."""
    copy = cleaned(han("/Type0"), PDF)
    assert copy is None or has_ink(copy)  # as this machine has a Chinese font or not
    assert has_ink(copied(han("/Type3"), PDF))  # the file brings it
    assert not has_ink(copied(han("/Type0", mode=3), PDF))  # a scanner has read it, and nobody ever saw it


def has_ink(content: bytes) -> bool:
    return pages(content)[0].convert("L").getextrema() != (255, 255)


# --- the painter ---


@pytest.mark.parametrize(
    ("program", "ends"),
    [
        ("import time; time.sleep(60)", "it hangs"),
        ("import os; os.kill(os.getpid(), 9)", "it is killed"),
        ("import no_such_library", "it is not installed"),
        ("print('half a copy', flush=True); raise SystemExit(1)", "it breaks off"),
    ],
    ids=lambda value: value if value.startswith("it ") else "",
)
def test_sec6_a_painter_that_fails_harms_nobody(
    program: str, ends: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (tmp_path / "painter.py").write_text(f"def main():\n    {program}")
    monkeypatch.setattr(cleaning, "PAINTER", tmp_path / "painter.py")
    monkeypatch.setattr(cleaning, "MOST_SECONDS", 1)
    for _ in range(cleaning.AT_ONCE + 1):  # none keeps its turn
        assert cleaned(jpeg(), JPEG) is None


def test_sec6_a_painter_knows_no_setting(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    program = "import os, sys\ndef main(): print(dict(os.environ), sys.argv[1:])"
    (tmp_path / "painter.py").write_text(program)
    monkeypatch.setattr(cleaning, "PAINTER", tmp_path / "painter.py")
    monkeypatch.setenv("ZHENGMING_SECRET", CANARY)
    says = cleaned(jpeg(), JPEG) or b""
    assert JPEG.encode() in says
    assert b"ZHENGMING" not in says


def test_sec6_a_file_that_would_take_all_memory_takes_its_painter_only() -> None:
    """Forms within forms, ten of the next in each: what they draw does not end."""
    draft = Draft(shows=b"/F0 Do")
    inner = draft.add(stream(b"0 0 9 9 re f", Subtype=name("/Form"), BBox=numbers(0, 0, 200, 200)))
    for _ in range(12):
        form = stream(b"/F0 Do " * 10, Subtype=name("/Form"), BBox=numbers(0, 0, 200, 200))
        form.update(entries(Resources=entries(XObject=entries(F0=inner))))
        inner = draft.add(form)
    draft.resources("/XObject")[name("/F0")] = inner
    assert cleaned(draft.written(), PDF) is None
    assert cleaned(jpeg(), JPEG) is not None


# --- text ---


@pytest.mark.parametrize(
    "content",
    [
        "被反映人：某某\n时间地点见附。",
        "时间: 2026年3月\n地点: 云瓶镇",
        "\ufeff尊敬的领导：\r\n您好！\r\n",
        "  \n\n 反映材料\n",
        "<关于某某的情况反映>\n一、基本情况",
        "< 3 万元的部分\n",
        "QQ: 12345\n电话: 139\n\n来信",
        "12:30 他到了县里\n",
        "http://example.invalid/page 是原文\n",
        "Some words, and a colon: here. Received: yesterday.\n",
        "他说：\nFrom: 张三\nDate: 昨天\n",
        "第一行\n{\\rtf1 不是开头}\n<html>也不是</html>",
        "Dear all:\nSubject to change.\n",
        "Room 3: closed\nDate: unknown\n",
    ],
)
def test_sec6_a_letter_is_copied_to_the_letter(content: str) -> None:
    encoded = content.encode()
    assert copied(encoded, TEXT) == encoded


LETTER = "被举报人李虚某，时间地点见附。\r\n联通营业厅 3 楼，①②，䶮、𬭩\n"


@pytest.mark.parametrize("encoding", ["gb18030", "utf-16", "utf-16-be"])
@pytest.mark.parametrize("begun", ["", "2026-03-01 ", "联通", "中" * 400])
def test_sec6_a_letter_as_chinese_windows_writes_it_is_read(encoding: str, begun: str) -> None:
    """The copy is in UTF-8, which it is shown as."""
    mark = "\ufeff" if encoding == "utf-16-be" else ""
    written = (mark + begun + LETTER).encode(encoding)
    for cut in (511, 512, len(written)):
        assert media_type(written[:cut]) == TEXT
    assert cleaned(written, TEXT) == (begun + LETTER).encode()


@pytest.mark.parametrize("encoding", ["gb18030", "utf-16"])
@pytest.mark.parametrize("content", ["From: 张虚三 <a@example.invalid>\n", "<文档 作者='4711'>正文</文档>"])
def test_sec6_in_another_encoding_it_tells_who_wrote_it_as_well(content: str, encoding: str) -> None:
    assert cleaned(content.encode(encoding), TEXT) is None


@pytest.mark.parametrize(
    "content",
    [
        b"\xff\xfe\x00\x00",
        b"\xff\xfe\x00\xd8a\x00",
        b"\xfe\xff" + bytes(range(200)),
        b"\xb1\xbb\x07",
        b"\xb1\xbb\x00",
        b"RIFF\x24\x08\x00\x00WEBPVP8 \xd0\xcf",
        b"\x00\x00\x00\x18ftypheic\xb1\xbb",
        b"PK\x03\x04\x14\x00\xb1\xbb",
        b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(40),
        b"\x1f\x8b\x08\x08\xb1\xbb",
        b"ID3\x03\xff\xfb\x90",
    ],
    ids=repr,
)
def test_sec6_not_everything_is_text(content: bytes) -> None:
    assert media_type(content) is None


MAIL = "Received: from host (10.0.0.1)\r\nFrom: <a@example.invalid>\r\n\r\n正文"


@pytest.mark.parametrize(
    "content",
    [
        "{\\rtf1\\ansi{\\info{\\author 4711}}正文}",
        "<?xml version='1.0'?><a/>",
        "<!DOCTYPE html><html></html>",
        "<!-- 4711 --><svg></svg>",
        "<html><meta name=author content=4711>",
        "<svg xmlns='http://www.w3.org/2000/svg'><metadata>4711</metadata></svg>",
        "<HTML>",
        "<文档 作者='4711'>正文</文档>",
        MAIL,
        "\ufeff" + MAIL,
        "\r\n \ufeff\n" + MAIL,
        "From: 张三 <a@example.invalid>\nTo: b@example.invalid\n\n正文",
        "from : a@example.invalid\n",
        "From a@example.invalid Thu Jan  1 00:00:00 2026\n",
        "Return-Path: <a@example.invalid>\n",
        "Message-ID: <1@example.invalid>\n",
        "Date: Thu, 1 Jan 2026 00:00:00 +0800\n",
        "Subject: =?utf-8?B?5Y+N5pig?=\n",
        "MIME-Version: 1.0\n",
        "X-Originating-IP: 10.0.0.1\n",
        "To: b@example.invalid,\n\tc@example.invalid\nUnknown: 1\nDKIM-Signature: 4711\n",
        "Content-Type: text/plain\n",
        "BEGIN:VCARD\nFN:4711\nEND:VCARD",
        "begin:vcalendar\n",
        "%!PS-Adobe-3.0\n%%For: 4711\n",
        "\n%PDF-1.4\n%%EOF",
    ],
)
def test_sec6_text_that_tells_who_wrote_it_has_no_copy(content: str) -> None:
    assert media_type(content.encode()[:512]) == TEXT
    assert cleaned(content.encode(), TEXT) is None


@pytest.mark.parametrize("end", [b"\0", b"\xff\xfe", "末".encode()[:2], b"\xed\xa0\x80"])
def test_sec6_text_is_text_to_its_end(end: bytes) -> None:
    """The beginning of the file alone would be taken for text."""
    begun = "时间地点见附。".encode() * 400
    assert media_type(begun[:512]) == TEXT
    assert cleaned(begun, TEXT) == begun
    assert cleaned(begun + end, TEXT) is None
