"""The vault's screen: names, numbers and guesses, in whatever spelling (SEC-12, SEC-16)."""

from __future__ import annotations

import pytest

from services.intake.domain.values import ReporterBlock
from services.intake.vault.screen import guesses
from services.intake.vault.spelling import reveals

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
    """R47: that reports were received and answered, and what was found, may be said."""
    assert not guesses(text)


def test_sec12_the_accuseds_own_unit_is_no_token() -> None:
    """A reporter from the accused's own unit is not betrayed by a refusal of its name."""
    colleague = ReporterBlock(name="甲虚乙", unit="云瓶镇")
    assert reveals("云瓶镇", [colleague])
    assert not reveals("向阳社区（云瓶镇）", [colleague], ["云瓶镇向阳社区"])
    assert reveals("甲虚乙", [colleague], ["云瓶镇向阳社区"])
