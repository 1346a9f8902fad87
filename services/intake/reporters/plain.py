"""Recognises bytes that are text, and text that is plain: it has no metadata, so the copy may be the same to
the letter (SEC-6).

Markup, mail and address cards are text as well, and tell in it who wrote, sent or received it. They are known
by their beginnings, as their own readers know them.
"""

from __future__ import annotations

import codecs
import re

MARKS_OF_UTF_16 = (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)
CONTROL = re.compile(r"[\x00-\x08\x0e-\x1f\x7f-\x9f]")
"""Characters that no text in another encoding than UTF-8 may hold: nearly any bytes are some text in GB
18030."""
THREE_BYTES = "\u0800"
"""The first character that takes three bytes in UTF-8, as every Chinese one does. GB 18030 hardly ever looks
like that."""
BEGINNINGS = ("{\\rtf", "%!ps", "%pdf-", "%fdf-", "begin:v", "<!", "<?")
"""RTF, PostScript, PDF, vCard and iCalendar, markup; in lower case."""
BEFORE = re.compile(r"\A[\s\ufeff]+")
ELEMENT = re.compile(r"<[a-z]", re.IGNORECASE)
ENDED = ("</", "/>")
"""An element may be named in Chinese, and a letter begin with `<关于某事>`: an element is ended somewhere."""
MAILBOX = re.compile(r"From \S+@")
"""The line before each message in a mailbox file."""
FIELD = re.compile(r"([!-9;-~]+)[ \t]*:")
"""The name of a header field: ASCII without space and colon (RFC 5322 §2.2)."""
FIELDS = re.compile(
    r"""date|from|sender|reply-to|message-id|in-reply-to|references|subject|return-path|received
    |delivered-to|envelope-to|delivery-date|mime-version|user-agent|importance|priority|autocrypt
    |(resent|content|list|arc|dkim|received|authentication|return|disposition|thread|x)-[!-9;-~]+""",
    re.IGNORECASE | re.VERBOSE,
)
"""The fields that a mail is known by: every one has Date and From, and its carrier adds its own."""

MOST_HEADER = 100_000
"""Characters that are looked through for a header."""


def text_of(content: bytes, *, whole: bool = True) -> str | None:
    """The text in UTF-8, in UTF-16 with its mark, or in GB 18030 (with GBK in it), as Chinese Windows writes
    it; None where it is none. `whole`: false where it may end in the middle of a character."""

    def in_(encoding: str) -> str:
        return codecs.getincrementaldecoder(encoding)().decode(content, whole)

    try:
        text = in_("utf-8")
    except UnicodeDecodeError as error:
        if max(content[: error.start].decode(), default="") >= THREE_BYTES:
            return None  # UTF-8 so far, and then damaged
        try:
            text = in_("utf-16" if content.startswith(MARKS_OF_UTF_16) else "gb18030")
        except UnicodeDecodeError:
            return None
        return None if CONTROL.search(text) else text
    return None if "\0" in text else text


def is_plain(text: str) -> bool:
    """True if it is of no kind that carries metadata."""
    text = _begun(text)
    return not (text[:16].lower().startswith(BEGINNINGS) or _is_element(text) or _is_mail(text))


def _begun(text: str) -> str:
    """The text from its true beginning: byte order marks and whitespace do not hide a beginning from its
    reader."""
    return BEFORE.sub("", text)


def _is_element(text: str) -> bool:
    return text.startswith("<") and (ELEMENT.match(text) is not None or any(end in text for end in ENDED))


def _is_mail(text: str) -> bool:
    """True if a header of mail stands before the first line that is none."""
    if MAILBOX.match(text):
        return True
    for line in text[:MOST_HEADER].splitlines():
        field = FIELD.match(line)
        if field and FIELDS.fullmatch(field[1]):
            return True
        if not field and not line.startswith((" ", "\t")):  # neither a field nor a field's next line
            return False
    return False
