"""The organ tree, approval and competence (§5.4)."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.language.organs.tree import Level, Organ, OrganTree

TREE = OrganTree.load()
organs = st.sampled_from(sorted(TREE, key=lambda organ: organ.code))
inside = st.sampled_from([Level.TOWNSHIP, Level.COUNTY, Level.CITY, Level.PROVINCE])


def test_both_worlds_are_loaded() -> None:
    """Zhejiang has 1 + 11 + 90 + 1386 organs, the synthetic province seven."""
    assert sum(organ.division.startswith("33") for organ in TREE) == 1488
    assert [organ.code for organ in TREE if organ.division.startswith("99")] == [
        "DI-99",
        "DI-9901",
        "DI-990101",
        "DI-990102",
        "DI-990101001",
        "DI-990102100",
        "DI-990102101",
    ]


def test_an_organ() -> None:
    """A subdistrict has a 纪工委, a town a 纪委, all above both commissions in one."""
    assert TREE.get("DI-990101001") == Organ(
        code="DI-990101001",
        division="990101001",
        name_zh="石桥街道纪工委",
        level=Level.TOWNSHIP,
        parent="DI-990101",
        place_zh="石桥街道",
    )
    assert TREE.get("DI-990102100").name_zh == "云瓶镇纪委"
    assert TREE.get("DI-9901").name_zh == "云溪市纪委监委"
    assert "DI-990103" not in TREE
    with pytest.raises(KeyError, match="DI-990103"):
        TREE.get("DI-990103")


@given(organs)
def test_codes_nest(organ: Organ) -> None:
    """The parent is one level up, and its division begins the child's (GB/T 2260)."""
    if organ.parent is None:
        assert organ.level is Level.PROVINCE
    else:
        parent = TREE.get(organ.parent)
        assert parent.level == organ.level.above
        assert organ.division.startswith(parent.division)


@given(organs, inside)
def test_ancestor_is_above_and_nearest(organ: Organ, level: Level) -> None:
    """The ancestor of a level has that level, or is the organ itself when it stands higher."""
    ancestor = TREE.ancestor_or_self(organ.code, level)
    assert TREE.is_ancestor_or_self(ancestor.code, organ.code)
    assert ancestor.level == max(level, organ.level)


@given(organs, organs)
def test_ancestry_is_the_nesting_of_divisions(a: Organ, b: Organ) -> None:
    """An organ stands above exactly those whose division begins with its own."""
    assert TREE.is_ancestor_or_self(a.code, b.code) is b.division.startswith(a.division)


def test_unknown_organs_stand_nowhere() -> None:
    """Not even above themselves: an access check on them fails shut."""
    assert not TREE.is_ancestor_or_self("DI-00", "DI-00")
    assert not TREE.is_ancestor_or_self("DI-99", "DI-00")
    assert not TREE.is_ancestor_or_self("DI-00", "DI-99")


def test_nothing_is_central() -> None:
    """The tree ends at the province."""
    with pytest.raises(LookupError, match="CENTRAL"):
        TREE.ancestor_or_self("DI-990101", Level.CENTRAL)
    assert Level.CENTRAL.above is Level.CENTRAL


@pytest.mark.parametrize(
    ("code", "approving"),
    [("DI-990102100", "DI-990102"), ("DI-990102", "DI-990102"), ("DI-9901", "DI-9901"), ("DI-99", "DI-99")],
)
def test_clarification_approval(code: str, approving: str) -> None:
    """A township's clarification is approved by its county, all others by themselves (C2)."""
    assert TREE.clarification_approving_organ(code).code == approving


@pytest.mark.parametrize(
    ("code", "managed_by", "flag", "approving"),
    [
        ("DI-990101", Level.COUNTY, True, "DI-9901"),
        ("DI-990102100", Level.TOWNSHIP, True, "DI-9901"),
        ("DI-9901", Level.CITY, True, "DI-9901"),
        ("DI-9901", Level.PROVINCE, True, "DI-99"),
        ("DI-9901", Level.PROVINCE, False, "DI-9901"),
        ("DI-99", Level.CITY, False, "DI-99"),
    ],
)
def test_determination_approval(code: str, managed_by: Level, flag: bool, approving: str) -> None:
    """A city at least; the province where it manages the accused and the policy says so (C5)."""
    assert TREE.determination_approving_organ(code, managed_by, flag).code == approving


