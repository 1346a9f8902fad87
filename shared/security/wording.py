"""Words that tell how, when or how often somebody reported (SEC-1, R47): kept from subject and public."""

from __future__ import annotations

import re
import unicodedata

_CHANNEL = re.compile(
    "(?:匿名|实名|署名|联名|电话|网络|网上|微信|当面|书面|多次|反复)(?:的)?(?:举报|检举|控告|信访)"
    "|匿名信|举报信|检举信|控告信|来信|来电|来访|信件|信封|[0-9一二三四五六七八九十百两数多]+[封次件](?:举报|检举|反映|信)"
)


def folded(text: str) -> str:
    """NFKC, without case, spaces and signs: what stands between the characters hides nothing."""
    return "".join(c for c in unicodedata.normalize("NFKC", text).casefold() if c.isalnum())


def tells_channel(text: str) -> bool:
    """Whether a text says that it goes back to a letter, a call, a visit, or to how many of them."""
    return _CHANNEL.search(folded(text)) is not None
