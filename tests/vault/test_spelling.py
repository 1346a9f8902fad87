"""The screen knows a name, a number and a door in every spelling, and lets plain words pass (SEC-12)."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from services.intake.domain.values import CoSigner, ReporterBlock
from services.intake.vault import words
from services.intake.vault.tokens import NO_NAMES, SURNAMES, reveals
from shared.language.spelling import simplified

REPORTER = ReporterBlock(
    name="郑虚吕",
    unit="云瓶镇虚构合作社",
    unit_code="11990102000000002M",
    phone="+86 139-7206-4815",
    address="云瓶镇虚构村三组十二号",
    email="zheng.88@example.invalid",
    resident_id="99010119000107007X",
    co_signers=(CoSigner(name="钱虚签", phone="13612345098", resident_id="990101190001010018"),),
)
PHONE, RESIDENT_ID = "13972064815", "99010119000107007X"
DIGITS = [
    "0０٠०⓪零〇〇",
    "1１١१①⑴➊一壹幺Ⅰ",
    "2２٢२②➋二贰貳Ⅱ",
    "3３٣३③➌三叁參Ⅲ",
    "4４٤४④㈣四肆Ⅳ",
    "5５٥५⑤➎五伍Ⅴ",
    "6６٦६⑥㊅六陆陸Ⅵ",
    "7７٧७⑦➐七柒Ⅶ",
    "8８٨८⑧⒏八捌Ⅷ",
    "9９٩९⑨㈨九玖Ⅸ",
]
SIGNS = st.sampled_from(["", "", " ", "-", "—", "·", "/", "\u200b", "\u3000", "*", "、", "(", "\n"])
PROSE = st.sampled_from(["", "电话", "其号码为", "所反映的问题失实。", "第2项：", "详见材料"])


@st.composite
def spelled(draw: st.DrawFn, number: str) -> str:
    """A number, each digit in any script, with signs between them."""
    written = [
        draw(st.sampled_from(DIGITS[int(d)])) if d.isdigit() else draw(st.sampled_from("xX")) for d in number
    ]
    return "".join(digit + draw(SIGNS) for digit in written)


def spelled_plain(number: str) -> st.SearchStrategy[str]:
    """The same without signs."""
    return st.tuples(*(st.sampled_from(DIGITS[int(d)]) for d in number)).map("".join)


@given(spelled(PHONE), PROSE, PROSE)
def test_sec12_a_phone_number_in_any_script(written: str, before: str, after: str) -> None:
    """Full width, Arabic-Indic, Devanagari, circled, Roman, Chinese, with signs between the digits."""
    assert reveals(before + "：" + written + "，" + after, [REPORTER])


@given(spelled(RESIDENT_ID), PROSE)
def test_sec12_a_resident_id_in_any_script(written: str, before: str) -> None:
    """The same for the longest number, whose last character may be X."""
    assert reveals(before + "：" + written, [REPORTER])


@given(st.integers(0, len(PHONE) - 7), st.data())
def test_sec12_seven_digits_of_a_phone_number_are_enough(start: int, data: st.DataObject) -> None:
    """A piece from anywhere in it."""
    assert reveals(data.draw(spelled(PHONE[start : start + 7])), [REPORTER])


@given(st.integers(0, len(RESIDENT_ID) - 9), st.data())
def test_sec12_nine_characters_of_a_resident_id_are_enough(start: int, data: st.DataObject) -> None:
    """A piece from anywhere in it."""
    assert reveals(data.draw(spelled(RESIDENT_ID[start : start + 9])), [REPORTER])


@given(st.lists(SIGNS, min_size=3, max_size=3), st.sampled_from(["", "来信人", "据查，"]))
def test_sec12_a_name_with_signs_between(signs: list[str], before: str) -> None:
    """郑-虚-吕 is the name."""
    assert reveals(before + "".join(c + s for c, s in zip("郑虚吕", signs, strict=True)), [REPORTER])


@settings(max_examples=300)
@given(st.from_regex(r"1[3-9][0-9]{9}", fullmatch=True), st.sampled_from("年月日元项次"))
def test_sec12_another_number_passes(number: str, word: str) -> None:
    """A number that shares no piece with the reporter's is nobody's."""
    own = {PHONE, RESIDENT_ID, "13612345098", "990101190001010018"}
    pieces = {n[i : i + 6] for n in own for i in range(len(n) - 5)}
    if not any(piece in number for piece in pieces):
        assert not reveals(f"共{number}{word}", [REPORTER])


@pytest.mark.parametrize(
    "text",
    [
        "前三位一三九，中间是七二〇六，最后是四八一五。",
        "先写139，再写7206，然后写4815",
        "手机尾号4815",
        "手机尾号为四八一五的号码",
        "电话后四位：4815",
        "I39 72O6 48l5",
        "Zheng Xulü",
        "zhèng xū lǚ",
        "ZHENG XULYU 2022",
        "xulv zheng",
        "z.h.e.n.g x.u l.v",
        "虚吕同志说",
        "邮箱前缀zheng.88",
        "zheng_88 在某网站",
        "虚构村3组12号",
        "住三组十二号",
        "住Ⅲ组⑫号",
        "云瓶镇虚构合作社",
        "代码 1199 0102 0000 0000 2M",
        "钱 虚 签也签了名",
        "一三六一二三四五〇九八",
        "尾号5098",
        "990101190001010018",
    ],
)
def test_sec12_pieces_and_other_spellings(text: str) -> None:
    """Also of the co-signers."""
    assert reveals(text, [REPORTER])


def test_sec12_a_name_spread_over_several_fields() -> None:
    """The texts of one command are looked at together."""
    assert reveals("郑\n虚吕", [REPORTER])


ORDINARY = [
    "所反映的问题失实。",
    "组织已按规定程序核查完毕，3项问题均不属实。",
    "虚构村道路工程账目清楚，合同价139万元，已付72.06万元。",
    "2022年3月1日至2022年6月30日，查阅会计凭证481份。",
    "云瓶镇党委于1990年1月1日成立的说法无据。",
    "郑某系村会计。",
    "三组组长和十二名村民代表到会。",
    "同意核查报告。依据《规则》第二十六条、第二十七条办理。",
    "信访件编号XF-990102100-2022-000001，案件编号HC-990102100-2022-000123。",
    "组织机构代码ORG-17，户数139户。",
    "谈话在镇政府302室进行，历时45分钟。",
    "The report was examined and found unfounded.",
    "zhengxu合作项目",
    "工程款一千三百九十七万元，分二十六期支付。",
    "澄清会于15时开始，参会128人，尾款4816元已付。",
    "电话询问了三位证人，均称未见收受礼金。",
    "办理时限为15个工作日，自2023年1月3日起算。",
    "年度考核优秀，群众口碑良好。",
    "统一社会信用代码91350100M000100Y43的公司已注销。",
    "邮箱与网站均已停用。",
]


@pytest.mark.parametrize("text", ORDINARY)
def test_sec12_ordinary_sentences_pass(text: str) -> None:
    """Dates, amounts, case numbers, places and laws are no reporter."""
    assert not reveals(text, [REPORTER])


@settings(max_examples=300)
@given(st.lists(st.sampled_from(ORDINARY), min_size=2, max_size=8))
def test_sec12_ordinary_sentences_do_not_become_a_token_together(texts: list[str]) -> None:
    """All texts of one command are one text to the screen."""
    assert not reveals("\n".join(texts), [REPORTER])


COMPOSITE = [
    "罗虚一（化名）",
    "罗虚一、钱虚九",
    "罗虚一 钱虚九",
    "罗虚一，男",
    "罗虚一男",
    "罗 虚 一",
    "罗 虚一",
    "羅虛一",
    "钱虚九/罗虚一",
    "姓名：罗虚一 电话：无",
    "退休教师罗虚一",
    "教师 罗虚一",
    "罗虚一女士",
    "罗虚一和钱虚九",
    "罗虚一等五人",
    "虚构村村民罗虚一",
    "罗虚一(Luo Xuyi)",
    "罗\u200b虚一",
    "甲虚乙、罗虚一",
    "罗虚一 （副主任）",
]


@pytest.mark.parametrize("name", COMPOSITE)
@pytest.mark.parametrize("text", ["罗虚一反映", "據羅虛一反映", "Luo Xuyi called", "虚一同志", "罗*一"])
def test_sec12_a_name_among_others_and_remarks(name: str, text: str) -> None:
    """The field of a public form holds whatever was typed into it."""
    assert reveals(text, [ReporterBlock(name=name)])


@pytest.mark.parametrize(
    "name",
    [
        *COMPOSITE,
        "罗虚一（会计）",
        "罗虚一（虚构村）",
        "罗虚一，财务科，党员",
        "罗虚一 副主任",
        "罗女士",
        "罗某某",
        "匿名",
        "热心群众代表",
        "村民（匿名）",
        "全体职工家属",
        "职工代表大会",
        "男",
        "欧阳 虚一",
        "买买提·虚一",
    ],
)
def test_sec12_what_stands_beside_a_name_is_no_token(name: str) -> None:
    """Nor is a surname, or a given name without a word that makes a person of it."""
    ordinary = (
        "男性村民、女士和先生均已谈话，罗某某系村会计，化名不详，匿名反映由群众提供。虚构村财务科副主任、党员会计到会，"
        "热心群众代表教师说明情况，全体党员大会听取了家属意见。欧阳某某和买买提某某未到场，女士来电已登记。退休职工姓名电话均已核对，一和九相加。"
    )
    assert not reveals(ordinary, [ReporterBlock(name=name)])


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("买买提虚一", True),
        ("买买提·虚一反映", True),
        ("買買提・虛一", True),
        ("据买买提反映", True),
        ("虚一同志说", True),
        ("买买提是常见的名字", False),
    ],
)
def test_sec12_a_name_with_an_interpunct(text: str, found: bool) -> None:
    """The parts of the name are given names: too many are called so, but not all of them report."""
    assert reveals(text, [ReporterBlock(name="买买提·虚一")]) is found


@given(
    st.lists(st.sampled_from(["钱虚九", "孙虚三", "男", "（化名）", "会计", "139"]), max_size=3), st.data()
)
def test_sec12_any_order_of_names_and_remarks(others: list[str], data: st.DataObject) -> None:
    """The name is found whatever stands before and behind it in the field, and whatever parts them."""
    parts = data.draw(st.permutations([*others, "罗虚一"]))
    field = data.draw(st.sampled_from(["、", " ", "，", "/", "；", " 、 ", "（"])).join(parts)
    assert reveals("罗虚一反映", [ReporterBlock(name=field)])


@pytest.mark.parametrize(
    "text",
    [
        "羅虛一",
        "羅-虛-一",
        "姓罗，名虚一",
        "名叫虚一，姓罗",
        "此人姓罗名字叫虚一",
        "luo2 xu1 yi1",
        "Luo2Xu1Yi1 wrote",
        "罗*一",
        "羅＊一",
        "罗×一、钱某",
        "罗X一",
        "罗□一",
        "罗虚*",
        "*虚一，男",
        "罗某一",
        "罗某一反映",
        "虚一反映说",
        "据虚一说",
        "虚一称其不知情",
        "信是虚一写的",
        "虚一也曾反映",
        "虚一向镇里反映",
        "由虚一寄出",
        "系虚一所为",
        "出自虚一之手",
    ],
)
def test_sec12_a_name_half_hidden_or_in_other_words(text: str) -> None:
    """Traditional characters, tones, marks, and a given name that acts."""
    assert reveals(text, [ReporterBlock(name="罗虚一")])


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("罗虚一", "罗某某系村会计，罗某一直在村里，罗某反映其不知情。"),
        ("罗虚一", "姓罗的一户，罗*、罗**均未到场；*一号楼。"),
        ("罗虚一", "一是虚报，二是罗列。"),
        ("罗虚明", "罗某明知故犯。"),
        ("罗虚正", "罗某正在接受谈话。"),
        ("罗虚构", "举报内容系虚构，虚构说法不一，虚构称谓；*虚构情节。"),
        ("罗虚", "姓罗的一户名下虚增面积。"),
        ("欧阳虚", "欧阳*、欧阳某到会。"),
        ("罗虚易", "luoxuyi2022 合作项目"),
    ],
)
def test_sec12_the_laws_own_way_to_hide_a_name_passes(name: str, text: str) -> None:
    """罗某某 and a given name that is a word are in every report."""
    assert not reveals(text, [ReporterBlock(name=name)])


HIDDEN = st.sampled_from("*＊×xX某●□")


def test_sec12_pinyin_of_the_characters_as_typed() -> None:
    """The simplified form of 乾 is not read qian."""
    assert reveals("Luo Xuqian", [ReporterBlock(name="罗虚乾")])
    assert reveals("姓罗名虚", [ReporterBlock(name="罗虚")])


@pytest.mark.parametrize("typed", ["luo changle", "Luo Zhangle", "luochangyue", "zhangyue luo"])
def test_sec12_every_reading_of_every_character(typed: str) -> None:
    """长乐 is a place that is read changle; as a given name each of its characters may be read either way."""
    assert reveals(typed, [ReporterBlock(name="罗长乐")])


@given(HIDDEN, st.integers(1, 8), PROSE, PROSE, st.data())
def test_sec12_a_phone_number_with_its_middle_hidden(
    mark: str, marks: int, before: str, after: str, data: st.DataObject
) -> None:
    """139****4815, in any script."""
    first, last = data.draw(spelled_plain(PHONE[:3])), data.draw(spelled_plain(PHONE[-4:]))
    assert reveals(f"{before}：{first}{mark * marks}{last}，{after}", [REPORTER])


@given(HIDDEN, st.integers(2, 12), st.integers(3, 8), st.sampled_from("xX"))
def test_sec12_a_resident_id_with_its_middle_hidden(mark: str, marks: int, shown: int, last: str) -> None:
    """990101********007X."""
    assert reveals(f"身份证{RESIDENT_ID[:shown]}{mark * marks}007{last}。", [REPORTER])


@pytest.mark.parametrize(
    "text",
    [
        "139-****-4815",
        "139 **** 4815",
        "+86 139****4815",
        "139....4815",
        "139——4815",
        "****4815",
        "139〇〇〇〇4815",
        "136****五〇九八",
        "身份证后四位007X",
        "末四位是００７ｘ",
        "手机以4815结尾",
        "4815结尾的手机",
        "以四八一五结尾",
        "尾号为4815",
        "尾号4815，2022年启用",
        "后五位64815",
        "后六位数字为064815",
        "最后四位4815",
        "4815为尾号",
    ],
)
def test_sec12_the_ends_of_a_number(text: str) -> None:
    """Four to six last digits that are said to be the last, or what stands around marks."""
    assert reveals(text, [REPORTER])


@pytest.mark.parametrize(
    "text",
    [
        "138****4815",
        "139****4816",
        "手机以4816结尾",
        "尾号4816",
        "后四位0071",
        "账号6222****4815",
        "合同价139万元，已付4815元",
        "139*2=278，4815元",
        "结尾部分见第4815页",
        "文号〔2022〕4815号",
        "共4815字",
        "共两百元，两千一百三十二户",
    ],
)
def test_sec12_the_ends_of_another_number(text: str) -> None:
    """Other people have telephones too."""
    assert not reveals(text, [REPORTER])


def test_sec12_a_common_mailbox_is_no_token() -> None:
    """`info` before the @ tells nobody; the whole address does."""
    office = ReporterBlock(unit="虚构厂", email="info@example.invalid")
    assert not reveals("see info below", [office])
    assert reveals("info@example.invalid", [office])


def test_sec12_empty_fields_match_nothing() -> None:
    """An anonymous letter has no tokens."""
    assert not reveals("任何文字 any text 12345678901", [ReporterBlock(), ReporterBlock(name="甲")])


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("罗虚䶮", "罗虚\ue863反映"),
        ("罗虚\ue863", "罗虚䶮反映"),
        ("罗\ue864", "罗\u9fbb来信"),
        ("罗\u9fb4", "据罗\ue81e反映"),
        ("罗\U00020087", "罗\ue816"),
        ("马虚龙", "⻢虚⻰"),
        ("⻢虚⻰", "馬虛龍"),
        ("马虚龙", "⾺虚⿓"),
        ("罗虚\uf0aa", "罗虚\uf0aa说"),
        ("罗\uf0aa", "罗\uf0aa同志"),
        ("罗\U0002ebf0", "罗\U0002ebf0的信"),
        ("罗虚\U000f0001", "罗虚\U000f0001"),
        ("罗虚𬭩", "羅虛𬭩"),
        ("罗虚𫘧", "罗虚騄"),
        ("高虚德", "髙虚徳"),
        ("卫虚国", "衞虚囯"),
    ],
)
def test_sec12_a_rare_character_is_found_in_every_code_point(name: str, text: str) -> None:
    """Private use of GBK, radicals, other regions, ideographs newer than the tables: none is dropped."""
    assert reveals(text, [ReporterBlock(name=name)])


@pytest.mark.parametrize("other", ["罗虚\uf0ab", "罗虚", "\uf0aa"])
def test_sec12_an_unknown_character_is_no_other_one(other: str) -> None:
    """The character is compared, though nobody can read it."""
    assert not reveals(f"{other}反映", [ReporterBlock(name="罗虚\uf0aa")])


DOTTED = "·•‧・･⋅∙.．。｡ \u3000\ua78f\u1427ㆍ\u119e˙●-－—'"


@pytest.mark.parametrize("dot", DOTTED)
def test_sec12_a_dot_of_any_kind(dot: str) -> None:
    """In the reporter's field and in the text: the whole name is found, and each part that acts."""
    reporter = ReporterBlock(name=f"阿卜杜热合曼{dot}虚一")
    assert reveals("阿卜杜热合曼·虚一", [reporter])
    assert reveals("据阿卜杜热合曼反映", [reporter])
    assert reveals("虚一同志说", [reporter])
    assert reveals(f"阿卜杜热合曼{dot}虚一", [ReporterBlock(name="阿卜杜热合曼·虚一")])
    assert not reveals("阿卜杜热合曼是常见的名字", [reporter])


