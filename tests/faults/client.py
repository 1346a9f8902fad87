"""A client as the services must expect it: it repeats a command under its key until the answer is final.

Some commands it sends twice at once from the beginning, as an impatient user or a proxy does; both must
get the same answer.
"""

from __future__ import annotations

import asyncio
import itertools
import random
from collections.abc import Mapping
from typing import Any

import httpx

from deploy.local.stack import Stack
from tests.faults.ledger import Acknowledged, Ledger, Refused, Sent

PATIENCE_SECONDS = 600.0
"""Seconds that anything is waited for before the run is called dead. A command waits as long as the service
that is to answer it is kept away, and the work meanwhile takes minutes on a busy machine."""
TIMEOUT_SECONDS = 3.0
"""Shorter than a service's own patience: repeats overtake first attempts that are still under way."""
LONGEST_PAUSE = 1.0
"""Seconds between two attempts. All together must leave room for those who repair: the test and its clients
are one process."""
DOUBLE_SHARE = 0.03
KEPT = 2
"""Connections that a pool keeps open."""
_NOT_FINAL = {408, 425, 429}


class NoFinalAnswer(Exception):
    """A command that nobody answered for so long that something must be stuck."""


class Client:
    """Connections through the front door, in the name of seeded people."""

    def __init__(
        self,
        stack: Stack,
        ledger: Ledger,
        people: Mapping[str, str],
        connections: int,
        timeout: float = TIMEOUT_SECONDS,
    ) -> None:
        """`people`: user name -> access token. Seconds of `timeout` after which it asks again."""
        self.ledger = ledger
        self._stack = stack
        self._people = people
        self._random = random.Random(20220301)
        # One pool looks at all its connections for every request: many small ones cost a third of one large.
        limits = httpx.Limits(max_connections=None, max_keepalive_connections=KEPT)
        self._pools = [
            httpx.AsyncClient(base_url=stack.front_url, timeout=timeout, limits=limits, trust_env=False)
            for _ in range(-(-connections // KEPT))
        ]
        self._turns = itertools.cycle(self._pools)

    async def close(self) -> None:
        for pool in self._pools:
            await pool.aclose()

    async def send(
        self,
        service: str,
        command: str,
        path: str,
        body: dict[str, Any],
        *,
        who: str,
        key: str,
        version: int | None = None,
    ) -> Acknowledged | Refused:
        """Sends a command until its answer is final, and enters that in the ledger."""
        sent = Sent(service, command, person_of(who), key)
        attempts = 2 if self._random.random() < DOUBLE_SHARE else 1
        answers = await asyncio.gather(
            *(self._until_final(sent, path, body, who, version) for _ in range(attempts))
        )
        first = answers[0]
        told = first.json()
        for other in answers[1:]:
            if other.status_code != first.status_code or other.json() != told:
                self.ledger.contradictions.append(f"{sent}: {first.text} / {other.text}")
        if first.is_success:
            return self.ledger.accept(sent, told)
        return self.ledger.refuse(sent, first.status_code, told["code"], str(told["details"]))

    async def read(self, path: str, who: str) -> dict[str, Any] | None:
        """The case as a member of staff reads it; None where nothing is to be seen."""
        answer = await self._repeat("GET", path, None, self._headers(who))
        return answer.json() if answer.is_success else None

    async def _until_final(
        self, sent: Sent, path: str, body: dict[str, Any], who: str, version: int | None
    ) -> httpx.Response:
        headers = self._headers(who) | {"idempotency-key": sent.key}
        if version is not None:
            headers["if-match"] = f'"{version}"'
        return await self._repeat("POST", f"/{sent.service}{path}", body, headers)

    async def _repeat(self, method: str, url: str, body: Any, headers: dict[str, str]) -> httpx.Response:
        loop = asyncio.get_running_loop()
        until = loop.time() + PATIENCE_SECONDS
        pause = 0.05
        while True:
            try:
                answer = await next(self._turns).request(method, url, json=body, headers=headers)
            except httpx.TransportError as error:
                what = type(error).__name__
            else:
                if answer.status_code < 500 and answer.status_code not in _NOT_FINAL:
                    return answer
                what = self._not_final(answer, url)
            self.ledger.repeats[what] += 1
            if loop.time() > until:
                raise NoFinalAnswer(f"{method} {url}: {what}")
            await asyncio.sleep(pause * self._random.uniform(0.5, 1.5))
            pause = min(2 * pause, LONGEST_PAUSE)

    def _not_final(self, answer: httpx.Response, url: str) -> str:
        try:
            code = answer.json()["code"]
        except (ValueError, KeyError, TypeError):
            code = "front door"
        if answer.status_code == 500:
            self.ledger.contradictions.append(f"{url}: 500 {code}")
        return f"{answer.status_code} {code}"

    def _headers(self, who: str) -> dict[str, str]:
        return {"authorization": f"Bearer {self._people[who]}"}


def person_of(username: str) -> str:
    """The `sub` of a seeded person, as people.json gives it."""
    role, _, organ = username.partition("@DI-")
    organ, _, second = organ.partition("#")
    if not organ:
        return f"p-{role}"
    return f"p-{organ}-{role}" + (f"-{second}" if second else "")
