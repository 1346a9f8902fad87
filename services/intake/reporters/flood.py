"""Defends against floods without asking callers who they are: a little work before each submission (SEC-6).

A challenge is a signed instant; a caller who finds a number that makes the digest begin with enough zero bits
has spent the time that the difficulty asks for. Spent challenges are remembered until they expire, by all
processes of intake together and in no backup; under load of its process the difficulty rises.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import os
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Protocol

from sqlalchemy.ext.asyncio import AsyncEngine

from shared.kernel.store.driver import borrowed
from shared.language.refusal import refuse

LIFE_SECONDS = 600
SWEEP_SECONDS = 60
BUSY = 50
"""Submissions within ten seconds from which the work doubles, and doubles again."""

LAGGING = 2
"""Bits by which a proof may be easier than the present difficulty, which may have risen since its challenge
was issued."""


def zero_bits(digest: bytes) -> int:
    """Number of bits of a digest that are zero from its beginning."""
    return len(digest) * 8 - int.from_bytes(digest, "big").bit_length()


def solve(challenge: str, difficulty: int) -> int:
    """Finds the number, as an app of a reporter does."""
    number = 0
    while zero_bits(hashlib.sha256(f"{challenge}.{number}".encode()).digest()) < difficulty:
        number += 1
    return number


class Spent(Protocol):
    """The challenges that were spent."""

    async def spend(self, challenge: str, expires: float, now: float) -> bool:
        """True if nobody has spent it before."""
        ...


class SpentProofs:
    """The spent proofs, by digest, in intake's database: two processes do not take one proof twice. The table
    is unlogged: no backup and no copy of the database holds when somebody reported, and after a crash of the
    server a proof of the last ten minutes may be spent again."""

    def __init__(self, engine: AsyncEngine) -> None:
        self._engine = engine
        self._swept = 0.0

    async def spend(self, challenge: str, expires: float, now: float) -> bool:
        digest = hashlib.sha256(challenge.encode()).digest()
        async with borrowed(self._engine) as driver:
            if now - self._swept > SWEEP_SECONDS:
                self._swept = now
                await driver.execute(_SWEEP, now)
            return await driver.fetchval(_SPEND, digest, expires) is not None


_SPEND = """
    INSERT INTO spent_proofs (digest, expires) VALUES ($1, $2) ON CONFLICT DO NOTHING RETURNING true
    """
_SWEEP = """
    DELETE FROM spent_proofs WHERE digest IN (
        SELECT digest FROM spent_proofs WHERE expires < $1 FOR UPDATE SKIP LOCKED)
    """


@dataclass
class Flood:
    """Gives out challenges and takes the proofs."""

    secret: bytes
    difficulty: int
    spent: Spent
    now: Callable[[], float] = time.time
    _lately: list[float] = field(default_factory=list)

    def challenge(self) -> dict[str, object]:
        """A fresh challenge; nothing is stored for it."""
        difficulty = self._difficulty_now()
        body = f"{int(self.now()) + LIFE_SECONDS}.{difficulty}.{os.urandom(12).hex()}"
        return {
            "challenge": f"{body}.{self._sign(body)}",
            "difficulty": difficulty,
            "expires_in": LIFE_SECONDS,
        }

    async def check(self, proof: str) -> None:
        """Takes a proof `<challenge>.<number>`, once. Refuses with E_PROOF_OF_WORK (429)."""
        challenge, _, number = proof.rpartition(".")
        body, _, signature = challenge.rpartition(".")
        parts = body.split(".")
        if len(parts) != 3 or not hmac.compare_digest(signature.encode(), self._sign(body).encode()):
            refuse("E_PROOF_OF_WORK", "SEC-6", reason="no challenge of ours")
        now = self.now()
        if int(parts[0]) < now:
            refuse("E_PROOF_OF_WORK", "SEC-6", reason="expired")
        # Easy ones that were fetched in calm and kept are not taken in a flood.
        asked = max(int(parts[1]), self._difficulty_now() - LAGGING)
        if zero_bits(hashlib.sha256(f"{challenge}.{number}".encode()).digest()) < asked:
            refuse("E_PROOF_OF_WORK", "SEC-6", reason="not solved")
        if not await self.spent.spend(challenge, float(parts[0]), now):
            refuse("E_PROOF_OF_WORK", "SEC-6", reason="used")
        self._lately.append(now)

    def _difficulty_now(self) -> int:
        now = self.now()
        self._lately = [t for t in self._lately if t > now - 10]
        return self.difficulty + (len(self._lately) // BUSY).bit_length()

    def _sign(self, body: str) -> str:
        digest = hmac.digest(self.secret, b"challenge " + body.encode(), "sha256")
        return base64.urlsafe_b64encode(digest[:18]).decode()
