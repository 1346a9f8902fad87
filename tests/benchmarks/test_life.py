"""The stores that benchmarks fill hold what the aggregate records today."""

from __future__ import annotations

from collections import Counter
from itertools import islice

from services.intake.commands import COMMANDS
from shared.kernel.store.mapper import EventMapper
from shared.kernel.store.sealing import Keyring, Sealer
from shared.language.contracts.intake import ComplaintRegistered
from tests.benchmarks import hop
from tests.benchmarks.__main__ import BENCHES
from tests.benchmarks.growth import decisions
from tests.benchmarks.life import life, log_of


def test_a_life_goes_from_the_receipt_to_the_handler() -> None:
    assert [e.type for e in life()] == [
        "ComplaintReceived",
        "ComplaintRegistered",
        "AllegationsListed",
        "ComplaintAccepted",
        "ComplaintTransferredToHandler",
    ]


def test_a_log_has_no_holes_and_every_stream_its_own_number() -> None:
    """Taken page by page, as it is written."""
    length, log = len(life()), log_of(100)
    pages = [list(islice(log, 30)) for _ in range(4)]
    assert [e.position for page in pages for e in page] == list(range(1, 101))
    streams = Counter(e.originator_id for page in pages for e in page)
    left = [100 % length] if 100 % length else []
    assert sorted(streams.values(), reverse=True) == [length] * (100 // length) + left
    numbers = [e.event.number for page in pages for e in page if isinstance(e.event, ComplaintRegistered)]
    assert len(set(numbers)) == len(numbers) == len(streams)


def test_its_events_seal_and_open_in_their_places() -> None:
    mapper = EventMapper(Sealer(Keyring("intake", {"1": b"k" * 32}, "1")))
    for event in log_of(len(life())):
        assert mapper.to_domain_event(mapper.to_stored_event(event)).event == event.event


def test_every_decision_is_another_one() -> None:
    cases = [e.originator_id for e in log_of(len(life()) * 2) if e.originator_version == 1]
    sent = list(islice(decisions(cases, "t"), 4))
    assert len(set(sent)) == 4
    assert [str(cases[n % 2]).encode() in request for n, request in enumerate(sent)] == [True] * 4


def test_every_measure_finds_what_it_measures() -> None:
    """A measure that names what has moved fails here, and not when somebody wants to know."""
    assert set(BENCHES) == {"hop", "write", "rebuild", "growth", "reads"}
    assert hop.HANDS_OVER in COMMANDS
