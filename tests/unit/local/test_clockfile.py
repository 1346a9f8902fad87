"""The simulated clock: stands still, moves forward, is the same for all who read it."""

from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path

import pytest

from deploy.local.clockfile import SIZE, START, ClockMovesForwardOnly, ClockReader, ClockWriter, ensure_clock


def test_a_reader_sees_each_move_at_once(tmp_path: Path) -> None:
    writer = ClockWriter(tmp_path / "clock")
    first = datetime(2022, 3, 1, 9, 30, 0, 123456, tzinfo=timezone(timedelta(hours=8)))
    writer.move_to(first)
    reader = ClockReader(tmp_path / "clock")
    assert reader.now() == first
    writer.move_to(first + timedelta(microseconds=1))
    assert reader.now() == first + timedelta(microseconds=1)


def test_it_never_moves_backwards(tmp_path: Path) -> None:
    writer = ClockWriter(tmp_path / "clock")
    writer.move_to(START)
    writer.move_to(START)
    with pytest.raises(ClockMovesForwardOnly):
        writer.move_to(START - timedelta(microseconds=1))
    assert writer.now() == START


def test_a_clock_that_stands_somewhere_stays_there(tmp_path: Path) -> None:
    later = datetime(2026, 6, 30, tzinfo=UTC)
    ensure_clock(tmp_path / "clock")
    assert ClockReader(tmp_path / "clock").now() == START
    ClockWriter(tmp_path / "clock").move_to(later)
    ensure_clock(tmp_path / "clock")
    assert ClockReader(tmp_path / "clock").now() == later


def test_the_format_of_the_file(tmp_path: Path) -> None:
    ClockWriter(tmp_path / "clock").move_to(datetime(1970, 1, 1, 0, 0, 1, tzinfo=UTC))
    assert (tmp_path / "clock").read_bytes() == (1_000_000).to_bytes(8, "little") + (1).to_bytes(8, "little")


def test_a_file_that_was_never_set_is_refused(tmp_path: Path) -> None:
    (tmp_path / "clock").write_bytes(bytes(SIZE))
    with pytest.raises(ValueError, match="not a clock file"):
        ClockReader(tmp_path / "clock")
