"""Verification's composition root."""

from __future__ import annotations

from services.verification.commands import COMMANDS
from services.verification.contract import LISTENS_TO, SERVICE
from services.verification.reactions import REACTIONS
from shared.service import Service, main


def service() -> Service:
    """Verification, as the kernel assembles it."""
    return Service(
        name=SERVICE,
        title="zhengming verification (核查)",
        commands=COMMANDS,
        reactions=REACTIONS,
        listens_to=LISTENS_TO,
    )


if __name__ == "__main__":
    main(service())
