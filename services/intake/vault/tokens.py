"""The signs of a reporter in a text: names, numbers, units, doors and mailboxes (SEC-12).

A sign that too many people share (a village, a birthday, a surname) is no token: refusing it would betray
more than it hides. The spellings of a token stand in `spelling`.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Iterator, Sequence
from functools import lru_cache
from itertools import islice, product
from typing import NamedTuple

from pypinyin import Style, pinyin

from services.intake.domain.values import CoSigner, ReporterBlock
from services.intake.vault.spelling import Text, counted
from services.intake.vault.words import TRADES, WORDS, as_somebody
from shared.language.spelling import closed, normal, simplified

READINGS = 64
"""Pinyin readings of one name that are looked for."""
COMMON_MAILBOXES = frozenset({"admin", "contact", "hello", "info", "mail", "office", "service", "support"})
TELLS = (
    "(?:反映|举报|检举|控告|投诉|揭发|来信|来电|来访|写信|寄信|告状|上访|告诉"
    "|称(?![号谓呼赞职为作])|说(?![明法服教理辞])|讲(?![话课座师义台究])|写(?![字法作真照意]))"
)
CALLED = (
    "(?:同志|先生|女士|小姐|师傅|老师|老人"
    f"|(?:等人|本人|自己|亲笔|当面)?[曾也又还已就都所]{{0,2}}{TELLS}"
    "|的(?:来信|来电|信件|举报|检举|控告|投诉)|向.{1,8}(?:反映|举报|检举|控告))"
)
"""Words that, behind a given name alone, make a person of it: titles, and verbs of reporting."""
MADE_BY = ("(?:据|由|系|是|经|听)", "(?:所为|透露|讲述|口述|告知|陈述|执笔|投递|寄出|寄来)")
"""Words on both sides of a given name; behind it alone they would say too little."""
HAN = "\u3400-\u9fff\ue000-\uf8ff\U00020000-\U0003ffff\U000f0000-\U0010ffff"
"""Ideographs, and private-use code points: in a name they can be nothing else."""
SIGNS = re.compile(rf"(?:[^\w{HAN}]|_)+")
INTERPUNCT = re.compile(r"\s*[·•‧・⋅∙●◦∘⸱⸳᛫\ua78f\u1427\u119e\u0307]\s*")
"""A dot that stands in names and nowhere else."""
LOOSE = re.compile(r"[\s.。'’‘\-‐‑–—]+")
"""Signs that are typed in its place, and between two people as well."""
COMPOUND_SURNAMES = re.compile("欧阳|司马|上官|诸葛|东方|皇甫|尉迟|公孙|慕容|令狐|司徒|夏侯|端木|南宫")
SURNAMES = frozenset(
    "王李张刘陈杨赵黄周吴徐孙胡朱高林何郭马罗梁宋郑谢韩唐冯于董萧肖程曹袁邓许傅沈曾彭吕苏卢蒋蔡贾丁魏薛叶阎闫"
    "余潘杜戴夏钟汪田任姜范方石姚谭廖邹熊金陆郝孔白崔康毛邱秦江史顾侯邵孟龙万段雷钱汤尹黎易常武乔贺赖龚文庞樊"
    "兰殷施陶洪翟安颜倪严牛温芦季俞章鲁葛伍韦申尤毕聂丛焦柳邢路岳齐梅莫庄辛管祝左涂谷祁舒耿牟卜詹苗凌费纪靳盛"
    "童欧甄项曲游阳裴席卫查屈鲍覃霍翁隋甘景薄柏宁柯阮桂闵柴冉边辜饶刁瞿戚丘古米池滕晋邬臧畅宫苟褚廉娄符奚穆燕"
    "郎谈姬屠郜晏栾蒙喻揭窦迟宇敖糜冷卓花仇艾蓝巩井练仲乐虞卞竺冼楚佟栗匡巫鞠桑荆谌扬岑习胥蔺"
)
ONE_NAME = re.compile(f"(?:{COMPOUND_SURNAMES.pattern}|[{''.join(sorted(SURNAMES))}])[{HAN}]{{1,2}}")
RUNNING_ON = re.compile(f"(?:{ONE_NAME.pattern}){{3,}}")
"""Names one after the other without a sign between them."""
IN_A_SENTENCE = re.compile(
    rf"(?:^|[向找问对与由据经请让叫跟同给被把替是有到见])({ONE_NAME.pattern})"
    r"(?=$|[签谈核说称反证在的是为向到参先未没都确认写去来曾将及某被与处])"
)
"""A name at the beginning of a part, or behind a word that leads to somebody, before one that goes on."""
LATIN_NAME = re.compile(r"(?<![A-Za-z])[A-Za-z]{2,8}(?: ?[A-Za-z]{2,8}){1,2}(?![A-Za-z])")
LONG_NUMBER = re.compile(r"(?<![0-9])[0-9][0-9 -]{5,20}[0-9](?![0-9])")
"""Seven digits or more: a telephone, a resident id."""
REMARKS = """
    男 女 男性 女性 性别 先生 女士 小姐 太太 同志 师傅 老师 教师 医生 会计 出纳 房东 司机 退休 原任 现任
    职务 职业 化名 笔名 匿名 实名 真名 假名 网名 别名 又名 原名 曾用名 姓名 名字 署名 签名 联名 共同 无 无名
    无名氏 佚名 不详 未知 不明 保密 不便透露 我 本人 某 等 及 和 与 其他 群众 人民群众 热心群众 村民 居民
    市民 公民 农民 牧民 百姓 老百姓 职工 员工 干部 党员 代表 业主 知情人 知情者 举报人 举报者 检举人 控告人
    反映人 投诉人 信访人 来信人 来访人 写信人 联系人 电话 手机 电话号码 手机号 身份证 身份证号 住址 地址
    单位 年龄 籍贯 文化 高中 高级 常住 常委 武警 文员 管理 安全 江西 江苏 安徽 云南
    知情人士 人士 网友 网民 用户 家长 学生 家属 工人 工作人员 消费者 纳税人 租户 住户 商户 农户 路人 过路人
    有心人 好心人 受害人 受害者 当事人 中年人 年轻人 老年人 打工者 打工人 大众 无名者 匿名者 匿名人
    某人 热心人 明白人 旁观者 有关人员 相关人员
    mr mrs ms miss anonymous unknown nobody none
