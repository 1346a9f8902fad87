"""A refusal is a normal answer: a code, the rule it carries out, and a sentence in two languages.

The catalogue is §8.8; `status` is 409 for a rule, 422 for a payload or a text that is screened, 403 for
who may act, 404 for what must not be seen to exist.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, NoReturn

from shared.language.catalogue import CATALOGUE


@dataclass(eq=False)
class Refusal(Exception):
    """The reason why a command was not carried out. Raised by the gate and by aggregates; it leaves an audit
    record and no domain event."""

    code: str
    rule: str = ""
    details: dict[str, Any] = field(default_factory=dict)

    def __str__(self) -> str:
        return f"{self.code} ({self.rule})" if self.rule else self.code

    @property
    def status(self) -> int:
        return CATALOGUE[self.code].status

    @property
    def shown_code(self) -> str:
        """The code that the caller may learn: a case that they must not know of is simply not found."""
        return "E_NOT_FOUND" if self.status == 404 else self.code


def refuse(code: str, rule: str = "", **details: Any) -> NoReturn:
    """Refuses with a code of the catalogue. `details` may hold ids, numbers and field names only."""
    if code not in CATALOGUE:
        raise KeyError(f"{code} is not in the refusal catalogue")
    raise Refusal(code, rule, details)
