"""The ways in which a word or a number can be written (SEC-12).

Texts and tokens are brought to normal forms in which spelling hides nothing, beginning with the one of
`shared.language.spelling`; numbers are also found in pieces and with their middle hidden. `tokens` says what
is looked for.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator
from typing import Literal

from shared.language.spelling import closed, digit, is_letter, latin_digits, normal, simplified

TAIL = 6
"""Last digits of a number that are as good as the whole."""
PIECE = {"phone": 7, "resident_id": 9}
"""Digits in a row, from anywhere in it, that tell a number. A resident id begins with a division and holds a
birthday."""
Kind = Literal["phone", "resident_id"]
LAST = r"([0-9]{3}[0-9x]{1,3})"
TOLD_AFTER = re.compile(
    r"(?:尾号|尾数|结尾[是为]|(?:末尾?|最?后)[4-6四五六]位)(?:数字?|号码?)?[^0-9]{0,4}" + LAST
)
TOLD_BEFORE = re.compile(
    r"(?<![0-9x])" + LAST + r"(?:[的为是作]?(?:结尾|收尾|打尾|尾号|尾数)|[为是](?:末尾?|最?后)[4-6四五六]位)"
)
MASKS = frozenset("*×✕✖✗○◯□■●•#_")
MASKED = re.compile(r"(?<![0-9])([0-9]*),?([*x〇某]{1,18}),?([0-9]{3,}[0-9x])(?![0-9])")
"""The beginning and the end of a number with marks between them."""
DOTS = re.compile(r"([.\-—–])\1+")
NUMERALS = re.compile("[零〇一二三四五六七八九两十百千]+")
LOOKALIKES = str.maketrans("oil", "011")


def _spelled(text: str) -> str:
    """Chinese numerals as digits."""
    return text.translate({ord(c): d for c in set(text) if not c.isascii() and (d := digit(c))})


def _value(numeral: str) -> str:
    """十二 -> 12, 一百零三 -> 103, 两百 -> 200, 一三九 -> 139."""
    if not any(char in "十百千" for char in numeral):
        return "".join(digit(char) for char in numeral)
    total, last = 0, 0
    for char in numeral:
        value = 2 if char == "两" else int(unicodedata.numeric(char))
        if value >= 10:
            total, last = total + (last or 1) * value, 0
        else:
            last = value
    return str(total + last)


def counted(plain: str) -> str:
    """A normal form in which 三组十二号 and 3组12号 are the same."""
    return NUMERALS.sub(lambda found: _value(found[0]), plain)


def _runs(plain: str) -> Iterator[str]:
    """The digits of a text, as it may be read: Chinese numerals as words or as digits, O and l as 0 and 1."""
    yield plain
    spelled = _spelled(plain)
    yield spelled
    yield spelled.translate(LOOKALIKES)


def _letters(text: str) -> str:
    """Small Latin letters and digits without accents; every sign between them is one `_`."""
    bare = unicodedata.normalize("NFKD", closed(text)).casefold()
    return bare.translate(
        {ord(c): None if unicodedata.combining(c) else "_" for c in set(bare) if not is_letter(c)}
    )


def _veiled(text: str) -> str:
    """A text in which every mark for something hidden is `*`, and any other sign a comma.

    x and 〇 stay as they are: they may be such marks, or the last place of a resident id and a zero.
    """
    folded = DOTS.sub("*", simplified(latin_digits(text)).casefold())
    return folded.translate({ord(c): _veil(c) for c in set(folded)})


def _veil(char: str) -> str | None:
    if char in MASKS:
        return "*"
    if is_letter(char):
        return char
    return None if unicodedata.category(char) in ("Zs", "Cf", "Pd") else ","


class Text:
    """A text about to be stored, in the forms in which tokens are looked for."""

    def __init__(self, text: str) -> None:
        self.plain = normal(text)
        self.lines = frozenset(map(normal, text.split("\n")))
        self.counted = counted(self.plain)
        self.runs = set(_runs(self.plain))
        self.digits = {re.sub(r"[^0-9x]", "", run) for run in self.runs}
        """All digits one after another, whatever words stood between the pieces."""
        veiled = _veiled(text)
        self.veiled = veiled.replace("x", "*").replace("〇", "*")
        self.ends = {ends for run in _runs(veiled) for ends in _masked(run)}
        """Beginnings and ends of numbers whose middle is hidden."""
        self.last = {last for run in self.runs for last in _told(run)}
        """The last digits of a number, where a text calls them so."""
        self.letters = _letters(text)
        self.toneless = re.sub(r"(?<=[a-z])[0-5](?![0-9])", "", self.letters)
        self._joined = self.toneless.replace("_", "")
        self.latin = any("a" <= char <= "z" for char in self.letters)

    def has_word(self, word: str) -> bool:
        return bool(word) and word in self.plain

    def has_latin(self, word: str) -> bool:
        """A Latin word by itself, not as a part of another; its letters may be set apart."""
        return self.latin and _apart(word, self.letters)

    def has_pinyin(self, word: str) -> bool:
        """The same for pinyin, which may carry the numbers of its tones (luo2 xu1)."""
        return self.latin and word in self._joined and _apart(word, self.toneless)

    def has_number(self, number: str, kind: Kind) -> bool:
        """The whole number, though words stand between its parts; a piece of it without any; or its ends."""
        return self.has_digits(number, PIECE[kind]) or (
            len(number) > TAIL
            and (
                any(number.startswith(first) and number.endswith(last) for first, last in self.ends)
                or any(number.endswith(last) for last in self.last)
            )
        )

    def has_digits(self, number: str, piece: int) -> bool:
        """True if the text holds the whole number, `piece` digits of it in a row, or its last ones."""
        if len(number) < TAIL:
            return False
        if any(number in digits for digits in self.digits):
            return True
        windows = {number[n : n + piece] for n in range(len(number) - piece + 1)} | {number[-TAIL:]}
        return any(window in run for run in self.runs for window in windows)


def _apart(word: str, letters: str) -> bool:
    pattern = "_{0,3}".join(re.escape(char) for char in word)
    return re.search(rf"(?<![a-z0-9]){pattern}(?![a-z0-9])", letters) is not None


def _masked(run: str) -> Iterator[tuple[str, str]]:
    """139****5678; without a beginning only behind as many marks as nobody writes for anything else."""
    for first, marks, last in MASKED.findall(run):
        first = first.removeprefix("00").removeprefix("86")
        if len(first) >= 3 or (not first and len(marks) >= 4):
            yield first, last


def _told(run: str) -> Iterator[str]:
    """Four to six digits said to be the last; what follows them may be another number."""
    for told in TOLD_AFTER.findall(run):
        yield from (told[:end] for end in range(4, len(told) + 1))
    yield from TOLD_BEFORE.findall(run)