WORDS = ["高峰", "向前", "文明", "方向", "安全", "文化", "高级"]


@pytest.mark.parametrize(
    "text",
    [
        "用电高峰期间停电，高峰时段为晚间。",
        "会议要求继续向前推进，向前看。",
        "争创文明村镇，富强、民主、文明、和谐。",
        "明确了方向，把握方向，发展方向正确。",
        "方向正确，高峰已过。",
        "安全生产、文化建设，高级工程师职称，保障群众安全和健康。",
        "项目验收安全可靠，文化程度为初中。",
        "联系方便，安全第一。",
    ],
)
@pytest.mark.parametrize("name", WORDS)
def test_b48_a_name_that_is_a_word_does_not_lock_the_language(name: str, text: str) -> None:
    """The refusal would tell that somebody of that name reported."""
    assert not reveals(text, [ReporterBlock(name=name)])


@pytest.mark.parametrize(
    "text",
    [
        "{}反映",
        "{}同志",
        "{}说其不知情",
        "举报人是{}",
        "举报人{}，男",
        "来信人为{}",
        "署名{}",
        "写信的是{}。",
        "村民{}，六十岁",
        "会计{}在场",
        "向{}核实",
        "找{}谈话",
        "询问了{}。",
        "{}的妻子",
        "{}本人",
        "{}，男，1965年生",
        "{}，电话不详",
        "{}系村会计",
        "罗虚一、{}、钱虚九到场",
        "记录如下\n{}\n以上",
        "{}",
        "由{}寄出",
        "打击报复{}的情况不存在，报复{}。",
    ],
)
@pytest.mark.parametrize("name", WORDS)
def test_b48_a_name_that_is_a_word_is_found_where_it_is_somebody(name: str, text: str) -> None:
    """Introduced, titled, asked, described, acting, in a list of names, or alone."""
    assert reveals(text.format(*[name] * text.count("{}")), [ReporterBlock(name=name)])


