"""Two reports are compared signer by signer, whatever the names were typed like (B18)."""

from __future__ import annotations

from typing import Any

import pytest

from services.intake.domain.values import ReporterBlock
from services.intake.vault.signers import compared

PHONE, OTHER_PHONE = "13900004815", "13600001111"


def block(*signers: tuple[str, str], **more: Any) -> ReporterBlock:
    """A report signed by these, by name and telephone."""
    (name, phone), *others = signers
    signed = [{"name": n, "phone": p} for n, p in others]
    return ReporterBlock.model_validate({"name": name, "phone": phone, "co_signers": signed, **more})


@pytest.mark.parametrize(
    "typed",
    ["罗 虚一", "罗虚一（村民）", "羅虛一", "罗\u200b虚一 [电话联系]", "罗　虚一(化名"],
)
def test_b18_spacing_remarks_and_script_hide_nobody(typed: str) -> None:
    whom = block(("罗虚一", PHONE))
    assert compared(whom, block((typed, "＋８６ 139-0000-4815转2"))) == ["SAME"]
    assert compared(whom, block((typed, OTHER_PHONE))) == ["UNKNOWN"]
    assert compared(whom, block(("郑虚二", OTHER_PHONE))) == ["OTHER"]
    assert compared(whom, block(("郑虚二", PHONE))) == ["UNKNOWN"]


def test_b18_the_order_of_names_and_signers_makes_no_difference() -> None:
    first = block(("罗虚一", PHONE), ("郑虚二", OTHER_PHONE), ("虚三", ""))
    second = block(("郑虚二", OTHER_PHONE), ("罗虚一", PHONE))
    assert compared(first, second) == ["SAME", "SAME", "UNKNOWN"]
    assert compared(second, block(("罗虚一", PHONE))) == ["OTHER", "SAME"]
    joint = block(("罗虚一、郑虚二", PHONE))
    assert compared(joint, block(("郑虚二，罗虚一", PHONE))) == ["SAME"]
    assert compared(block(("Luo Xuyi", PHONE)), block(("XUYI  LUO", PHONE))) == ["SAME"]


def test_b18_an_identity_number_decides_and_nobody_is_unknown() -> None:
    card = {"resident_id": "99010119000107007X"}
    old = {"resident_id": "990101000107007"}
    assert compared(block(("罗虚一", ""), **card), block(("某某", ""), **old)) == ["SAME"]
    assert compared(block(("罗虚一", PHONE)), None) == ["UNKNOWN"]
    assert compared(None, block(("罗虚一", PHONE))) == []
