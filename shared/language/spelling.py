"""One form for all the code points that write the same character: what screen, search and register compare.

People's programs write one Chinese character in several ways: traditional and simplified, old private-use
code points of GBK, radicals in place of ideographs, other widths. `normal` folds what Unicode, GB 18030-2022
and OpenCC call the same, and drops no character of a name, however rare.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable
from functools import lru_cache
from itertools import chain

from opencc import OpenCC

OLDER, NEWER = range(0x3400, 0xA000), range(0x20000, 0x34000)
"""Ideographs of the first plane, and of those that came later."""
VARIANTS = ("hk2t", "tw2t", "jp2t")
"""Forms of Hong Kong, Taiwan and Japan that a keyboard offers."""
SAME_SHAPE = dict(
    zip("髙戸靑淸鄕濵槗栁囯姸曺昻珎寳吿呑緖擧", "高户青清乡滨桥柳国妍曹昂珍宝告吞绪举", strict=True)
)
"""Variants of Unihan (kZVariant) that stand in names and that OpenCC leaves alone."""
GB_18030_2022 = {
    0xE816: 0x20087,
    0xE817: 0x20089,
    0xE818: 0x200CC,
    0xE81E: 0x9FB4,
    0xE826: 0x9FB5,
    0xE82B: 0x9FB6,
    0xE82C: 0x9FB7,
    0xE831: 0x215D7,
    0xE832: 0x9FB8,
    0xE83B: 0x2298F,
    0xE843: 0x9FB9,
    0xE854: 0x9FBA,
    0xE855: 0x241FE,
    0xE864: 0x9FBB,
}
"""The last of them; for the codec of the standard library they are private still."""
RADICALS = dict(
    zip(
        "⺁⺂⺃⺄⺅⺆⺇⺈⺉⺊⺋⺌⺍⺎⺏⺐⺑⺒⺓⺔⺕⺖⺗⺘⺙⺛⺜⺝⺞⺟⺠⺡⺢⺣⺤⺥⺦⺧⺨⺩⺪⺫⺬⺭⺮⺯⺰⺱⺲⺳⺴⺵⺶⺷⺸⺹⺺⺻⺼⺽⺾⺿⻀⻁⻂⻃⻄"
        "⻅⻆⻇⻈⻉⻊⻋⻌⻍⻎⻏⻐⻑⻒⻓⻔⻕⻖⻗⻘⻙⻚⻛⻜⻝⻞⻟⻠⻡⻢⻣⻤⻥⻦⻧⻨⻩⻪⻫⻬⻭⻮⻯⻰⻱⻲⻳㇆㇏㇐㇑㇒㇓㇔㇕㇖㇗㇘㇙㇚㇛㇜㇝㇞㇟㇠㇡",
        "厂乛乚乙亻冂𠘨刀刂卜㔾小尐兀尣尢𡯂巳幺彑彐忄心扌攵旡日月歺母民氵氺灬爫爬丬牛犭王𤴔目示礻𥫗糹纟罓罒㓁冗𦉫羊𦍌𦍋耂肀聿肉𦥑艹艺艻虎衤覀西"
        "见角𧢲讠贝𧾷车辶辷辸邑钅長镸长门𨸏阝雨青韦页风飞食𩙿飠饣𩠐马骨鬼鱼鸟卤麦黄黾斉齐歯齿竜龙龜亀龟𠃌乀一丨丿乀丶𠃍乛𠃊𠃎𠄌亅𡿨𠃋乀𠃑乚乙𠄎",
        strict=True,
    )
)
"""EquivalentUnifiedIdeograph of Unicode; NFKC knows the Kangxi radicals alone."""
DOT_LETTERS = frozenset("\ua78f\u1427\u119e\u318d")
"""Letters that are typed as the dot of a name: ꞏ, ᐧ and ㆍ."""


def _gbk_private() -> dict[str, str]:
    """The eighty ideographs that GBK had as private use (U+E815 to U+E864: its bytes FE 50 to FE A0)."""
    found = {}
    for n, trail in enumerate(t for t in range(0x50, 0xA1) if t != 0x7F):
        private = 0xE815 + n
        found[chr(private)] = chr(GB_18030_2022.get(private, 0)).strip("\0") or bytes([0xFE, trail]).decode(
            "gb18030"
        )
    return found


def _converted(how: str, ideographs: Iterable[int]) -> dict[str, str]:
    """Character by character: by phrases, as the library does it, a name would change with its neighbours."""
    characters = [chr(n) for n in ideographs]
    converted = OpenCC(how).convert("\n".join(characters)).split("\n")
    return {a: b for a, b in zip(characters, converted, strict=True) if a != b}


def _is_everyday(char: str) -> bool:
    """True if it is in GB 2312: then it is a simplified character with a meaning of its own (么, 著, 予)."""
    try:
        char.encode("gb2312")
    except UnicodeEncodeError:
        return False
    return True


def _closed() -> dict[int, str]:
    """An ideograph for what stands for one."""
    private = _gbk_private()
    return {ord(char): RADICALS.get(form, form) for char, form in (RADICALS | private).items()}


def _simplified() -> dict[int, str]:
    """Every character that has another form in simplified writing, and that form."""
    simple = _converted("t2s", chain(OLDER, NEWER))
    forms = frozenset(simple.values())
    for how in VARIANTS:
        other = _converted(how, OLDER)
        simple = {a: b for a, b in other.items() if a not in forms and not _is_everyday(a)} | simple
    simple = SAME_SHAPE | simple
    # Some simplified characters are themselves simplified further (薴, 苧, 苎).
    once = {char: simple.get(form, form) for char, form in simple.items()}
    forms_of = {ord(char): once.get(form, form) for char, form in once.items()}
    return {char: once.get(form, form) for char, form in CLOSED.items()} | forms_of


CLOSED = _closed()
SIMPLIFIED = _simplified()


def closed(text: str) -> str:
    """NFKC, with an ideograph for every private-use code point and radical that stands for one."""
    return unicodedata.normalize("NFKC", text).translate(CLOSED)


def simplified(text: str) -> str:
    """The same in simplified characters."""
    return unicodedata.normalize("NFKC", text).translate(SIMPLIFIED)


def is_letter(char: str) -> bool:
    """True if it counts as a character of a word. A private-use code point that we cannot read is one of
    somebody's name, and so is an ideograph that is newer than the library's tables."""
    if char.isalnum():
        return char not in DOT_LETTERS
    return "\U00020000" <= char < "\U00040000" or unicodedata.category(char) == "Co"


@lru_cache(maxsize=4096)
def digit(char: str) -> str:
    """The digit that a character writes (５, ٥, ⑤, Ⅴ, 五, 伍), or ""."""
    value = unicodedata.numeric(char, -1.0)
    return str(int(value)) if value in range(10) else ""


def latin_digits(text: str) -> str:
    """Digits of other scripts, circled and Roman ones as 0 to 9; Chinese numerals stay words."""
    return text.translate({ord(c): d for c in set(text) if not _is_word(c) and (d := digit(c))})


def _is_word(char: str) -> bool:
    return unicodedata.category(char) == "Lo" or char == "〇"


def normal(text: str) -> str:
    """Simplified, digits as 0 to 9, without case, accents, spaces, dashes and invisible characters: what
    stands between the characters hides nothing."""
    folded = simplified(latin_digits(text)).casefold()
    bare = unicodedata.normalize("NFKD", folded) if not folded.isascii() else folded
    return bare.translate({ord(c): None for c in set(bare) if not is_letter(c) and c != "@"})
