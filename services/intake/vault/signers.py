"""Tells whether signers of two reports are one person, and nothing else of them (B18, SEC-4)."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Literal, NamedTuple

from services.intake.domain.values import CoSigner, ReporterBlock
from shared.language.spelling import normal, simplified

Alike = Literal["SAME", "OTHER", "UNKNOWN"]
REMARK = re.compile(r"[（(\[【〔<《][^）)\]】〕>》]*[）)\]】〕>》]?")
BETWEEN_NAMES = re.compile(r"[、，,;；/]+")
IDEOGRAPH = re.compile("[\u3400-\u9fff\U00020000-\U0003ffff]")
EXTENSION = re.compile(r"[^0-9+\s().．-]")
"""The first sign behind which an extension stands: 转, x, #."""


class Signer(NamedTuple):
    """The things by which one signer is known again."""

    names: frozenset[str]
    phone: str
    resident_id: str


def signers(block: ReporterBlock) -> list[Signer]:
    """The reporter, and those who signed with them."""
    return [_signer(block), *map(_signer, block.co_signers)]


def compared(first: ReporterBlock | None, second: ReporterBlock | None) -> list[Alike]:
    """For each signer of the first report: whether they signed the second too."""
    if first is None:
        return []
    others = [] if second is None else signers(second)
    return [_among(signer, others) for signer in signers(first)]


def _among(signer: Signer, others: Sequence[Signer]) -> Alike:
    found = {_alike(signer, other) for other in others}
    if "SAME" in found:
        return "SAME"
    return "OTHER" if found == {"OTHER"} else "UNKNOWN"


def _alike(one: Signer, other: Signer) -> Alike:
    """Compares by resident id where both gave one, else by name with phone; a shared phone alone is a
    family's, and a shared name a namesake's."""
    if one.resident_id and other.resident_id:
        return "SAME" if one.resident_id == other.resident_id else "OTHER"
    if not (one.names and other.names and one.phone and other.phone):
        return "UNKNOWN"
    names, phones = one.names == other.names, one.phone == other.phone
    if names != phones:
        return "UNKNOWN"
    return "SAME" if names else "OTHER"


def _signer(typed: ReporterBlock | CoSigner) -> Signer:
    digits = "".join(c for c in EXTENSION.split(typed.phone)[0] if c.isdigit())
    return Signer(_names(typed.name), digits[-11:], typed.resident_id)


def _names(typed: str) -> frozenset[str]:
    """The names in a field without remarks, in no order; blanks part the words of Latin script alone."""
    bare = REMARK.sub(" ", simplified(typed))
    parts = BETWEEN_NAMES.split(bare) if IDEOGRAPH.search(bare) else re.split(r"[\s,;/]+", bare)
    return frozenset(name for part in parts if (name := normal(part)))
