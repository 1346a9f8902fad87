"""`python -m tests.unit.contracts.update` freezes the events as they are now.

It refuses where a change breaks what is frozen; `--reset` forgets the past and is for the time before a
release only, while nothing is stored anywhere.
"""

from __future__ import annotations

import sys

from tests.unit.contracts.golden import SCHEMAS, SERVICES, as_text, breaks, describe_service, frozen, path_of


def main(arguments: list[str]) -> int:
    """Writes one file per service that has events."""
    now = {service: describe_service(service) for service in SERVICES}
    broken = [f"{s}.{line}" for s, events in now.items() for line in breaks(frozen(s), events)]
    if broken and "--reset" not in arguments:
        print("not frozen, these changes break stored events:", *broken, sep="\n  ")
        return 1
    SCHEMAS.mkdir(exist_ok=True)
    for service, events in now.items():
        if events:
            path_of(service).write_text(as_text(events), "utf-8")
            print(f"{service}: {len(events)} events")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
