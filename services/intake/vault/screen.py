"""The narrow screen (SEC-12, SEC-16): would this text reveal who reported, or guess at it?

It answers yes or no and stores nothing. What it looks for, and in which spellings, stands in `spelling`.
"""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from uuid import UUID

from services.intake.vault.spelling import normal, reveals
from services.intake.vault.store import Vault

REPORTER = r"(举报人|检举人|控告人|检举控告人|反映人|写信人|写信者|举报者|信访人)"
GUESSES = tuple(
    re.compile(p)
    for p in (
        REPORTER + r"(就?是|系|为|可能|应该|应当|估计|疑似|或许|大概|极可能|姓|叫|名叫|住)",
        r"(可能|应该|估计|疑似|八成|多半|大概|肯定)(就)?是?.{0,24}(举报|检举|写的信|写信|告的|寄的)",
        r"(谁|(?<!任)何人|什么人|哪个|哪位|哪一个|哪户|哪家).{0,12}(举报|检举|写的|写信|寄的|告的|反映的)",
        r"(举报|检举|写信|寄信|匿名信).{0,12}(是谁|(?<!任)何人|什么人|哪个人|哪位|哪户|出自谁)",
        r"(笔迹|字迹|邮戳|口音|语气|IP地址).{0,16}(像|似|对比|比对|一致|吻合|看出)",
        r"(怀疑|猜测|推测|断定).{0,24}(举报|检举|写信|写的|告的)",
    )
)
"""Guesses about who reported must not be typed anywhere, right or wrong (SEC-16)."""


def guesses(text: str) -> bool:
    """Whether the text speculates about who reported."""
    plain = normal(text)
    return any(p.search(plain) for p in GUESSES)


@dataclass(frozen=True)
class Concerned:
    """All complaints about the same accused, duplicates and later ones included, and the accused's places."""

    complaints: frozenset[UUID]
    places: tuple[str, ...] = ()


Widen = Callable[[frozenset[UUID]], Awaitable[Concerned]]


async def _only_these(complaints: frozenset[UUID]) -> Concerned:
    return Concerned(complaints)


class VaultScreen:
    """The screen beside the vault; the other services ask it over NATS."""

    def __init__(self, vault: Vault, widen: Widen = _only_these) -> None:
        self._vault = vault
        self._widen = widen

    async def leaks(self, complaints: Sequence[str], texts: Sequence[str]) -> bool:
        """Whether any of the texts would reveal, or guesses at, a reporter of these complaints."""
        if any(guesses(t) for t in texts):
            return True
        if not complaints:
            return False
        concerned = await self._widen(frozenset(UUID(c) for c in complaints))
        reporters = await self._vault.reporters(sorted(concerned.complaints))
        # All texts of one command as one: a name or number may be spread over its fields.
        return reveals("\n".join(texts), reporters, concerned.places)
