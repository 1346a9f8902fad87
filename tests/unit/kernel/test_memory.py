"""A service keeps its memory to itself: no core file, and nobody of the same user reads it (SEC-6)."""

from __future__ import annotations

import json
import os
import subprocess
import sys

import pytest

SERVICES = ("intake", "verification", "clarification", "followup", "audit")
STARTS = """
import ctypes, importlib, json, resource, sys

resource.setrlimit(resource.RLIMIT_CORE, (resource.getrlimit(resource.RLIMIT_CORE)[1],) * 2)
module = importlib.import_module(f"services.{sys.argv[1]}.main")
before = ctypes.CDLL(None).prctl(3, 0, 0, 0, 0)
sys.argv = ["main", "serve"]


def settings(*args, **named):
    now = ctypes.CDLL(None).prctl(3, 0, 0, 0, 0)
    print(json.dumps([before, now, resource.getrlimit(resource.RLIMIT_CORE)]))
    raise SystemExit


from shared.kernel.settings import Settings
Settings.from_env = settings
module.main(*([module.service()] if hasattr(module, "service") else []))
"""


@pytest.mark.parametrize("service", SERVICES)
def test_a_service_keeps_its_memory_to_itself(service: str) -> None:
    """Before it reads a setting or a key."""
    done = subprocess.run(
        [sys.executable, "-c", STARTS, service],
        capture_output=True,
        text=True,
        check=True,
        env={"PATH": os.environ.get("PATH", os.defpath)},
    )
    assert json.loads(done.stdout) == [1, 0, [0, 0]]
