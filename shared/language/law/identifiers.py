"""Identifiers and their check characters: GB 11643, GB 32100 and the human numbers (§0.5, §8.6).

These functions say only whether an identifier is well formed. Resident ids belong in the vault alone.
"""

import re
import unicodedata
from datetime import date
from enum import StrEnum

_RESIDENT_ID = re.compile(r"[0-9]{17}[0-9X]")
_RESIDENT_WEIGHTS = (7, 9, 10, 5, 8, 4, 2, 1, 6, 3, 7, 9, 10, 5, 8, 4, 2)
_RESIDENT_CHECKS = "10X98765432"

_RUNS = re.compile("[0-9]+X?")
_RANDOM = re.compile(
    r"(?<![0-9A-Z])(?:[0-9A-F]{8}(?:-[0-9A-F]{4}){3}-[0-9A-F]{12}|[0-9A-F]{32}|[0-9A-F]{40}|[0-9A-F]{64})(?![0-9A-Z])"
)
"""A UUID or a digest in hex, with nothing glued to it."""
_MOBILE = re.compile(r"(?:(?:00)?86)?1[3-9][0-9]{9}")

_BEGINS = r"(?<![0-9])(?<![0-9][ -])"
_ENDS = r"(?![0-9]|[ ]?-?[ ]?[0-9]|[ ]?(?:元|万|亿|[.][0-9]))"
"""Nothing of another number around it, and no amount."""
_SIGN = "[ ]?-?[ ]?"
_CALLED = re.compile(
    f"{_BEGINS}(?:(?:[+]|00)?86[ -]?)?1[3-9][0-9](?:[0-9]{{8}}|{_SIGN}[0-9]{{4}}{_SIGN}[0-9]{{4}}){_ENDS}"
    f"|{_BEGINS}[(]?0(?:10|2[0-9]|[3-9][0-9]{{2}})[)]?{_SIGN}[2-8][0-9]{{6,7}}{_ENDS}"
)
"""A mobile number, whole or in groups of three, four and four; a landline with its area code."""
_OLD_RESIDENT_ID = re.compile(
    r"(?<![0-9])(?:1[1-5]|2[1-3]|3[1-7]|4[1-6]|5[0-4]|6[1-5]|99)[0-9]{4}"
    r"[0-9]{2}(?:0[1-9]|1[0-2])(?:0[1-9]|[12][0-9]|3[01])[0-9]{3}(?![0-9])"
)
"""Fifteen digits may be many things: it counts where the text speaks of such a card."""
_CARD = re.compile(r"(?<![0-9])[1-9][0-9]{5}[ ]?[0-9]{8}[ ]?[0-9]{3}[0-9X](?![0-9])")
_MANY = re.compile(r"(?:[\d〇零一二三四五六七八九幺两壹贰叁肆伍陆柒捌玖][^\d\w]{0,3}){9}")
_NUMERALS = str.maketrans(
    "〇零一二三四五六七八九幺两壹贰叁肆伍陆柒捌玖‐‑‒–—−", "0012345678912123456789------"
)
_BLANKS = re.compile(r"[^\S\n]+")

_CREDIT_ALPHABET = "0123456789ABCDEFGHJKLMNPQRTUWXY"  # no I, O, S, V, Z
_CREDIT_CODE = re.compile(f"[{_CREDIT_ALPHABET}]{{18}}")
_CREDIT_WEIGHTS = tuple(pow(3, i, 31) for i in range(17))

_ORGAN_DIVISION = re.compile(r"[0-9]{2}|[0-9]{4}|[0-9]{6}|[0-9]{9}")


class NumberPrefix(StrEnum):
    """The kinds of human numbers, by their prefix (§0.5)."""

    COMPLAINT = "XF"
    VERIFICATION_CASE = "HC"
    FALSE_ACCUSATION_INQUIRY = "WG"
    TRACING_ORDER = "ZC"
    CLARIFICATION = "CQ"
    REVISIT_PLAN = "HF"
    SUPERVISION_ORDER = "DB"
    PROTECTION_REQUEST = "BH"
    PUBLICITY_ACTIVITY = "FB"


def resident_id_check(first17: str) -> str:
    """The check character of a resident id (GB 11643: ISO 7064 MOD 11-2)."""
    total = sum(int(digit) * weight for digit, weight in zip(first17, _RESIDENT_WEIGHTS, strict=True))
    return _RESIDENT_CHECKS[total % 11]


def is_resident_id(value: str) -> bool:
    """True of a well-formed 18-character resident id: shape, birth date, check character (GB 11643)."""
    if not _RESIDENT_ID.fullmatch(value):
        return False
    try:
        date(int(value[6:10]), int(value[10:12]), int(value[12:14]))
    except ValueError:
        return False
    return resident_id_check(value[:17]) == value[17]


def holds_personal_number(reference: str) -> bool:
    """True if a mobile number or a resident id is typed where a document or an account should be named
    (SEC-12). It counts by itself between other signs, or set apart by signs with nothing else in the
    reference. A value that a machine made at random holds none, though one in some thousand looks as if."""
    runs = _RUNS.findall(_RANDOM.sub(" ", reference.upper()))
    if not any(char.isalpha() for char in reference.rstrip("Xx")):
        runs.append("".join(runs))
    return any(_MOBILE.fullmatch(run) or is_resident_id(run) for run in runs)


def tells_personal_number(text: str) -> bool:
    """True if prose holds a mobile number, a landline with its area code, or a resident id: in digits of
    another width or Chinese numerals too, and grouped as these are grouped (B21). Amounts, dates, accounts
    and numbers of documents are none."""
    if not _MANY.search(text):
        return False
    plain = "".join(c for c in unicodedata.normalize("NFKC", text) if unicodedata.category(c) != "Cf")
    folded = _BLANKS.sub(" ", _RANDOM.sub(";", plain.translate(_NUMERALS).upper()))
    if _CALLED.search(folded):
        return True
    cards = (found[0].replace(" ", "") for found in _CARD.finditer(folded))
    return any(map(is_resident_id, cards)) or ("证" in text and bool(_OLD_RESIDENT_ID.search(folded)))


def credit_code_check(first17: str) -> str:
    """The check character of a unified social credit code (GB 32100-2015)."""
    values = (_CREDIT_ALPHABET.index(char) for char in first17)
    total = sum(value * weight for value, weight in zip(values, _CREDIT_WEIGHTS, strict=True))
    return _CREDIT_ALPHABET[-total % 31]  # 31 - 0 is 31, which the standard writes as 0


def is_credit_code(value: str) -> bool:
    """True of a well-formed unified social credit code (GB 32100-2015). No position need be numeric."""
    return bool(_CREDIT_CODE.fullmatch(value)) and credit_code_check(value[:17]) == value[17]


def human_number(prefix: str, organ_code: str, year: int, sequence: int) -> str:
    """`XF-990102100-2022-000001`: the number that people read out (§0.5).

    It carries the organ's own code (9 digits for a township). Beyond 999999 it grows wider, since a number
    may neither be skipped nor given twice.
    """
    division = organ_code.removeprefix("DI-")
    if not _ORGAN_DIVISION.fullmatch(division):
        raise ValueError(f"not an organ code: {organ_code}")
    if not 1000 <= year <= 9999 or sequence < 1:
        raise ValueError(f"no such number: year {year}, sequence {sequence}")
    return f"{NumberPrefix(prefix).value}-{division}-{year:04d}-{sequence:06d}"
