"""The vault's screen: names, numbers and guesses, in whatever spelling (SEC-12, SEC-16)."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.intake.domain.values import ReporterBlock
from services.intake.vault.screen import guesses
from services.intake.vault.tokens import reveals

REPORTER = ReporterBlock(
    name="郑虚六",
    unit="云瓶镇虚构村",
    phone="139 0000 1234",
    address="虚构村三组十二号",
    email="zheng@example.invalid",
    resident_id="99010119000107007X",
)


@pytest.mark.parametrize(
    "text",
    [
        "来信人郑虚六反映的问题",
        "郑 虚 六 说",
        "电话１３９００００１２３４",
        "139-0000-1234",
        "身份证 99010119000107007x",
        "住在虚构村 三组 十二号",
        "ZHENG@Example.invalid",
        "后六位07007X",
    ],
)
def test_sec12_a_token_of_the_reporter_is_found(text: str) -> None:
    """Spaces, full-width digits, dashes and case hide nothing."""
    assert reveals(text, [REPORTER])


@pytest.mark.parametrize(
    "text", ["所反映的问题失实。", "组织已按规定程序核查完毕。", "虚构村道路工程账目清楚。"]
)
def test_sec12_an_ordinary_text_passes(text: str) -> None:
    """The screen is no obstacle to plain words."""
    assert not reveals(text, [REPORTER])


@pytest.mark.parametrize(
    "text",
    [
        "举报人系小区住户",
        "可能是三号楼的住户举报的",
        "向居民打听是谁写的举报信",
        "估计是老李写的信",
        "匿名信出自谁手",
        "笔迹像是会计的",
        "怀疑是前任书记举报",
        "发帖的IP地址与会计家中一致",
        "据说是财务科的人反映的",
        "系其前妻举报",
        "八成是他写的",
        "此信出自财务科",
        "写信的是财务",
        "是村东头开小卖部的那个人举报的",
        "来信人是他的邻居",
        "來信人是他的鄰居",
        "據說是財務科的人反映的",
        "係其前妻舉報，動機不純",
        "此信出自財務科。",
        "经了解，系其前妻向纪委举报。",
        "由其妻弟实名举报",
        "是会计检举控告的",
        "听说是会计写的",
        "十有八九是他告的状",
        "估计是小王投的信",
        "举报信系财务科的人所写",
        "该匿名信是会计写的",
        "匿名信来自单位内部",
        "写举报信的人是会计",
        "举报的那个人就是他邻居",
        "反映问题的人系其下属",
        "举报他的是邻居",
        "告状的是他弟弟",
        "来电人可能是其同事",
        "来访人为一名村民",
        "举报人是以前的会计",
        "举报人是否就是会计",
        "举报人姓罗",
        "举报人姓名为罗某",
        "来信人住在三号楼",
    ],
)
def test_sec16_a_guess_about_the_reporter_is_found(text: str) -> None:
    """Right or wrong, a guess must not be typed anywhere."""
    assert guesses(text)


@pytest.mark.parametrize(
    "text",
    [
        "组织收到有关反映后已逐件核查并作出答复，所反映的具体问题失实。",
        "同意核查报告，所反映问题失实。",
        "三年来压力很大，希望组织在社区说明情况。",
        "没有证据表明捏造事实和主观故意，来信人不明。",
        "群众口碑良好。",
        "检举控告是法定权利，受到保护，任何人不得打听、议论。",
    ],
)
def test_sec16_what_the_law_lets_be_said_passes(text: str) -> None:
    """A text may say that reports were received and answered, and what was found (R47)."""
    assert not guesses(text)


ORDINARY = [
    "群众举报反映其违规",
    "经查，举报反映的问题不属实",
    "由纪委信访室转来",
    "举报人在规定期限内未提出异议",
    "已向举报人反馈",
    "根据群众来信反映",
    "该同志系村党支部书记",
    "据了解，其前妻已搬离",
    "该同志系村党支部书记，举报反映其违规发放低保",
    "该同志系村会计（群众举报反映其侵占）",
    "被举报人系村主任，被反映人是财务科科长",
    "被检举控告人系局长，可能影响被举报人的声誉",
    "该线索系群众举报，属于重复件",
    "该件系信访举报，系匿名举报",
    "举报人系实名举报",
    "来信人为匿名，来访人为三人",
    "举报人是否要求书面答复",
    "举报人应当如实提供情况",
    "举报人可能遭受打击报复的，应当采取保护措施",
    "严禁泄露举报人姓名、住址",
    "反映人住房困难问题已解决",
    "群众反映的是道路工程问题",
    "举报的是其挪用公款问题",
    "反映的人员均已谈话",
    "其主动检举他人违纪问题，系其检举他人的材料",
    "由其所在单位在适当范围内澄清",
    "由村会计填写报销单",
    "重点是做好本单位举报受理工作",
    "问题是公司举报制度不健全",
    "以上情况由证人反映",
    "信件由市信访局转来，来信来自邮政渠道",
    "举报信出自善意，不属于诬告陷害",
    "写信的目的是反映问题",
    "申报材料是会计写的",
    "欠条可能是会计写的",
    "举报称其与老板合谋",
    "可能存在误会",
    "怀疑被举报的事实不成立",
    "應當加強對財務的監督",
]


@pytest.mark.parametrize("text", ORDINARY)
def test_sec16_the_language_of_the_office_passes(text: str) -> None:
    """The accused, the way in which a report came, and what is owed to its reporter: no guess."""
    assert not guesses(text)


@given(st.lists(st.sampled_from(ORDINARY), min_size=2, max_size=6), st.sampled_from(["。", "；", "。\n"]))
def test_sec16_sentences_do_not_become_a_guess_together(texts: list[str], end: str) -> None:
    """A sentence that supposes and the next one that reports are two things."""
    assert not guesses(end.join(texts))


def test_sec12_the_accuseds_own_unit_is_no_token() -> None:
    """A reporter from the accused's own unit is not betrayed by a refusal of its name."""
    colleague = ReporterBlock(name="甲虚乙", unit="云瓶镇")
    assert reveals("云瓶镇", [colleague])
    assert not reveals("向阳社区（云瓶镇）", [colleague], ["云瓶镇向阳社区"])
    assert reveals("甲虚乙", [colleague], ["云瓶镇向阳社区"])


