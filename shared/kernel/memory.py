"""Keeps the keys that a process holds to that process."""

from __future__ import annotations

import ctypes
import resource

PR_SET_DUMPABLE = 4


def keep_to_itself() -> None:
    """Sees to it that no core file is ever written, and that no other process of the same user reads memory
    or environment of this one or traces it. Root still may. Elsewhere than on Linux only the first holds."""
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    if (prctl := getattr(ctypes.CDLL(None), "prctl", None)) is not None:
        prctl(PR_SET_DUMPABLE, 0, 0, 0, 0)
