"""Words that tell how, when or how often somebody reported (SEC-1, R47): kept from subject and public."""

from __future__ import annotations

import re

from shared.language.spelling import normal

_CHANNEL = re.compile(
    "(?:匿名|实名|署名|联名|电话|网络|网上|微信|当面|书面|多次|反复)(?:的)?(?:举报|检举|控告|信访)"
    # The last character of a number is enough; to look for its beginning would cost the square of its length.
    "|匿名信|举报信|检举信|控告信|来信|来电|来访|信件|信封|[0-9一二三四五六七八九十百两数多][封次件](?:举报|检举|反映|信)"
)


def tells_channel(text: str) -> bool:
    """True if a text says that it goes back to a letter, a call, a visit, or to how many of them."""
    return _CHANNEL.search(normal(text)) is not None
