"""In how many ways a reporter's name, number or address can be written (SEC-12).

Texts and tokens are brought to normal forms in which spelling hides nothing: width, case, accents,
spaces and signs; digits of any script, circled, Roman or Chinese; pinyin for a name. Numbers are also
found in pieces. What too many people share (a village, a birthday, a surname) is no token: refusing it
would betray more than it hides.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Iterator, Sequence
from functools import lru_cache
from itertools import islice, product

from pypinyin import Style, pinyin

from services.intake.domain.values import CoSigner, ReporterBlock

TAIL = 6
"""So many last digits of a number are as good as the whole."""
PIECE = {"phone": 7, "resident_id": 9}
"""So many digits in a row from anywhere in it. A resident id begins with a division and holds a birthday."""
READINGS = 16
"""Pinyin readings of one name that are looked for."""
COMMON_MAILBOXES = frozenset({"admin", "contact", "hello", "info", "mail", "office", "service", "support"})
CALLED = "(?:同志|先生|女士|师傅|老师|老人|来信|来电|来访|举报|检举|控告)"
"""After a given name alone these words make a person of it."""
LAST_DIGITS = re.compile(r"(?:尾号|尾数|末尾?[四4]位|后[四4]位|最后[四4]位)[^0-9]{0,4}([0-9]{4})")
NUMERALS = re.compile("[零〇一二三四五六七八九两十百千]+")
PLACE = re.compile("[省市区县旗乡镇村社街路道巷弄里苑园院坊]")
COMPOUND_SURNAMES = re.compile("欧阳|司马|上官|诸葛|东方|皇甫|尉迟|公孙|慕容|令狐|司徒|夏侯|端木|南宫")
LOOKALIKES = str.maketrans("oil", "011")


@lru_cache(maxsize=4096)
def _digit(char: str) -> str:
    """The digit that a character writes (５, ٥, ⑤, Ⅴ, 五, 伍), or ""."""
    value = unicodedata.numeric(char, -1.0)
    return str(int(value)) if value in range(10) else ""


def _latin_digits(text: str) -> str:
    """Digits of other scripts, circled and Roman ones as 0 to 9; Chinese numerals stay words."""
    return "".join(char if _is_word(char) else _digit(char) or char for char in text)


def _is_word(char: str) -> bool:
    return unicodedata.category(char) == "Lo" or char == "〇"


def normal(text: str) -> str:
    """NFKC, digits as 0 to 9, without case, accents, spaces, dashes and invisible characters."""
    folded = unicodedata.normalize("NFKC", _latin_digits(text)).casefold()
    bare = unicodedata.normalize("NFKD", folded) if not folded.isascii() else folded
    return "".join(char for char in bare if char.isalnum() or char == "@")


def _value(numeral: str) -> str:
    """十二 -> 12, 一百零三 -> 103, 一三九 -> 139."""
    if not any(char in "十百千" for char in numeral):
        return "".join(_digit(char) for char in numeral)
    total, last = 0, 0
    for char in numeral:
        value = int(unicodedata.numeric(char))
        if value >= 10:
            total, last = total + (last or 1) * value, 0
        else:
            last = value
    return str(total + last)


def counted(plain: str) -> str:
    """A normal form in which 三组十二号 and 3组12号 are the same."""
    return NUMERALS.sub(lambda found: _value(found[0]), plain)


def _runs(text: str) -> Iterator[str]:
    """The digits of a text, as it may be read: Chinese numerals as words or as digits, O and l as 0 and 1."""
    plain = normal(text)
    yield plain
    spelled = "".join((_digit(c) if not c.isascii() else "") or c for c in plain)
    yield spelled
    yield spelled.translate(LOOKALIKES)


def _letters(text: str) -> str:
    """Small Latin letters and digits without accents; every sign between them is one `_`."""
    bare = unicodedata.normalize("NFKD", unicodedata.normalize("NFKC", text)).casefold()
    return "".join(c if c.isalnum() else "_" for c in bare if not unicodedata.combining(c))


class Text:
    """A text about to be stored, in the forms in which tokens are looked for."""

    def __init__(self, text: str) -> None:
        self.plain = normal(text)
        self.counted = counted(self.plain)
        self.runs = set(_runs(text))
        self.digits = {re.sub(r"[^0-9x]", "", run) for run in self.runs}
        """All digits one after another, whatever words stood between the pieces."""
        self.letters = _letters(text)
        self.latin = any("a" <= char <= "z" for char in self.letters)

    def has_word(self, word: str) -> bool:
        return bool(word) and word in self.plain

    def has_latin(self, word: str) -> bool:
        """A Latin word by itself, not as a part of another; its letters may be set apart."""
        pattern = "_{0,3}".join(re.escape(char) for char in word)
        return self.latin and re.search(rf"(?<![a-z0-9]){pattern}(?![a-z0-9])", self.letters) is not None

    def has_number(self, number: str, piece: int) -> bool:
        """The whole number, though words stand between its parts; or a piece of it without any."""
        if len(number) < TAIL:
            return False
        if any(number in digits for digits in self.digits):
            return True
        windows = {number[n : n + piece] for n in range(len(number) - piece + 1)} | {number[-TAIL:]}
        if any(window in run for run in self.runs for window in windows):
            return True
        told = (found for run in self.runs for found in LAST_DIGITS.findall(run))
        return any(number.endswith(last) for last in told)


def reveals(text: str, reporters: Iterable[ReporterBlock], places: Sequence[str] = ()) -> bool:
    """Whether a text holds what tells one of these reporters.

    `places` are the accused's own unit and the like: a reporter from there has no token in them, or
    the screen would betray that he is a colleague.
    """
    looked_at, known = Text(text), [normal(place) for place in places if place]
    return any(_tells(looked_at, reporter, known) for reporter in reporters)


def _tells(text: Text, reporter: ReporterBlock, places: Sequence[str]) -> bool:
    people: list[ReporterBlock | CoSigner] = [reporter, *reporter.co_signers]
    return (
        any(_tells_person(text, person) for person in people)
        or any(text.has_word(w) for w in _elsewhere([reporter.unit, reporter.address], places))
        or (bool(reporter.unit_code) and text.has_word(normal(reporter.unit_code)))
        or any(piece in text.counted for piece in _doors(reporter.address, places))
        or _tells_mail(text, reporter.email)
    )


def _tells_person(text: Text, person: ReporterBlock | CoSigner) -> bool:
    return _tells_name(text, person.name) or any(
        text.has_number(_bare_number(number), PIECE[kind])
        for kind, number in (("phone", person.phone), ("resident_id", person.resident_id))
    )


def _bare_number(number: str) -> str:
    """Without signs, and without the country where the rest is a mobile number."""
    digits = re.sub(r"[^0-9x]", "", normal(number))
    return digits[-11:] if len(digits) in (13, 15) and digits[-11] == "1" else digits


def _tells_name(text: Text, name: str) -> bool:
    whole = normal(name)
    if len(whole) < 2:
        return False
    if text.has_word(whole):
        return True
    given = _given(whole)
    if len(given) > 1 and re.search(re.escape(given) + CALLED, text.plain):
        return True
    return any(text.has_latin(reading) for reading in _readings(whole))


def _given(name: str) -> str:
    """The given name of a Chinese name; "" for any other."""
    if name.isascii() or not 3 <= len(name) <= 4:
        return ""
    return name[2:] if COMPOUND_SURNAMES.match(name) else name[1:]


@lru_cache(maxsize=1024)
def _readings(name: str) -> tuple[str, ...]:
    """The name in pinyin, surname first or last; every reading of every character, up to a limit."""
    if name.isascii() or len(name) > 4:
        return ()
    syllables = pinyin(name, style=Style.NORMAL, heteronym=True, errors="ignore")
    if len(syllables) != len(name):
        return ()
    spelled = [[w for syllable in char for w in _umlauts(syllable)] for char in syllables]
    found = set()
    for reading in islice(product(*spelled), READINGS):
        found |= {"".join(reading), "".join(reading[1:]) + reading[0]}
    return tuple(sorted(reading for reading in found if len(reading) >= 4))


def _umlauts(syllable: str) -> list[str]:
    """lü is typed lv, lu or lyu."""
    return [syllable.replace("v", u) for u in ("v", "u", "yu")] if "v" in syllable else [syllable]


def _elsewhere(values: Iterable[str], places: Sequence[str]) -> list[str]:
    """Whole units and addresses that are none of the accused's own."""
    tokens = [normal(v) for v in values]
    return [t for t in tokens if len(t) >= 2 and not any(t in place or place in t for place in places)]


def _doors(address: str, places: Sequence[str]) -> set[str]:
    """The end of an address: the door with the place before it, and the door alone where it is particular."""
    whole = counted(normal(address))
    ends = [found.end() for found in PLACE.finditer(whole)]
    if not ends:
        return set()
    door = whole[ends[-1] :]
    before = ends[-2] if len(ends) > 1 else 0
    found = {whole[before:]} if re.search(r"[0-9]", door) else set()
    if len(re.findall(r"[0-9]+", door)) > 1:
        found.add(door)
    known = [counted(place) for place in places]
    return {piece for piece in found if len(piece) >= 4 and not any(piece in place for place in known)}


def _tells_mail(text: Text, email: str) -> bool:
    whole = normal(email)
    if not whole:
        return False
    local = normal(email.split("@")[0])
    if text.has_word(whole):
        return True
    if local.isdigit():
        return text.has_number(local, len(local))
    return len(local) >= 4 and local not in COMMON_MAILBOXES and text.has_latin(local)
