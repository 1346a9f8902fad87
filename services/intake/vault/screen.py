"""The narrow screen (SEC-12, SEC-16): would this text reveal who reported, or guess at it?

It answers with a verdict, stores no text, and counts its questions (`questions`). The signs that tell who
somebody is stand in `tokens`, their spellings in `spelling`.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import Awaitable, Callable, Collection, Iterable, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any
from uuid import UUID

from services.intake.domain.complaint import Complaint
from services.intake.entries import entry_of
from services.intake.vault.questions import Questions
from services.intake.vault.store import Vault
from services.intake.vault.tokens import people_named, reveals
from shared.casework.repository import Repository
from shared.casework.screen import Asker, Verdict
from shared.language.contracts.common import Accused
from shared.language.spelling import normal

REPORTER = (
    "(?<!被)(?<!被检举)(?:举报人|检举人|控告人|检举控告人|反映人|投诉人|信访人|写信人|寄信人|投信人|来信人|来电人|来访人"
    "|写信者|举报者|检举者|控告者|反映者|写举报信的人)"
)
UNNAMED = "匿名|实名|[多少]数|[0-9一二两三四五六七八九十多数]+人"
# The law's own words on reporters are no guess: that they are unnamed, their duties, their safety.
WHO_IT_IS = (
    f"(?:就?[是系为](?!{UNNAMED}|否(?!就?[是系为](?!{UNNAMED}))|通过|以(?![前往])|依法|统|了|何|什|此)"
    "|可能(?!会?(?:遭|受|面临|被))|(?:应该|应当)(?=就?是|系|为|来自|住|姓)|估计|疑似|或许|大概|极可能"
    "|姓(?!名(?![是为叫系]))|名叫|叫|住(?!址|所|处|宅|房))"
)
HANDFUL = 6
"""The greatest number of people in an honest text whom the case does not know: more are named to try out who
reported (B54)."""
OF_TWO = 1 / 3
"""A word of two characters counts for less: most that begin with a surname are no names (方案, 项目)."""
LONG = 4000
"""The greatest number of characters of one command that are read at once."""
GUESSES = tuple(
    re.compile(p)
    for p in (
        REPORTER + WHO_IT_IS,
        r"(可能|应该|估计|疑似|八成|多半|大概|肯定)(就)?是?.{0,24}((?<!被)(举报|检举)|写的信|写信|告的|寄的)",
        r"(谁|(?<!任)何人|[什甚]么人|哪个|哪位|哪一个|哪户|哪家).{0,12}(举报|检举|写的|写信|寄的|告的|反映的)",
        r"(举报|检举|写信|寄信|匿名信).{0,12}(是谁|(?<!任)何人|[什甚]么人|哪个人|哪位|哪户|出自谁)",
        r"(笔迹|字迹|邮戳|口音|语气|ip地址).{0,16}(像|似|对比|比对|一致|吻合|看出)",
        r"(怀疑|猜测|推测|断定).{0,24}((?<!被)(举报|检举)|写信|写的|告的)",
    )
)
"""Guesses about who reported must not be typed anywhere, right or wrong (SEC-16)."""

ANYBODY = (
    "举报人|检举人|控告人|反映人|信访人|来信人|来访人|投诉人|当事人|申请人|代理人|知情人|证人|谈话人|本人|任何人|何人"
    "|他人|别人|有人|人人|众人|[0-9一二两三四五六七八九十数多几]人|大家|国家|专家|群众|其他|有关|相关|法定|上级|机关"
    "|纪委|监委|纪检|监察|信访|巡视|巡察|审计|邮局|邮政|快递"
)
SOMEBODY = (
    f"(?:(?!{ANYBODY}).){{0,16}}?(?!{ANYBODY})(?:[他她其某人妻夫爸妈哥弟姐妹兄嫂舅叔伯姨姑婶侄甥婿媳家科室处股局厂店]"
    "|妻子|丈夫|老婆|老公|爱人|女友|男友|儿子|女儿|父亲|母亲|岳父|岳母|亲戚|亲属|家属|邻居|对门|隔壁|楼上|楼下|同事"
    "|同学|战友|朋友|熟人|老乡|对头|仇家|会计|出纳|司机|秘书|保安|门卫|保姆|财务|主任|书记|经理|老板|老师|教师|医生|护士"
    "|职工|员工|房东|租客|住户|店主|公司|部门|单位|[局科处股所站校院村组队厂店班社乡镇县市区]长|老.|小.)"
    "(?:们|等人?|一家|家里人?|内部|自己|亲自|亲笔|偷偷|暗中|背后|故意|恶意|实名|匿名|联名|带头|指使|授意|去|来|所"
    "|[向到给].{1,8}){0,2}"
)
"""Words for somebody in particular: kin, neighbours, colleagues, a trade, an office."""
RUMOUR = "(?:据说|听说|据传|传言|传说|都说|有人说)"
HEDGE = "(?:可能|应该|估计|疑似|八成|多半|十有八九|大概|也许|或许|恐怕|准|肯定|想必|看来|看样子)"
REPORTED = (
    "(?>举报|检举控告|检举揭发|检举|控告|告发|揭发|告密|告状)"
    "(?!反映|人|制度|箱|电话|平台|渠道|机制|工作|权|奖励|中心|内容|事项|线索|受理|处理|办理|核查|调查|答复|登记|保护"
    "|较|集中|数|量|率|他人|别人)"
)
WROTE = "(?:反映|写|寄|投|告|捅)(?:的|了|过|出来的|出去的)?(?:信|举报信|匿名信|举报材料|材料|帖子|状)?$"
LETTER = (
    "(?:(?:举报|检举|控告|反映|匿名|信访|告状)(?:信(?!息)|材料|件|帖子?|书(?![记面]))"
    "|来信|[此该]信|[这那]封?信|信件)"
)
THING = "条|据|发票|账|合同|协议|检讨|说明|笔录|款|礼|包裹|快递"
CLAUSE_GUESSES = tuple(
    re.compile(p)
    for p in (
        rf"(?:(?<!但)(?<!于)(?<!可)是|(?<![联关体直])系(?![统列])|(?<![理自事缘])由(?!于)){SOMEBODY}{REPORTED}",
        rf"{RUMOUR}(?:就?[是系由])?{SOMEBODY}(?:{REPORTED}|{WROTE})",
        rf"^(?:(?!{THING}).)*?{HEDGE}(?:就?[是系]){SOMEBODY}{WROTE}",
        rf"{LETTER}.{{0,4}}?(?:[是系由为]){SOMEBODY}(?:写|寄|投|起草|炮制|撰写|执笔)(?:来?的|$)",
        rf"{LETTER}.{{0,4}}?出自(?!公心|善意|真心|好意|责任|义愤|正义|私心|恶意|个人)",
        rf"{LETTER}.{{0,4}}?[来源]自.{{0,12}}(?:的人|内部|之手|身边|家里)$",
        r"(?:[写寄投](?:举报|匿名)?信|写材料|告密|告(?:黑|恶)?状|打举报电话|(?:举报|检举|控告|告|反映)[他她])的"
        rf"(?:[那这]?个?人|那位)?(?:{HEDGE}|就|一定|很)*[是系](?!否|匿名|实名|群众)",
        rf"(?<!被)(?:举报|检举|控告|投诉|反映)(?:情况|问题|此事|该问题)?的(?:[那这]个)?(?:人(?!员)|那位){WHO_IT_IS}",
    )
)
"""Guesses that are told from ordinary words only within one clause: 该同志系村书记，举报反映的问题不实."""
SENTENCE_END = re.compile(r"[。！？；｡!?;]")
CLAUSE_END = re.compile(r"[，：,:()（）\n]")


def guesses(text: str) -> bool:
    """True if the text speculates, within one sentence, about who reported."""
    for sentence in SENTENCE_END.split(text):
        clauses = [normal(clause) for clause in CLAUSE_END.split(sentence)]
        whole = "".join(clauses)
        if any(p.search(whole) for p in GUESSES) or any(p.search(c) for p in CLAUSE_GUESSES for c in clauses):
            return True
    return False


def too_many_people(words: Collection[str]) -> bool:
    """True if there are more words that may be names than an honest text has of strangers."""
    return sum(OF_TWO if len(word) == 2 else 1 for word in words) > HANDFUL


def guesses_in(texts: Sequence[str]) -> bool:
    """True if one of them does."""
    return any(guesses(text) for text in texts)


async def _looked(look: Callable[..., bool], texts: Sequence[str], *more: Any) -> bool:
    """The answer of `look`; at long texts it looks in a thread, so that nobody waits for the loop."""
    if sum(map(len, texts)) > LONG:
        return await asyncio.to_thread(look, texts, *more)
    return look(texts, *more)


@dataclass(frozen=True)
class Concerned:
    """All complaints about the same accused, duplicates and later ones included; the accused's places, and
    the names that the case knows."""

    complaints: frozenset[UUID]
    places: tuple[str, ...] = ()
    names: frozenset[str] = frozenset()


Widen = Callable[[frozenset[UUID], Sequence[Accused]], Awaitable[Concerned]]


def widening(repository: Repository) -> Widen:
    """Widens to every complaint about the same accused: who sent a duplicate is protected like who sent the
    first letter."""

    async def widen(complaints: frozenset[UUID], accused: Sequence[Accused]) -> Concerned:
        found, people = set(complaints), list(accused)
        for id in complaints:
            complaint = await repository.get(Complaint, id)
            people += complaint.accused if complaint else ()
        for ref in sorted({person.ref for person in people}):
            entry = await entry_of(repository, ref)
            found |= {UUID(c) for c in entry.complaints} if entry else set()
        return Concerned(frozenset(found), places_of(people), frozenset(p.name for p in people))

    return widen


async def _only_these(complaints: frozenset[UUID], accused: Sequence[Accused]) -> Concerned:
    return Concerned(complaints, places_of(accused))


def places_of(accused: Iterable[Accused]) -> tuple[str, ...]:
    """The places of work of the accused: a reporter from there has no token in them (B48)."""
    return tuple(sorted({place for person in accused for place in person.places}))


class VaultScreen:
    """The screen beside the vault; the other services ask it over NATS."""

    def __init__(
        self, vault: Vault, widen: Widen = _only_these, today: Callable[[], date] = date.today
    ) -> None:
        self._vault = vault
        self._widen = widen
        self._today = today
        self.questions = Questions(vault.engine)

    async def asked(
        self, asker: Asker, complaints: Sequence[str], texts: Sequence[str], accused: Sequence[Accused] = ()
    ) -> Verdict:
        """Judges whether any of the texts would reveal, or guesses at, a reporter of these complaints. All
        texts of one command are looked at as one: a name or number may be spread over its fields. `accused`
        are the people whom these texts are about and who are not recorded yet.

        It is no oracle (B54): a list of names is refused whoever they are, and after a few positives no text
        of the asker is looked at any more.
        """
        if await _looked(guesses_in, texts):
            return Verdict(leak=True)
        if not complaints:
            return Verdict(leak=False)
        concerned = await self._widen(frozenset(UUID(c) for c in complaints), accused)
        text = "\n".join(texts)
        if too_many_people(people_named(text) - concerned.names):
            return Verdict(leak=True, reason="names")

        async def look() -> bool:
            reporters = await self._vault.reporters(sorted(concerned.complaints))
            return await _looked(reveals, text, reporters, concerned.places)

        return await self.questions.weigh(asker, concerned.complaints, self._today(), look)