@pytest.mark.parametrize("place", ["-", "/", "无", "　", ""])
def test_sec12_a_place_not_given_exempts_nothing(place: str) -> None:
    """A dash in the accused's position is in every address."""
    neighbour = ReporterBlock(unit="云岭区无线电厂", address="云瓶镇虚构村三组十二号")
    assert reveals("云岭区无线电厂", [neighbour], [place])
    assert reveals("住虚构村三组十二号", [neighbour], [place])


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("财务科的账", False),
        ("教育局财务科的账", True),
        ("云岭区教育局财务科", True),
        ("云岭区教育局", False),
        ("教育局", False),
        ("云岭区纪委", False),
    ],
)
def test_sec12_what_is_more_than_the_accuseds_unit_is_a_token(text: str, found: bool) -> None:
    """The accused's unit frees itself and its division, not what the reporter's own adds to it; what it adds
    is no token alone, or a refusal would tell of a colleague."""
    colleague = ReporterBlock(unit="云岭区教育局财务科")
    assert reveals(text, [colleague], ["教育局", "局长"]) is found


def test_sec12_a_room_in_the_accuseds_house_is_no_token() -> None:
    """The rest of an address must say something: a room or a group does not, a door and a room do."""
    housed = ReporterBlock(address="云瓶镇虚构村三组")
    assert not reveals("三组组长到会", [housed], ["云瓶镇虚构村"])
    assert not reveals("在教育局宿舍402室谈话", [ReporterBlock(address="教育局宿舍402室")], ["教育局宿舍"])
    flat = ReporterBlock(address="虚构路12号院3单元402室")
    assert reveals("住3单元402室", [flat], ["虚构路12号院"])
    assert not reveals("虚构路12号院", [flat], ["虚构路12号院"])
