"""Tells whether a text asks who reported, or asks a reporter who they are (R27, B21).

The vault's screen knows names and guesses; this knows the questions themselves. Neither replaces the human
review.
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
_OWN = "(?:真实|真|全|详细|准确|具体|家庭|工作|居住|现|常|有效|的|个人|本人){0,3}"
_DATA = (
    "(?:姓名|姓氏|名字|名讳|身份(?!是否)|住址|住处|住所|地址|门牌|手机|电话|号码|联系方式|联系办法|微信|邮箱|邮件|单位|职业|职务|岗位|年龄"
    "|籍贯|签名|证件)"
)
_REPORTER = "(?:您|你|妳|阁下|尊驾|举报人|检举人|控告人|反映人|写信人|来信人|投诉人|本人|自己)"
_SAY = "(?:说明|提供|告知|告诉我们|留下?|补充|写明|写上|报上?|登记|填写|出示|上传|附上|署|签)"
_IDENTITY = re.compile(
    rf"{_REPORTER}(?:们|一家)?{_OWN}{_DATA}"
    rf"|{_REPORTER}(?:们)?(?:究竟|到底|具体|本人)?(?:[是系](?:谁|哪[位个里家]|什么人|何人|做什么|干什么)|叫(?:什么|啥)|姓(?:什么|啥|甚名谁)"
    r"|(?:现|家|常)?住(?:在)?(?:哪|什么|何处)|在(?:哪|什么|何处)[^。]{0,4}(?:工作|上班|住|任职))"
    rf"|请(?:问)?{_REPORTER}?(?:们)?(?:能否|可否|是否|务必|尽快|先|也|如实|补充|进一步)?{_SAY}(?:一下|下)?{_REPORTER}?{_OWN}{_DATA}"
    r"|(?:怎么|如何|怎样)(?:称呼|联系|找到|联络)(?:您|你|举报人|反映人)?|贵姓|尊姓|高姓大名|以便(?:我们)?(?:与|和|跟|同)?(?:您|你)?联[系络]"
    r"|(?:改为|转为|愿意|请|能否|可否)(?:您|你)?(?:以)?(?:实名|署名|具名)"
    r"|\b(?:your|the (?:reporter|complainant|writer)'s)\b(?: \w+){0,2}"
    r" (?:names?|address|telephone|phone|mobile|numbers?|id|identity|e-?mail|job|employer)\b"
    r"|\bwho (?:are you|you are)\b|\bwhere do you (?:live|work)\b",
    re.IGNORECASE,
)
_HAN = "[\u3400-\u9fff\U00020000-\U0003ffff·]"
_SPEAKER = re.compile(
    rf"(?:我|本人|俺|咱|举报人|反映人|写信人)的?(?:真实)?(?:姓名?|名字|真名)[是叫为:：]{{0,2}}{_HAN}{{1,4}}"
    rf"|(?:我|本人|俺|咱)名?叫(?![他她它你您人了过来去起不着一]){_HAN}{{2,4}}(?=$|[，,。;；、！!？?\\s（(电手])"
    rf"|(?:姓名|署名|签名|落款|真名)[是为:： ]{{1,2}}{_HAN}{{2,4}}(?=$|[，,。;；、（(\s])"
    rf"|(?<![他她其人])(?:我|本人|俺|家|咱)(?:家|们)?(?:就)?(?:现|常)?(?:住在|家住|住址|地址|住){_HAN}{{2,}}"
    r"|\b(?:my name is|i am called|i live (?:at|in))\b",
    re.IGNORECASE,
)
_END = re.compile(r"[。；！？.;!?\n]")


def asks_who_reported(text: str) -> bool:
    """True where the text asks for the reporter, unless the sentence forbids exactly that before."""
    return _is_asked(_QUESTION, text)


def asks_who_you_are(text: str) -> bool:
    """True where the text asks its reader for their name, address, number or place, unless the sentence
    forbids exactly that before (B21). Asking for somebody else's is no such question."""
    return _is_asked(_IDENTITY, text)


def names_its_speaker(text: str) -> bool:
    """True where somebody says in it what they are called or where they live: passed on, it would tell who
    reported (B21)."""
    return _SPEAKER.search(simplified(text)) is not None


def _is_asked(question: re.Pattern[str], text: str) -> bool:
    return any(_asks(question, sentence) for sentence in _END.split(simplified(text)))


def _asks(question: re.Pattern[str], sentence: str) -> bool:
    found = question.search(sentence)
    forbidden = _FORBIDDING.search(sentence)
    # A word that forbids the first question forbids those behind it.
    return found is not None and (forbidden is None or forbidden.end() > found.start())