"""
NO_NAMES = frozenset(REMARKS.split())
"""Words of a name field that name nobody."""
TITLES = "|".join(sorted((word for word in NO_NAMES if len(word) > 1), key=len, reverse=True))
BESIDE_A_NAME = re.compile(
    f"^(?:{TITLES}|{TRADES})|(?:{TITLES}|{TRADES}|等[一二三四五六七八九十几多]*[人名位户]?|夫妇|夫妻|全家|(?<=^...)[男女])$"
)
BETWEEN_NAMES = re.compile(f"{TITLES}|{TRADES}|以及|[和与與及跟]")
NOBODY = re.compile(
    # Each word is taken as it is found first, and never again in another way.
    f"(?=.*(?:{TITLES}))(?>{TITLES}|[一二两三四五六七八九十几数多0-9]*[名位个群户]|[某本该各众老]|全体|部分|广大|普通|热心|爱心"
    "|好心|善良|正直|正义|良心|有|不愿|透露|具名|的|之|们)++"
)
"""Words that are typed where no name is to be given: 一名村民, 某女士, 热心市民."""
_BUT_NAMES = "文化 高中 高级 常住 常委 武警 文员 管理 安全 江西 江苏 安徽 云南"
BUT_NAMES = frozenset(_BUT_NAMES.split())
"""Remarks that begin with a surname: alone in the field they may be somebody's name."""
_NO_PLACES = """
    本村 本镇 本乡 本县 本市 本区 本地 当地 外地 本单位 本公司 本厂 本校 我村 我镇 我县 单位 公司 学校
    工厂 企业 机关 政府 医院 银行 村里 镇里 县里 厂里 农村 城镇 城市 县城 城区 乡下 老家 家里 家中 在家
    打工 务农 务工 种地 个体 个体户 自由职业 自由 无业 失业 下岗 退休 离休 待业 在职 暂无 没有 同上 社区
    街道 乡镇 村委 村委会 居委会 不便
"""
NO_PLACES = frozenset(_NO_PLACES.split())
"""Words that everybody types for a unit or an address, and everybody writes."""
PLACE_OR_UNIT = re.compile("[省市县区乡镇村族局科处室厅厂]$")
TRADE = re.compile("[部组队院校店站所员师工生长任记计者人主户民头]$")
HIDDEN = re.compile(f"(?:.|{COMPOUND_SURNAMES.pattern})某某?")
"""罗某某 is how the law itself hides a name."""
PLACE = re.compile("[省市区县旗乡镇村社街路道巷弄里苑园院坊]")
DIVISION = re.compile("(?:[省市区县旗乡镇村州盟]|街道|社区)$")
EXTENSION = re.compile("[^0-9]*(?:转|分机|内线|ext|x)[^0-9]*")
NUMBERED = re.compile(f"第?[0-9]+[{HAN}]{{0,2}}")
"""One number with what it counts: a room, a floor, a group."""


