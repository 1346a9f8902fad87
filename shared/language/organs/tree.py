"""The organ tree and the organ functions of §5.4: every organ for its own part (A2).

One discipline organ per division (GB/T 2260 with the statistical township codes): province 2 digits, city 4,
county 6, township 9. Two worlds are loaded, Zhejiang and the made-up province 99, which no real
code can meet. Every lookup is by dict, every climb at most four steps.
"""

import csv
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from enum import IntEnum
from functools import cache
from importlib.resources import files
from typing import Literal

_DATA = ("divisions-zhejiang.csv", "divisions-synthetic.csv")
_DIVISION_LENGTHS = (9, 6, 4, 2)


class Level(IntEnum):
    """Levels of organs and of cadre management, in order; CENTRAL lies outside the system."""

    TOWNSHIP = 1
    COUNTY = 2
    CITY = 3
    PROVINCE = 4
    CENTRAL = 5

    @property
    def above(self) -> "Level":
        """One level up; nothing is above CENTRAL."""
        return Level(min(self + 1, Level.CENTRAL))


@dataclass(frozen=True, slots=True)
class Organ:
    """One discipline inspection and supervision organ (纪检监察机关/机构)."""

    code: str
    division: str
    name_zh: str
    level: Level
    parent: str | None
    place_zh: str
    """The name of its division."""


@dataclass(frozen=True, slots=True)
class Competence:
    """The competent organ; or, when `leaves_system`, the province that escalates outside of it."""

    organ: Organ
    leaves_system: bool = False


class OrganTree:
    """All organs by code."""

    def __init__(self, organs: Iterable[Organ]) -> None:
        self._organs = {organ.code: organ for organ in organs}
        for organ in self._organs.values():
            if organ.parent is not None and self.get(organ.parent).level <= organ.level:
                raise ValueError(f"{organ.parent} cannot be above {organ.code}")

    @classmethod
    def load(cls) -> "OrganTree":
        """The packaged tree, read once."""
        return _packaged()

    def __iter__(self) -> Iterator[Organ]:
        return iter(self._organs.values())

    def __contains__(self, code: object) -> bool:
        return code in self._organs

    def get(self, code: str) -> Organ:
        """The organ of that code, or `KeyError`."""
        try:
            return self._organs[code]
        except KeyError:
            raise KeyError(f"unknown organ: {code}") from None

    def ancestor_or_self(self, code: str, level: Level) -> Organ:
        """The nearest organ, upwards from and including this one, of at least that level."""
        organ = self.get(code)
        while organ.level < level:
            if organ.parent is None:
                raise LookupError(f"nothing of level {level.name} is above {code}")
            organ = self._organs[organ.parent]
        return organ

    def is_ancestor_or_self(self, a: str, b: str) -> bool:
        """True if `a` is above `b`, or the same. An unknown organ stands nowhere, so access fails shut."""
        if a not in self._organs:
            return False
        at: str | None = b
        while at is not None:
            organ = self._organs.get(at)
            if organ is None:
                return False
            if organ.code == a:
                return True
            at = organ.parent
        return False

    def line(self, code: str) -> list[str]:
        """An organ and those above it, in order; none for one that is unknown."""
        found: list[str] = []
        at: str | None = code
        while at in self._organs:
            found.append(at)
            at = self._organs[at].parent
        return found

    def directly_below(self, code: str) -> list[str]:
        """The organs whose next superior this one is."""
        return [organ.code for organ in self._organs.values() if organ.parent == code]

    def covering(self, division: str) -> Organ:
        """The lowest organ whose division contains this one.

        Communities (12 digits) belong to their township, forms padded with zeros to the division they name.
        """
        for length in _DIVISION_LENGTHS:
            organ = self._organs.get(f"DI-{division[:length]}")
            if organ is not None:
                return organ
        raise KeyError(f"unknown division: {division}")

    def clarification_approving_organ(self, code: str) -> Organ:
        """The organ whose petition-report department approves clarifications of this organ (C2, R4)."""
        return self.ancestor_or_self(code, Level.COUNTY)

    def determination_approving_organ(self, code: str, managed_by_level: Level, province_flag: bool) -> Organ:
        """The organ that approves a finding of false accusation: a city at least (C5, A38).

        `province_flag` is `province_approval_if_accused_province_managed`.
        """
        by_province = province_flag and managed_by_level >= Level.PROVINCE
        return self.ancestor_or_self(code, Level.PROVINCE if by_province else Level.CITY)

    def tracing_executor_ok(self, code: str) -> bool:
        """True if this organ may carry out tracing: a county at least (C1)."""
        return self.get(code).level >= Level.COUNTY

    def tracing_approving_organ(self, code: str) -> Organ:
        """The organ that approves tracing by this organ: a city at least (C1)."""
        return self.ancestor_or_self(code, Level.CITY)

    def competent(
        self,
        managed_by_level: Level,
        unit_division: str,
        is_discipline_staff: bool = False,
        subject_type: Literal["PERSON", "PARTY_ORG"] = "PERSON",
        own_level_of_org: Level | None = None,
    ) -> Competence:
        """The organ competent for an accused: by cadre management first, by place second (§5.4, A75).

        Discipline staff and party organisations go one level above their own organ or organisation, yet never
        below the level that manages them. `own_level_of_org` is that own level; for discipline staff it
        defaults to the organ of their unit's division. If no organ of the level exists, as under 龙港市
        330383 with no townships, the one above does its work.
        """
        here = self.covering(unit_division)
        level = managed_by_level
        if is_discipline_staff:
            level = max(level, (own_level_of_org or here.level).above)
        elif subject_type == "PARTY_ORG" and own_level_of_org is not None:
            level = max(level, own_level_of_org.above)
        if level == Level.CENTRAL:
            return Competence(self.ancestor_or_self(here.code, Level.PROVINCE), leaves_system=True)
        return Competence(self.ancestor_or_self(here.code, level))


@cache
def _packaged() -> OrganTree:
    return OrganTree(organ for name in _DATA for organ in _organs_of(name))


def _organs_of(name: str) -> Iterator[Organ]:
    text = files(__package__).joinpath("data", name).read_text(encoding="utf-8")
    for row in csv.DictReader(text.splitlines()):
        level = Level[row["level"]]
        yield Organ(
            code=f"DI-{row['code']}",
            division=row["code"],
            name_zh=row["name"] + _suffix(row["code"], level),
            level=level,
            parent=f"DI-{row['parent']}" if row["parent"] else None,
            place_zh=row["name"],
        )


def _suffix(division: str, level: Level) -> str:
    """Towns and townships (100-399) have a 纪委; subdistricts and zones, being dispatched, a 纪工委 (R3)."""
    if level > Level.TOWNSHIP:
        return "纪委监委"
    return "纪委" if "100" <= division[6:] <= "399" else "纪工委"