@pytest.mark.parametrize(
    "name",
    [
        *(
            "一名村民",
            "某女士",
            "热心市民",
            "知情人士",
            "一位老党员",
            "部分村民代表",
            "不愿透露姓名的村民",
            "几名学生家长",
        ),
        *(
            "广大群众",
            "热心网友",
            "一个普通党员",
            "某某",
            "5名职工",
            "匿名群众",
            "老百姓",
            "好心人",
            "全体业主",
        ),
    ],
)
def test_b48_who_gives_no_name_is_nobody(name: str) -> None:
    """A word that is typed in place of a name stands in every other text."""
    ordinary = (
        "有一名村民多次到场，某女士和热心市民、知情人士说明情况，一位老党员和部分村民代表反映属实，不愿透露姓名的村民、"
        "几名学生家长、广大群众、热心网友、一个普通党员、某某、5名职工、匿名群众、老百姓、好心人、全体业主反映"
    )
    assert not reveals(ordinary, [ReporterBlock(name=name)])


@pytest.mark.parametrize(
    "field",
    [
        "热心市民罗虚一",
        "一名村民罗虚一",
        "知情人士罗虚一",
        "罗虚一（热心市民）",
        "罗虚一，不愿透露姓名",
        "某单位职工罗虚一",
        "农民工罗虚一",
        "网格员罗虚一",
        "罗虚一组长",
        "原支书罗虚一",
    ],
)
def test_b48_a_real_name_beside_a_placeholder_is_a_name(field: str) -> None:
    """Nothing that stands beside it makes it pass."""
    assert reveals("罗虚一到场", [ReporterBlock(name=field)])


