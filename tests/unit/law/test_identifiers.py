"""Check characters and human numbers (§0.5, §8.6)."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.language.law.identifiers import (
    NumberPrefix,
    credit_code_check,
    holds_personal_number,
    human_number,
    is_credit_code,
    is_resident_id,
    resident_id_check,
)

CREDIT_ALPHABET = "0123456789ABCDEFGHJKLMNPQRTUWXY"


@pytest.mark.parametrize(
    ("value", "valid"),
    [
        ("11010519491231002X", True),
        ("110105194912310021", False),
        ("990101190001010018", True),
        ("99010119000107007X", True),
        ("990101190001070070", False),
        ("99010119000107007x", False),
        ("990101190002300011", False),
        ("99010119000101001", False),
        ("９90101190001010018", False),
        ("990101190001010018\n", False),
    ],
)
def test_86_resident_id(value: str, valid: bool) -> None:
    """The vectors of §8.6, and what is no id at all."""
    assert is_resident_id(value) is valid


def test_86_resident_id_needs_a_real_birth_date() -> None:
    """30 February has a check character, but is no birthday."""
    first17 = "99010119000230001"
    assert not is_resident_id(first17 + resident_id_check(first17))


@pytest.mark.parametrize(
    ("value", "valid"),
    [
        ("91350100M000100Y43", True),
        ("11990102000000002M", True),
        ("119901010000000390", True),
        ("11990102000000002N", False),
        ("1199010200000000IM", False),
        ("91350100m000100y43", False),
        ("", False),
    ],
)
def test_86_credit_code(value: str, valid: bool) -> None:
    """The vectors of §8.6, with the check digit 0 that a published package gets wrong."""
    assert is_credit_code(value) is valid


@given(
    st.text(CREDIT_ALPHABET, min_size=17, max_size=17), st.integers(0, 16), st.sampled_from(CREDIT_ALPHABET)
)
def test_credit_code_finds_every_single_error(first17: str, at: int, wrong: str) -> None:
    """One wrong character never passes (31 is prime)."""
    code = first17 + credit_code_check(first17)
    assert is_credit_code(code)
    assert is_credit_code(code[:at] + wrong + code[at + 1 :]) is (wrong == code[at])


@pytest.mark.parametrize("organ_code", ["DI-990102100", "990102100"])
def test_86_human_number(organ_code: str) -> None:
    """The number carries the organ's own code, without its DI-."""
    assert human_number("XF", organ_code, 2022, 1) == "XF-990102100-2022-000001"
    assert human_number(NumberPrefix.TRACING_ORDER, "DI-9901", 2021, 417) == "ZC-9901-2021-000417"


@pytest.mark.parametrize(
    "arguments",
    [
        ("QQ", "DI-990101", 2022, 1),
        ("XF", "DI-99010", 2022, 1),
        ("XF", "DI-990101", 22, 1),
        ("XF", "DI-990101", 2022, 0),
    ],
)
def test_impossible_numbers(arguments: tuple[str, str, int, int]) -> None:
    """An unknown prefix, organ, year or sequence gives no number."""
    with pytest.raises(ValueError, match=r"not an organ code|no such number|not a valid"):
        human_number(*arguments)


@pytest.mark.parametrize(
    "reference",
    [
        "13900004321",
        "139-0000-4321",
        "DOC-13900004321",
        "tel:8613900004321#2",
        "0086.139.0000.4321",
        "99010119000107007X",
        "id/99010119000107007x",
        "990101-19000101-0018",
        "0a" * 16 + "b-13900004321",
        "0a" * 16 + "13900004321",
    ],
)
def test_sec12_a_reference_that_is_somebodys_number(reference: str) -> None:
    """By itself, set apart by signs, or between words."""
    assert holds_personal_number(reference)


@pytest.mark.parametrize(
    "reference",
    [
        "DOC-2026-1",
        "XF-990102100-2026-000001",
        "p-990102100-handler",
        "study-26",
        "990101190001070070",  # wrong check digit
        "20261390000",
        "139000043210",
        "no139-2026-0001",
        "b8cbcd0b-0def-5abe-be62-afc149da7a0a",
        "transfer:13900004321" + "0" * 53,
        # Made at random, with eleven digits that could be a mobile number's.
        "b8cbcd0b-0def-5abe-be62-f13900004321",
        "p-b8cbcd0b-0def-5abe-be62-13900004321f-a1",
        "a13900004321b8cbcd0b0def5abebe62",
        "transfer:" + "0a" * 26 + "a13900004321",
    ],
)
def test_sec12_a_reference_that_is_a_reference(reference: str) -> None:
    """Numbers of documents, accounts and digests."""
    assert not holds_personal_number(reference)
