"""The common ground of the vault's own cases: they are the petition department's, and nobody else's."""

from __future__ import annotations

from typing import Annotated, ClassVar
from uuid import UUID

from pydantic import StringConstraints

from shared.casework.aggregate import Context, Law
from shared.casework.case import Case
from shared.casework.preparation import Deposit
from shared.language.refusal import refuse
from shared.language.roles import PETITION, PETITION_HEAD
from shared.language.text import Seen

Personal = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=4000), Seen]
"""Prose about a reporter (L3): sealed as it is, so no screen needs to read it."""

SEALED: Deposit[str] = Deposit("sealed")
"""The command's words, under the key of the complaint."""


class VaultCase(Case):
    """A case about one complaint's reporter."""

    service = "vault"
    kept_within: ClassVar[bool] = True

    def __init__(self, id: UUID) -> None:
        super().__init__(id)
        self.complaint = ""

    def assigners(self, law: Law) -> set[str]:
        """The organs whose petition head may assign."""
        return {self.organ}

    def _may_assign(self, ctx: Context, role: str) -> None:
        """Lets the petition department's head assign people of that department. For everybody else there is
        nothing here."""
        assigners = self.assigners(ctx.law) | set(self.acting.values())
        by_head = ctx.actor.role == PETITION_HEAD and ctx.actor.organ in assigners
        if not by_head or role not in PETITION:
            refuse("E_NEED_TO_KNOW")