def reveals(text: str, reporters: Iterable[ReporterBlock], places: Sequence[str] = ()) -> bool:
    """True if a text holds a sign of one of these reporters.

    `places` are the accused's own unit and the like: a reporter from there has no token in them, or the
    screen would betray that they are a colleague.
    """
    # A shorter one stands for a place not given ("-", "无") and is a part of everything.
    known = [place for place in map(normal, places) if len(place) >= 2]
    looked_at = Text(text)
    return any(_tells(looked_at, reporter, known) for reporter in reporters)


def _tells(text: Text, reporter: ReporterBlock, places: Sequence[str]) -> bool:
    people: list[ReporterBlock | CoSigner] = [reporter, *reporter.co_signers]
    return (
        any(_tells_person(text, person) for person in people)
        or any(text.has_word(unit) for unit in _elsewhere(reporter.unit, places, shortest=2))
        or any(text.has_word(home) for home in _elsewhere(reporter.address, places, shortest=4))
        or any(text.has_word(code) for code in _elsewhere(reporter.unit_code, places, shortest=18))
        or any(piece in text.counted for piece in _doors(reporter.address, places))
        or _tells_mail(text, reporter.email)
    )


def _tells_person(text: Text, person: ReporterBlock | CoSigner) -> bool:
    return (
        _tells_name(text, person.name)
        or any(text.has_number(number, "phone") for number in _telephones(person.phone))
        or text.has_number(normal(person.resident_id), "resident_id")
    )


def _telephones(typed: str) -> set[str]:
    """The number as it is dialled, with and without an extension, and without the country where the rest is
    a mobile number."""
    number, *extension = (re.sub("[^0-9]", "", part) for part in EXTENSION.split(normal(typed)))
    if len(number) in (13, 15) and number[-11] == "1":
        number = number[-11:]
    return {number, number + "".join(extension)}


class Names(NamedTuple):
    """The people in a name field, in the characters in which it was typed."""

    whole: frozenset[str] = frozenset()
    given: frozenset[str] = frozenset()
    """Parts of a name with an interpunct: too many people share one to refuse it without a verb."""


@lru_cache(maxsize=1024)
def names(field: str) -> Names:
    """The field without signs and remarks, and every name in it.

    A public form's field holds several people, brackets and remarks. A word is a name by its surname, or
    by three characters that are no trade or place; a field without such a word is taken at its word.
    """
    visible = "".join(c for c in closed(field) if unicodedata.category(c) != "Cf")
    typed = INTERPUNCT.sub("·", visible)
    if (bare := simplified(SIGNS.sub("", typed))) in BUT_NAMES:
        return Names(frozenset({bare}))
    words = [word for group in re.split(rf"[^{HAN}·\s]+", typed) for word in _words(group)]
    joined = "".join(w for w in SIGNS.split(typed) if simplified(w).casefold() not in NO_NAMES)
    only_remarks = not words and re.fullmatch(rf"[{HAN}]*", joined)
    if only_remarks or HIDDEN.fullmatch(joined) or NOBODY.fullmatch(simplified(joined)):
        return Names()
    dotted = [word for word in words if "·" in word]
    short = [word for word in words if 2 <= len(word) <= 4 and "·" not in word]
    named = [word for word in short if _is_name(simplified(word))]
    if not named and not dotted and len(joined) > 4:
        # 阿依古丽 虚一; but no piece of 全体职工家属.
        named = [word for word in short if word in SIGNS.split(typed)][:1]
    behind = [name for word in words if "·" not in word for name in _behind(word)]
    named += [name for name in behind if len(name) == 3]
    return Names(
        frozenset({joined, *named, *(word.replace("·", "") for word in dotted)}),
        frozenset(part for word in dotted for part in word.split("·") if len(part) >= 2)
        | _apart(typed)
        | frozenset(name for name in behind if len(name) == 2),
    )


