"""Places where a test may stop the process dead, to prove that nothing acknowledged is lost.

`ZM_FAILPOINT="store.after_commit:37"` ends the process, as a kill -9 would, at the 37th pass of that
point; several are separated by commas. Unset, a point costs one look at an empty dict. A process of any
profile but development refuses to start with it.
"""

from __future__ import annotations

import os
from collections.abc import Mapping

EXIT_CODE = 137
"""The exit status that a shell shows for a process ended by SIGKILL."""

_armed: dict[str, int] = {}


def arm(environment: Mapping[str, str]) -> None:
    """Reads the points to stop at; replaces those known before."""
    _armed.clear()
    setting = environment.get("ZM_FAILPOINT", "")
    if not setting:
        return
    if environment.get("ZM_PROFILE", "") != "development":
        raise RuntimeError("ZM_FAILPOINT is set, and the profile is not that of development")
    for part in setting.split(","):
        name, _, count = part.strip().partition(":")
        _armed[name] = int(count or 1)


def hit(name: str) -> None:
    """Passes a point; does not return from the armed pass."""
    if not _armed or name not in _armed:
        return
    _armed[name] -= 1
    if _armed[name] <= 0:
        os._exit(EXIT_CODE)


arm(os.environ)