@pytest.mark.parametrize("field", ["网格员罗虚", "原支书罗虚", "罗虚组长", "村会计罗虚"])
def test_sec12_a_name_of_two_behind_or_before_a_title(field: str) -> None:
    """Known or not, what stands beside a name hides none of it."""
    assert reveals("罗虚反映", [ReporterBlock(name=field)])
    assert not reveals("村会计和组长、原支书、网格员到场", [ReporterBlock(name=field)])


@given(
    st.sampled_from(sorted(SURNAMES)),
    st.text(st.characters(min_codepoint=0x4E00, max_codepoint=0x9FA5), min_size=1, max_size=2),
)
def test_b48_no_other_name_needs_a_word_beside_it(surname: str, rest: str) -> None:
    """A surname and whatever is no word of the language: it is found bare."""
    name = surname + rest
    if simplified(name) not in words.WORDS | NO_NAMES and rest not in "某":
        assert reveals(f"材料提到{name}到场", [ReporterBlock(name=name)])


@pytest.mark.parametrize("place", ["本村", "农村", "公司", "单位", "务农", "退休", "无业", "普通群众"])
def test_b48_a_place_that_everybody_types_is_none(place: str) -> None:
    """公司 in the field of the unit locks no text about a company."""
    reporter = ReporterBlock(name="罗虚一", unit=place, address=place)
    assert not reveals("本村农村公司、单位学校的务农、退休、无业人员和普通群众", [reporter])


@pytest.mark.parametrize(
    ("phone", "text"),
    [
        ("0571-99001234转8001", "电话0571-99001234"),
        ("0571-99001234转8001", "99001234转8001"),
        ("0571-99001234 ext. 8001", "0571 9900 1234"),
        ("0571-99001234分机8001", "尾号8001"),
        ("１３９７２０６４８１５", "139****4815"),
        ("13972064815 x12", "尾号4815"),
    ],
)
def test_sec12_a_telephone_with_an_extension(phone: str, text: str) -> None:
    """The number and the extension are one number, and the number is one without it."""
    assert reveals(text, [ReporterBlock(name="罗虚一", phone=phone)])
