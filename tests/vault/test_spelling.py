"""The screen knows a name, a number and a door in every spelling, and lets plain words pass (SEC-12)."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from services.intake.domain.values import CoSigner, ReporterBlock
from services.intake.vault.spelling import reveals

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
    """Also of those who signed with him."""
    assert reveals(text, [REPORTER])


def test_sec12_a_name_spread_over_several_fields() -> None:
    """The texts of one command are looked at together."""
    assert reveals("郑\n虚吕", [REPORTER])


@pytest.mark.parametrize(
    "text",
    [
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
    ],
)
def test_sec12_ordinary_sentences_pass(text: str) -> None:
    """Dates, amounts, case numbers, places and laws are no reporter."""
    assert not reveals(text, [REPORTER])


def test_sec12_a_common_mailbox_is_no_token() -> None:
    """`info` before the @ tells nobody; the whole address does."""
    office = ReporterBlock(unit="虚构厂", email="info@example.invalid")
    assert not reveals("see info below", [office])
    assert reveals("info@example.invalid", [office])


def test_sec12_empty_fields_match_nothing() -> None:
    """An anonymous letter has no tokens."""
    assert not reveals("任何文字 any text 12345678901", [ReporterBlock(), ReporterBlock(name="甲")])
