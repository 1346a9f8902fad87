"""The legal day on a machine that has no time zones of its own, as slim images are."""

from __future__ import annotations

import os
import subprocess
import sys

TOLD = (
    "from datetime import UTC, datetime\n"
    "from shared.language.law.working_days import local_date\n"
    "print(local_date(datetime(2026, 11, 29, 16, tzinfo=UTC)))"
)


def test_05_the_legal_day_needs_no_zones_of_the_system() -> None:
    """`PYTHONTZPATH` is where Python looks for them: nowhere."""
    env = {**os.environ, "PYTHONTZPATH": ""}
    ran = subprocess.run([sys.executable, "-c", TOLD], env=env, capture_output=True, text=True, check=False)
    assert (ran.stdout.strip(), ran.stderr) == ("2026-11-30", "")
