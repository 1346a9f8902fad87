"""Tells whether a text asks who reported: a guard for talk notes beside the vault's screen (R27).

The vault knows names and guesses; this knows the question itself. Neither replaces the human review.
"""

from __future__ import annotations

import re

from shared.language.spelling import simplified

_GAP = r"[^。；！？.;!?\n]"
_QUESTION = re.compile(
    rf"(?:谁|哪个|何人|什么人){_GAP}{{0,6}}(?:举报|检举|控告|告的状|[写寄投]{_GAP}{{0,6}}信)"
    rf"|(?:举报|检举|控告|匿名|来)信{_GAP}{{0,8}}(?:谁|哪个|何人|什么人|笔迹|字迹)"
    rf"|(?:举报|检举|控告|写信|来信)人{_GAP}{{0,6}}(?:谁|身份|哪个|何人|什么人|下落)"
    rf"|\bwho\b{_GAP}{{0,30}}\b(?:reported|wrote|sent|posted)\b{_GAP}{{0,20}}\b(?:letters?|reports?|complaints?|him|her)\b"
    rf"|\bidentity of the (?:reporter|complainant|writer)",
    re.IGNORECASE,
)
_FORBIDDING = re.compile("不得|不准|不要|不应|禁止|严禁|切勿|must not|may not|never", re.IGNORECASE)
_END = re.compile(r"[。；！？.;!?\n]")


def asks_who_reported(text: str) -> bool:
    """True where the text asks for the reporter, unless the sentence forbids exactly that before."""
    return any(_asks(sentence) for sentence in _END.split(simplified(text)))


def _asks(sentence: str) -> bool:
    found = _QUESTION.search(sentence)
    forbidden = _FORBIDDING.search(sentence)
    # A word that forbids the first question forbids those behind it.
    return found is not None and (forbidden is None or forbidden.end() > found.start())
