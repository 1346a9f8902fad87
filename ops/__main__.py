"""`zhengming SERVICE COMMAND`, `zhengming keys …`, `zhengming backup …`; in a checkout `python -m ops`.

A service's commands run in its environment, and with its rights; docs/operating.md says which one helps
against what.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from importlib import import_module

from shared.kernel.settings import AUDIT, PUBLISHERS

USAGE = f"""usage: zhengming SERVICE COMMAND …   SERVICE: {", ".join((*PUBLISHERS, AUDIT))}
       zhengming keys COMMAND …      make and rotate the keys of the services and of the broker's users
       zhengming backup COMMAND …    take, check and put back a backup of a PostgreSQL server

Each has --help."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Hands the rest of the command line to whom its first word names; returns the exit status."""
    first, *rest = (sys.argv[1:] if arguments is None else arguments) or [""]
    if first in ("keys", "backup"):
        return int(import_module(f"ops.{first}").main(rest))
    if first == AUDIT:
        return int(import_module("services.audit.main").main(rest))
    if first in PUBLISHERS:
        from shared.casework.service import main as run

        return run(import_module(f"services.{first}.main").service(), rest)
    asked = first in ("-h", "--help")
    print(USAGE, file=sys.stdout if asked else sys.stderr)
    return 0 if asked else 2


if __name__ == "__main__":
    sys.exit(main())
