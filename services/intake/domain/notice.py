"""The notice that is read and acknowledged before a report (R30, A33, A34, A81)."""

from __future__ import annotations

from typing import Final, Literal

NoticeVersion = Literal["1", "2"]
"""Every notice that was ever in force: a reporter who was offline may have read the one before."""
IN_FORCE: Final[NoticeVersion] = "2"
NOTICE: dict[str, str | list[str]] = {
    "version": IN_FORCE,
    "zh": [
        "请实事求是反映问题，对所反映内容的真实性负责，不得捏造、歪曲事实，不得诬告陷害；捏造事实诬告他人的，"
        "依规依纪依法处理。请遵守信访秩序，接受组织作出的正确处理意见。",
        "提倡实名举报：实名举报优先办理、给予答复；是否署名由您决定，匿名举报同样按程序受理。",
        "您有权提出检举控告、申请有关人员回避、检举工作人员、申请保护；检举查证属实且作用重大的，可以按规定获得奖励。",
        "反映纪检监察机关负责人或者干部的，请如实选择，件将径送其上一级机关，本机关不经手。",
        "请妥善保管查询码，它只显示一次；对反馈的处理结果请予保密。任何单位和个人不得擅自追查举报人。",
    ],
    "en": [
        "Report truthfully; you answer for what you say. Do not invent or distort facts; framing others has"
        " consequences under the law. Keep order, and accept what is rightly decided.",
        "Giving your name is welcome: it is handled first and answered. It is your choice; reports without a"
        " name are handled by the same rules.",
        "You may report, ask for somebody's recusal, report members of staff, and ask for protection; for a"
        " report that proves true and important there may be a reward.",
        "Say so if you report the head or a member of an organ of discipline inspection: then your report"
        " goes to the organ above it, and never through its own hands.",
        "Keep the query code: it is shown once. Keep what you are told to yourself. Nobody may trace you"
        " without authority.",
    ],
}
