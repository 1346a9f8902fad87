"""The contracts conceal the same cases as the kinds themselves."""

from __future__ import annotations

from services.clarification.domain.retaliation import RetaliationWatch
from shared.language.contracts.concealed import CONCEALED
from tools.documents import WRITING, service_of

KINDS = {kind.kind: kind for service in WRITING for kind in service_of(service).kinds}


def test_41_every_kind_that_conceals_its_cases_says_so_with_its_events() -> None:
    """And none is declared that conceals nothing. The watch over retaliation is nobody's case at all."""
    concealing = {kind.kind for kind in KINDS.values() if kind.unopened or kind.sealed}
    assert {c.kind for c in CONCEALED} == {*concealing, RetaliationWatch.kind}
    assert RetaliationWatch.kind not in KINDS


def test_41_the_events_lead_out_of_what_is_concealed_and_into_it() -> None:
    for declared in CONCEALED:
        kind = KINDS.get(declared.kind)
        if declared.until is not None:
            assert kind is not None
            assert declared.until.to not in kind.unopened | kind.sealed
        if declared.sealed_by is not None:
            assert kind is not None
            assert declared.sealed_by.to in kind.sealed
