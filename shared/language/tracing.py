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
_OWN = "(?:真实|全|详细|准确|具体|家庭|工作|居住|现|常|有效|的){0,3}"
_DATA = (
    "(?:姓名|名字|身份(?:证号?码?|信息)?|住址|住处|地址|门牌号?|手机号?码?|电话号?码?|联系方式|联系办法|微信号?|邮箱|工作单位|单位|职业|职务|年龄|籍贯)"
    "(?!聊天|转账|记录|录音|截图|通知|侵占|犯罪|便利|公函|公章|证明|账|卡|被|里|上|往来|拍|领导|同事|同志|负责|信息|[将会]|严格|受|证|保密|安全|内|没有)"
)
_YOU = "(?:(?:您|你|妳)(?:们|本人|自己)?)"
_SAY = "(?:(?:说明|提供|告知|告诉(?:我们)?|留下?|给|报上?|写明|写上|登记|填写|表明|注明)(?:一下|下|一?个)?)"
_PLEASE = "(?:请问?|麻烦|烦请|能否|可否|能不能|方便|希望|是否方便)"
_ENDING = "(?=$|[?？呢吗呀啊吧])"
_IDENTITY = re.compile(
    rf"{_YOU}{_OWN}{_DATA}"
    rf"|{_PLEASE}{_YOU}?(?:能否|可否|务必|尽快|先|也|如实|补充|进一步|能|可以)?{_SAY}{_YOU}?{_OWN}{_DATA}"
    rf"|^(?:请问|请|能)?(?:您|你)?{_SAY}?{_OWN}{_DATA}(?:是(?:什么|多少)|多少|呢)?{_ENDING}"
    rf"|{_YOU}(?:究竟|到底)?(?:[是系](?:谁|哪一?[位个]|什么人|何人)|叫(?:什么|啥)(?:名字|名)?|姓(?:什么|啥)){_ENDING}"
    rf"|{_YOU}(?:[是在系])哪(?:里|儿|个|一?家)?(?:单位|部门|公司|村|镇|乡|组|小区)?(?:的|的人|人|工作|上班|任职|居住|住){_ENDING}"
    rf"|{_YOU}在哪(?:里|儿|个|一?家)?(?:单位|部门|公司|村|镇|乡|组)?(?:工作|上班|任职){_ENDING}"
    rf"|{_YOU}(?:现|家)?(?:住|住在|家住|家在)(?:哪里?|哪儿|什么地方|何处){_ENDING}"
    rf"|(?:怎么|如何|怎样)(?:称呼|联系|联络|找到)(?:{_YOU})?{_ENDING}|贵姓|尊姓大名|自我介绍"
    rf"|以便(?:我们)?(?:与|和|跟|同)?(?:{_YOU})?联[系络](?:{_YOU})?{_ENDING}|加(?:个|一下|您|你)*微信"
    rf"|(?:可以|建议|希望|请|能否|可否|愿意)(?:{_YOU})?(?:以)?(?:实名|署名)"
    r"|\b(?:your|the (?:reporter|complainant|writer)'s)\b(?: \w+){0,2}"
    r" (?:names?|address|telephone|phone|mobile|numbers?|id|identity|e-?mail|job|employer)\b"
    r"|\bwho (?:are you|you are)\b|\bwhere do you (?:live|work)\b|\bhow can we (?:contact|reach) you\b",
    re.IGNORECASE,
)
_HAN = "[\u3400-\u9fff\U00020000-\U0003ffff·]"
_AT_END = '(?=$|[，,。;；、！!？?（(“”"\\s])'
_PLACE = "[^，,。；;]{0,12}(?:[村组号楼路街巷栋室镇乡]|小区|单元)"
_SPEAKER = re.compile(
    rf"(?:我|本人|俺)的?(?:姓名|名字|真名)[是叫为:：]{{1,2}}{_HAN}{{2,4}}"
    rf"|(?<!被)(?:举报人|反映人|检举人|控告人|写信人|投诉人)(?:姓名|名叫)?[是为:：]{{1,2}}{_HAN}{{2,4}}{_AT_END}"
    rf"|(?:我|本人|俺)名?叫(?![停来去他她它你您人工了过起着])[“\"]?{_HAN}{{2,4}}[”\"]?{_AT_END}"
    rf"|(?:我|本人|俺)家?(?:现|常|就)?住(?:在)?(?![院房宅宿户建处所过的进]){_PLACE}"
    rf"|(?:我|俺)家在{_PLACE}|(?:我的|本人|家庭)(?:住址|地址)[:：是为]"
    r"|\b(?:my name is|i am called)\b|\bi live at\b",
    re.IGNORECASE,
)
_END = re.compile(r"[。；！？.;!?\n]")
_CLAUSE = re.compile(r"[。；！？.;!?\n，,：:、]")
_FREES = re.compile(
    "不得|不准|不要|不应|禁止|严禁|切勿|请勿|勿|不必|不用|无需|无须|不需要|避免|不会|可以不|保密|保护"
    "|must not|may not|never|need not",
    re.IGNORECASE,
)
"""Words by which a clause asks for nothing."""


def asks_who_reported(text: str) -> bool:
    """True where the text asks for the reporter, unless the sentence forbids exactly that before."""
    return any(_asks(sentence) for sentence in _END.split(simplified(text)))


def _asks(sentence: str) -> bool:
    found = _QUESTION.search(sentence)
    forbidden = _FORBIDDING.search(sentence)
    # A word that forbids the first question forbids those behind it.
    return found is not None and (forbidden is None or forbidden.end() > found.start())


def asks_who_you_are(text: str) -> bool:
    """True where a clause asks its reader for their name, address, number or place, and does not say that
    they need not tell it (B21). It knows the usual ways of asking; people read the rest."""
    return any(
        _IDENTITY.search(clause.replace(" ", "") if not clause.isascii() else clause)
        and not _FREES.search(clause)
        for clause in map(str.strip, _CLAUSE.split(simplified(text)))
    )


def names_its_speaker(text: str) -> bool:
    """True where somebody says in the usual words what they are called or where they live: passed on, it
    would tell who reported (B21)."""
    return _SPEAKER.search(simplified(text)) is not None
