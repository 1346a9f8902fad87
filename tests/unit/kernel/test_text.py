"""A text that is required shows something, and a name does not turn its direction."""

from __future__ import annotations

import pytest
from pydantic import TypeAdapter, ValidationError

from services.clarification.commands import MaybeText
from services.intake.commands.reporting import Letter, WriteToReporter
from services.intake.domain.values import AccusedEntry, CoSigner, ReporterBlock
from services.intake.reporters.public import Threatened
from services.intake.vault.case import Personal
from shared.casework.command import FreeText, ShortText
from shared.language.text import TURNS, is_seen

UNSEEN = [
    "\u200b",
    "\u3164",
    "\u2800",
    "\u00ad",
    "\u115f\u1160",
    "\uffa0",
    "\u2060 \ufeff",
    "\u180e",
    "\u034f",
    "\u202e",
]
ACCUSED = {"name": "虚甲", "unit": "虚构镇政府", "unit_division": "990102100", "managed_by_level": "TOWNSHIP"}


@pytest.mark.parametrize("blank", [*UNSEEN, "\U000e0041", "\u3000", "\u0301", "\U0001d159", "\ufffc"])
def test_a_text_of_nothing_visible_is_none(blank: str) -> None:
    """The first required words, a name, a letter of the public, prose for the vault."""
    for kind in (FreeText, ShortText, Letter, Personal):
        with pytest.raises(ValidationError):
            TypeAdapter(kind).validate_python(blank * 3, strict=True)
    for name in ("name", "unit"):
        with pytest.raises(ValidationError):
            AccusedEntry.model_validate({**ACCUSED, name: blank})
    for form in (lambda: WriteToReporter(text=blank), lambda: Threatened(code="x", text=blank)):
        with pytest.raises(ValidationError):
            form()
    assert not is_seen(blank)


@pytest.mark.parametrize("text", ["虚", "。", "-", "\U0002ebf0", "\ue863", "\u200b虚", "👍", "ئۇ"])
def test_a_text_with_one_visible_character_is_one(text: str) -> None:
    """Ideographs newer than the library's tables and private ones are visible."""
    assert TypeAdapter(FreeText).validate_python(text, strict=True) == text


@pytest.mark.parametrize("turn", sorted(TURNS), ids=lambda c: f"{ord(c):x}")
def test_no_text_of_the_case_turns_its_direction(turn: str) -> None:
    """With U+202E a reviewer reads other words than the case holds."""
    for kind in (FreeText, ShortText, MaybeText):
        with pytest.raises(ValidationError):
            TypeAdapter(kind).validate_python(f"虚{turn}甲", strict=True)
    for name in ("name", "unit", "position", "principal_head"):
        with pytest.raises(ValidationError):
            AccusedEntry.model_validate({**ACCUSED, name: f"虚{turn}甲"})
    for block in (ReporterBlock, CoSigner):
        with pytest.raises(ValidationError) as refusal:
            block(name=f"虚{turn}甲")
        assert refusal.value.errors()[0]["loc"] == ("name",)


@pytest.mark.parametrize("blank", UNSEEN[:-1])
def test_a27_an_invisible_name_claims_nothing(blank: str) -> None:
    """An optional field is left out where nothing of it is seen."""
    block = ReporterBlock(name=blank, unit=blank, phone="139 0000 1234")
    assert (block.name, block.unit, block.claims_real_name) == ("", "", False)


@pytest.mark.parametrize(
    "typed",
    [
        "99010119000107007x",
        "９９０１０１１９０００１０７００７ｘ",
        "990101 19000107 007X",
        "990101-19000107-007x\u200b",
    ],
)
def test_a_resident_id_is_taken_as_it_is_typed(typed: str) -> None:
    """Small x, full width, in groups; kept as it is printed."""
    assert ReporterBlock(resident_id=typed).resident_id == "99010119000107007X"
    assert CoSigner(resident_id=typed).resident_id == "99010119000107007X"


def test_what_does_not_satisfy_the_standard_names_its_field() -> None:
    for field, typed in (("resident_id", "990101190001070070"), ("unit_code", "11990102000000002A")):
        with pytest.raises(ValidationError) as refusal:
            ReporterBlock.model_validate({field: typed})
        assert refusal.value.errors()[0]["loc"] == (field,)
    assert ReporterBlock(unit_code="１１ 990102 000000002 m").unit_code == "11990102000000002M"


@pytest.mark.parametrize(
    ("typed", "kept"),
    [
        ("0571-99001234转8001", "0571-99001234转8001"),
        ("0571—99001234轉8001", "0571-99001234转8001"),
        ("（0571）99001234 分機：8001", "(0571)99001234 分机:8001"),
        ("0571 9900 1234 ext. 8001", "0571 9900 1234 ext. 8001"),
        ("0571.9900.1234#8001", "0571.9900.1234#8001"),
        ("１３９００００１２３４", "13900001234"),
        ("\u202a139 0000 1234\u202c", "139 0000 1234"),
        ("+86 139-0000-1234", "+86 139-0000-1234"),
        ("", ""),
    ],
)
def test_a_telephone_number_is_taken_as_it_is_typed(typed: str, kept: str) -> None:
    """With an extension, in any width, with what a telephone's contacts put around it."""
    assert ReporterBlock(phone=typed).phone == kept
    assert ReporterBlock(phone=kept).phone == kept