def _apart(typed: str) -> frozenset[str]:
    """The parts of a name whose dot was typed as a full stop, a dash or a space. They may be two people:
    found as a given name is, neither is found too easily."""
    found = set()
    for group in re.split(rf"(?:(?!{LOOSE.pattern})[^{HAN}·])+", typed):
        parts = [word for part in LOOSE.split(group) for word in _untitled(part) if part]
        if len(parts) > 1:
            found |= {p for p in parts if len(p) >= 2 and "·" not in p and _is_given(simplified(p))}
    return frozenset(found)


def _is_given(word: str) -> bool:
    return not (
        PLACE_OR_UNIT.search(word) or TRADE.search(word) or HIDDEN.fullmatch(word) or NOBODY.fullmatch(word)
    )


def _words(group: str) -> list[str]:
    """The words of a part without signs; 罗 虚 一 and 罗 虚一 are one."""
    words: list[str] = []
    for part in (part for word in group.split() for part in _untitled(word)):
        before = words[-1] if words else ""
        surname = len(before) == 1 or COMPOUND_SURNAMES.fullmatch(simplified(before))
        if surname or (len(before) == 2 and len(part) == 1):
            words[-1] += part
        else:
            words.append(part)
    return words


def _behind(word: str) -> list[str]:
    """The name at the end of a word that is none, whatever the title before it is: 网格员罗虚一. A name of
    two characters may be a part of another (阿依古丽), and is found as a given name is."""
    if len(word) < 4 or _is_name(simplified(word)):
        return []
    ends = (word[-3:], word[-2:])
    return [end for end in ends if _is_plain_name(simplified(end)) and simplified(end)[0] in SURNAMES][:1]


def _untitled(word: str) -> Iterator[str]:
    """A word without titles and remarks; too long for a name, it may be two: 罗虚一和钱虚九."""
    # A character and its simplified form are one each.
    for name in [word] if len(word) <= 4 else BETWEEN_NAMES.split(word):
        while (beside := BESIDE_A_NAME.search(simplified(name))) and len(name) - len(beside[0]) >= 2:
            name = name[beside.end() :] if beside.start() == 0 else name[: beside.start()]
        if name and simplified(name) not in NO_NAMES:
            yield name


def _is_name(word: str) -> bool:
    if PLACE_OR_UNIT.search(word) or COMPOUND_SURNAMES.fullmatch(word) or HIDDEN.fullmatch(word):
        return False
    by_surname = word[0] in SURNAMES or COMPOUND_SURNAMES.match(word)
    return bool(by_surname) or (len(word) == 3 and not TRADE.search(word))


def people_named(text: str) -> frozenset[str]:
    """Everything in a text that may be somebody: words that stand as names do, in a list, run on as one or in
    a sentence; names in Latin letters; numbers as long as a telephone's. By surnames alone, since it may be
    anybody."""
    plain = simplified(unicodedata.normalize("NFKC", text))
    found: set[str] = set(LONG_NUMBER.findall(plain)) | set(LATIN_NAME.findall(plain))
    for part in re.split(rf"[^{HAN}]+", plain):
        for word in BETWEEN_NAMES.split(part):
            if RUNNING_ON.fullmatch(word):
                found.update(ONE_NAME.findall(word))
            elif 2 <= len(word) <= 4 and word not in NO_NAMES and ONE_NAME.match(word):
                found.add(word)
            else:
                found.update(IN_A_SENTENCE.findall(word))
    return frozenset(word for word in found if not PLACE_OR_UNIT.search(word) and not TRADE.search(word))


def _tells_name(text: Text, field: str) -> bool:
    whole, given = names(field)
    return any(_tells_whole(text, name) for name in whole) or any(_called(text, normal(g)) for g in given)


def _tells_whole(text: Text, typed: str) -> bool:
    name = normal(typed)
    if len(name) < 2:
        return False
    if text.has_word(name) and (name not in WORDS or _is_somebody(text, name)):
        return True
    surname, given = _parts(name)
    return (
        _called(text, given)
        or _introduced(text, surname, given)
        or _veiled(text, surname, given)
        # As typed: 乾 may be read qian, the simplified 干 may not.
        or any(text.has_pinyin(reading) for reading in _readings(typed))
    )


