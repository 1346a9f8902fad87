"""Checks that a text can be read: something of it is seen, and it is read in the order in which it stands."""

from __future__ import annotations

import unicodedata

from pydantic import AfterValidator

BLANKS = frozenset("\u115f\u1160\u2800\u3164\uffa0\ufffc\U0001d159")
"""Letters and symbols that show nothing."""
TURNS = frozenset("\u061c\u200e\u200f\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069")
"""Controls of direction: with them a text shows other words than it holds."""
UNSEEN = frozenset({"Cc", "Cf", "Cs", "Zs", "Zl", "Zp", "Mn", "Mc", "Me"})


def is_seen(text: str) -> bool:
    """True if at least one character of it is visible."""
    return any(_shows(char) for char in text)


def _shows(char: str) -> bool:
    kind = unicodedata.category(char)
    if kind == "Cn":
        # Not in this library's tables: an ideograph that is newer than they are.
        return "\U00020000" <= char < "\U00040000"
    return kind not in UNSEEN and char not in BLANKS


def seen(text: str) -> str:
    """The text; ValueError where nothing of it is visible."""
    if not is_seen(text):
        raise ValueError("no visible character")
    return text


def straight(text: str) -> str:
    """The text; ValueError where it turns its direction."""
    if not TURNS.isdisjoint(text):
        raise ValueError("a control of direction")
    return text


def _if_seen(text: str) -> str:
    return text if is_seen(text) else ""


Seen = AfterValidator(seen)
Straight = AfterValidator(straight)
IfSeen = AfterValidator(_if_seen)
"""Makes a field that may be empty empty, where it has no visible character."""
