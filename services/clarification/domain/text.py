"""The text of a clarification: made from a template, never written freely (R10, R47).

It names only the specific allegations that were found unfounded; free is one short note, which is
screened. The identity of reporters is the vault's screen, which the gate asks; here stand the words
that no clarification may contain whoever reported.
"""

from __future__ import annotations

import hashlib
import re
import unicodedata
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date

from shared.language.contracts.clarification import Item
from shared.language.contracts.common import Accused, Scope
from shared.language.refusal import refuse
from shared.language.spelling import normal
from shared.language.wording import tells_channel

TEMPLATE_VERSION = "CQ-TEXT-1"
SCOPE_ZH: dict[Scope, str] = {
    "SUBJECT_AND_UNIT_HEAD": "本人及所在单位党组织主要负责人",
    "UNIT_PARTY_COMMITTEE": "所在单位党组织",
    "UNIT_ALL_STAFF": "所在单位全体人员",
    "VILLAGE_OR_COMMUNITY": "所在村（社区）",
    "COUNTY_WIDE": "全县（市、区）",
    "CITY_WIDE": "全市",
    "PROVINCE_WIDE": "全省",
    "PUBLIC_MEDIA": "公开媒体",
}
_OVERALL = re.compile(
    "清正廉洁|廉洁奉公|廉洁自律|一贯|没有任何问题|不存在任何问题|毫无问题|没有问题|两袖清风|一身正气|一尘不染"
    "|好干部|好党员|优秀|作风正派|为人正直|完全清白|清清白白|德才兼备|品行端正"
)
_INTENT = re.compile(
    "诬告|诬陷|诬蔑|污蔑|陷害|恶意|(?<!事)故意|蓄意|存心|别有用心|报复|泄愤|造谣|捏造|恶人先告状|居心"
)


@dataclass(frozen=True, slots=True)
class Rendered:
    """The text, the words for a meeting where there is one, and the digest that binds both."""

    text: str
    script: str

    @property
    def text_hash(self) -> str:
        """SHA-256, in hex, over the canonical text: NFC, text and script parted by an empty line."""
        canonical = unicodedata.normalize(
            "NFC", f"{self.text}\n\n{self.script}" if self.script else self.text
        )
        return hashlib.sha256(canonical.encode()).hexdigest()


def named(subject: Accused) -> str:
    """The subject as the text names them: a person with unit and post."""
    if subject.subject_type == "PARTY_ORG":
        return subject.name
    return subject.unit + subject.position + subject.name


def render(
    subject: Accused, organ: str, items: Sequence[Item], scope: Scope, note: str, *, meeting: bool
) -> Rendered:
    """Fills the template."""
    who = named(subject)
    found = "\n".join(
        f"{n}. {item.text}（{_day(item.concluded_on)}核查认定失实）" for n, item in enumerate(items, start=1)
    )
    closing = f"澄清范围：{SCOPE_ZH[scope]}。本说明只针对上述具体问题，不涉及其他事项。"
    text = [
        f"关于{who}有关问题的澄清说明",
        f"经{organ}核查，反映{subject.name}的下列具体问题失实，现予澄清：",
        found,
        closing,
        *([note] if note else []),
        organ,
    ]
    script = [
        f"各位：{organ}收到有关{who}的反映，已依规依纪核查，并按规定作了答复。核查结果是，下列具体问题失实：",
        found,
        closing,
        "检举控告是法定权利，受到保护，任何人不得打听、议论。",
    ]
    return Rendered("\n".join(text), "\n".join(script) if meeting else "")


def screen(text: str, quoted: Iterable[str] = ()) -> None:
    """Refuses words that judge the person as a whole, the reporter's motive, or tell how was reported.

    `quoted` are the sanitised allegations themselves, which may be repeated word for word.
    """
    plain = normal(text)
    for quotation in quoted:
        plain = plain.replace(normal(quotation), "")
    if _OVERALL.search(plain):
        refuse("E_TEXT_OVERALL_EVALUATION", "R10")
    if _INTENT.search(plain):
        refuse("E_TEXT_INTENT_STATEMENT", "R10")
    if tells_channel(plain):
        refuse("E_TEXT_IDENTITY_LEAK", "R47")


def _day(day: date) -> str:
    return f"{day.year}年{day.month}月{day.day}日"