@pytest.mark.parametrize(
    ("code", "may_execute", "approving"),
    [
        ("DI-990101001", False, "DI-9901"),
        ("DI-990101", True, "DI-9901"),
        ("DI-9901", True, "DI-9901"),
        ("DI-99", True, "DI-99"),
    ],
)
def test_tracing(code: str, may_execute: bool, approving: str) -> None:
    """A county may trace, a city must have approved it, a township may do neither (C1)."""
    assert TREE.tracing_executor_ok(code) is may_execute
    assert TREE.tracing_approving_organ(code).code == approving


@pytest.mark.parametrize(
    ("managed_by", "division", "organ", "leaves"),
    [
        (Level.TOWNSHIP, "990102100001", "DI-990102100", False),
        (Level.COUNTY, "990101001", "DI-990101", False),
        (Level.COUNTY, "990101", "DI-990101", False),
        (Level.CITY, "990101", "DI-9901", False),
        (Level.PROVINCE, "990101000000", "DI-99", False),
        (Level.CITY, "990100", "DI-9901", False),
        (Level.CENTRAL, "990101", "DI-99", True),
        (Level.TOWNSHIP, "330383", "DI-330383", False),
        (Level.TOWNSHIP, "330383001", "DI-330383", False),
    ],
)
def test_competence_of_persons(managed_by: Level, division: str, organ: str, leaves: bool) -> None:
    """Cadre management decides, then place; 龙港市 does its townships' work, the centre lies outside."""
    competence = TREE.competent(managed_by, division)
    assert (competence.organ.code, competence.leaves_system) == (organ, leaves)


@pytest.mark.parametrize(
    ("managed_by", "division", "own_level", "organ", "leaves"),
    [
        (Level.TOWNSHIP, "990102100", None, "DI-990102", False),
        (Level.COUNTY, "990102", None, "DI-9901", False),
        (Level.COUNTY, "990102100", Level.COUNTY, "DI-9901", False),
        (Level.PROVINCE, "990102", None, "DI-99", False),
        (Level.PROVINCE, "99", None, "DI-99", True),
    ],
)
def test_discipline_staff_go_to_the_organ_above(
    managed_by: Level, division: str, own_level: Level | None, organ: str, leaves: bool
) -> None:
    """No organ judges its own staff (A75), and nobody sinks below the level that manages them."""
    competence = TREE.competent(managed_by, division, is_discipline_staff=True, own_level_of_org=own_level)
    assert (competence.organ.code, competence.leaves_system) == (organ, leaves)


@pytest.mark.parametrize(
    ("managed_by", "own_level", "organ"),
    [
        (Level.COUNTY, None, "DI-990102"),
        (Level.TOWNSHIP, Level.TOWNSHIP, "DI-990102"),
        (Level.COUNTY, Level.COUNTY, "DI-9901"),
        (Level.CITY, Level.COUNTY, "DI-9901"),
    ],
)
def test_party_organisations(managed_by: Level, own_level: Level | None, organ: str) -> None:
    """The committee that manages a party organisation stands one level above it."""
    competence = TREE.competent(managed_by, "990102100", subject_type="PARTY_ORG", own_level_of_org=own_level)
    assert competence.organ.code == organ


def test_unknown_division() -> None:
    """A place outside both worlds has no competent organ."""
    with pytest.raises(KeyError, match="110105"):
        TREE.competent(Level.COUNTY, "110105")


def test_a_parent_must_be_higher() -> None:
    """A tree that turns upside down, and could be climbed for ever, does not load."""
    loop = Organ("DI-1", "1", "甲", Level.CITY, "DI-1", "甲")
    with pytest.raises(ValueError, match="DI-1"):
        OrganTree([loop])
