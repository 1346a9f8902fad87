"""Tells how it stands: as a process of its own that owes nothing to whoever started it."""

import json
import os
import random
import signal
import sys
import threading
from pathlib import Path

from shared.kernel import failpoint
from shared.language.entropy import fresh


def descriptors() -> dict[str, str]:
    found = {}
    for name in os.listdir("/proc/self/fd"):
        path = Path("/proc/self/fd") / name
        if path.exists():  # the listing itself had one
            found[name] = os.readlink(path)
    return found


def main() -> None:
    standing = {
        "name": __name__,
        "file": sys.modules["__main__"].__file__,
        "args": sys.argv,
        "path": sys.path,
        "environment": dict(os.environ),
        "folder": os.getcwd(),
        "leads": os.getsid(0) == os.getpgid(0) == os.getpid(),
        "threads": threading.active_count(),
        "signals": {n: str(signal.getsignal(n)) for n in sorted(signal.valid_signals())},
        "blocked": sorted(signal.pthread_sigmask(signal.SIG_BLOCK, [])),
        "umask": os.umask(0o77),
        "input": sys.stdin.read(),
        "descriptors": descriptors(),
    }
    chance = [fresh(8).hex(), random.random(), os.urandom(8).hex()]
    print(json.dumps([standing, chance]))
    failpoint.hit("probe")
    match sys.argv[1]:
        case "exit":
            sys.exit(3)
        case "fail":
            raise RuntimeError("the probe was told to fail")
        case "wait":
            signal.pause()


if __name__ == "__main__":
    main()