def _is_somebody(text: Text, word: str) -> bool:
    """True if a word of the language is meant as a name: by the words beside it, alone in its line, or in a
    list of names."""
    if word in text.lines:
        return True
    if any(re.search(as_somebody(word, TITLES, CALLED, MADE_BY), form) for form in (text.plain, text.veiled)):
        return True
    items = ["", *text.veiled.split(","), ""]
    return any(
        item == word and any(_is_plain_name(beside) for beside in (items[n], items[n + 2]))
        for n, item in enumerate(items[1:-1])
    )


def _is_plain_name(word: str) -> bool:
    return 2 <= len(word) <= 4 and _is_name(word) and word not in WORDS and not NOBODY.fullmatch(word)


def _parts(name: str) -> tuple[str, str]:
    """Surname and given name of a Chinese name; nothing for any other, nor for 罗女士."""
    if not re.fullmatch(rf"[{HAN}]{{2,4}}", name):
        return "", ""
    at = 2 if len(name) > 2 and COMPOUND_SURNAMES.match(name) else 1
    return ("", "") if name[at:] in NO_NAMES else (name[:at], name[at:])


def _called(text: Text, given: str) -> bool:
    """A given name of two characters, with words that make a person of it."""
    if len(given) < 2 or not text.has_word(given):
        return False
    before, after = MADE_BY
    return bool(re.search(f"{given}{CALLED}|{before}{given}{after}|出自{given}之手", text.plain))


def _introduced(text: Text, surname: str, given: str) -> bool:
    """姓罗，名虚一, in either order."""
    if not given or not text.has_word("姓") or not text.has_word(given):
        return False
    between = f"[单名字叫是为作]{{{1 if len(given) == 1 else 0},6}}"
    return bool(
        re.search(
            f"姓[氏为是]*{surname}{between}{given}|[名叫][字叫是为作]*{given}姓[氏为是]*{surname}", text.plain
        )
    )


def _veiled(text: Text, surname: str, given: str) -> bool:
    """A name of three or four characters with one of them hidden: 罗*一, 罗虚*, *虚一, 罗某一.

    罗某 with the beginning of another word behind it (罗某一直) is nobody, nor is a hidden given name.
    """
    name, alone = surname + given, f"(?:(?![{HAN}])|{CALLED})"
    if len(name) < 3:
        return False
    hidden = [
        (name[:at], name[at + 1 :]) for at in range(1, len(name)) if name[:at] != surname or name[at + 1 :]
    ]
    if any(f"{before}*{after}" in text.veiled for before, after in hidden):
        return True
    so_and_so = [f"{before}某{after}" for before, after in hidden if after]
    if any(form in text.veiled and re.search(form + alone, text.veiled) for form in so_and_so):
        return True
    return f"*{name[1:]}" in text.veiled and bool(re.search(rf"(?<!\*)\*{name[1:]}{alone}", text.veiled))


@lru_cache(maxsize=1024)
def _readings(name: str) -> tuple[str, ...]:
    """The name in pinyin, surname first or last; every reading of every character, up to a limit."""
    if name.isascii() or len(name) > 4:
        return ()
    # Character by character: in a word that it knows, the library gives the word's reading alone.
    characters = [pinyin(c, style=Style.NORMAL, heteronym=True, errors="ignore") for c in name]
    syllables = [readings[0] for readings in characters if readings]
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


def _elsewhere(value: str, places: Sequence[str], shortest: int) -> list[str]:
    """A unit or an address; of one that holds a place of the accused's, that place with the rest that is
    told. The rest is no token by itself: to refuse 财务科 would say that a colleague reported."""
    token = normal(value)
    nowhere = token in NO_PLACES or NOBODY.fullmatch(token)
    if len(token) < 2 or nowhere or any(token in place for place in places):
        return []
    place = max((place for place in places if place in token), key=len, default="")
    if not place:
        return [token]
    before, _, after = token.partition(place)
    return [
        with_place
        for left, with_place in ((before, before + place), (after, place + after))
        if len(left) >= shortest
        and not DIVISION.search(left)
        and not NUMBERED.fullmatch(counted(left))
        and not any(left in other for other in places)
    ]


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
        return text.has_digits(local, len(local))
    return len(local) >= 4 and local not in COMMON_MAILBOXES and text.has_latin(local)
