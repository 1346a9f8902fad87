"""Filled stores hold what services would have written, and the script plays what is measured."""

from __future__ import annotations

import re
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import orjson
import pytest

from services.audit import record
from shared.kernel.store.mapper import data_of
from shared.kernel.store.sealing import Keyring, Sealer
from shared.language.event import Recorded
from tests.benchmarks.life import life
from tests.benchmarks.lives import SCRIPT, STEPS
from tests.benchmarks.lives_fill import (
    Life,
    Own,
    Pages,
    Template,
    place_of,
    proved_text,
    published_of,
    recorded_life,
)

NOW = datetime(2026, 3, 1, 2, tzinfo=UTC)
AT = datetime(2026, 3, 2, 3, 4, 5, 6_000, tzinfo=UTC)


def pages() -> Pages:
    sealers = {
        name: Sealer(Keyring(name, {"1": b"k" * 32}, "1")) for name in ("intake", "verification", "audit")
    }
    return Pages(Life(NOW), sealers, AT)


@pytest.mark.parametrize("n", [1, 8_421, 1_000_000])
def test_an_event_that_was_filled_in_is_the_one_that_its_aggregate_records(n: int) -> None:
    """To the letter: as it is sealed, as it is proved and as audit keeps it."""
    every = Life(NOW)
    own = Own.of(n, every.length)
    words = [*every.words(own), *place_of(77, AT)]
    for pattern, recorded in zip(every.patterns, recorded_life(life(), own, NOW), strict=True):
        placed: Recorded = replace(recorded, position=77, recorded_at=AT)
        kept = record.keep(published_of(placed))
        assert _ordered(pattern.state.filled(words)) == _ordered(orjson.dumps(data_of(placed)))
        assert pattern.proved.filled(words) == proved_text(placed)
        assert pattern.plaintext.filled(words) == kept.plaintext
        assert pattern.line.filled(words) == kept.line
        assert pattern.kept["event_at"] == kept.event_at


def _ordered(text: bytes) -> bytes:
    return orjson.dumps(orjson.loads(text), option=orjson.OPT_SORT_KEYS)


def test_the_logs_have_no_holes_and_every_complaint_is_another_one() -> None:
    """Page by page, as it is written."""
    every = pages()
    found = [every.rows(first, 3) for first in (1, 4)]
    for service, each in (("intake", len(life())), ("verification", 1)):
        columns = found[0][service, f"{service}_events"][0]
        events = [
            dict(zip(columns, row, strict=True))
            for page in found
            for row in page[service, f"{service}_events"][1]
        ]
        assert [e["notification_id"] for e in events] == list(range(1, 6 * each + 1))
        assert len({e["event_id"] for e in events}) == len(events)
        assert len({e["originator_id"] for e in events}) == 6
        assert [e["recorded_at"] for e in events] == [
            AT + timedelta(milliseconds=e["notification_id"]) for e in events
        ]
    kept = [row for page in found for row in page["audit", "ledger"][1]]
    assert len(kept) == 6 * every.life.length
    for table, count in {"streams": 12, "numbers": 12, "subjects": 18, "claims": 12}.items():
        rows = [tuple(row) for page in found for row in page["audit", table][1]]
        assert len(set(rows)) == len(rows) == count


def test_words_are_replaced_in_every_place_and_nothing_else() -> None:
    """One word may stand in several places, or in none."""
    template = Template(b"a=1, b=22, a again=1, c=3", [b"22", b"1", b"missing"])
    assert template.filled([b"x", b"yy", b"z"]) == b"a=yy, b=x, a again=yy, c=3"


def test_the_script_takes_the_steps_that_are_told() -> None:
    """Each is timed under the name that the table looks for."""
    script = SCRIPT.read_text()
    named = re.search(r"const STEPS = \[(.*?)\]", script)
    assert named is not None
    assert tuple(re.findall(r"'(\w+)'", named[1])) == STEPS
    assert sorted(re.findall(r"(?:give|told)\('(\w+)'", script)) == sorted(STEPS)
