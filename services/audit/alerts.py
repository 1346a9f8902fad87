"""The alerts of all services and of audit itself: who hears of each, by when it must be closed, and its end.

An alert is what it was when it was raised: an event of the service that raised it, or a record of the access
log where audit did. Its end is a record of the access log, so that it stands in a signed tree like the alert;
whether one is open, late, and whose it is now follows from the two and from the calendar (ADR 42).

The internal supervision of the organ of the person who gave rise to it must close it; where that person is
the organ's head, or of internal supervision themselves, that of the organ above; from the county up, since
the townships have none. What was not closed in time is work of the organ above that one too, and every organ
above may close it.
"""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from hashlib import blake2b, sha256
from typing import Any, NamedTuple
from uuid import UUID

import orjson
from pydantic import AwareDatetime

from services.audit.access import ALERT, Access, AccessLog
from services.audit.cases import EXCLUDED
from services.audit.database import using
from services.audit.tables import ACCESS, CLOSED, CLOSING, SERVICE
from shared.casework.aggregate import Law
from shared.casework.command import Token
from shared.casework.gate import Screen
from shared.casework.http.query import Count
from shared.casework.screen import Asker
from shared.kernel.clock import Clock
from shared.kernel.store.reading import Readers
from shared.kernel.store.sealing import Sealer
from shared.language.alerts import BULK_READING, SEVERITIES, rank_of, severity_of
from shared.language.contracts.common import AlertOutcome
from shared.language.ids import random_id
from shared.language.law.identifiers import tells_personal_number
from shared.language.law.working_days import add_working_days, end_of_local_day, local_date
from shared.language.organs.tree import Level, OrganTree
from shared.language.refusal import Refusal, refuse
from shared.language.roles import INTERNAL_SUPERVISOR, WATCHED_FROM_ABOVE

PERIOD = "alert.close.working_days"
LEAK = "E_TEXT_IDENTITY_LEAK"
OWN = (BULK_READING, LEAK)
"""The codes of the alerts that audit raises itself."""
# ruff: noqa: S608 -- the words are our own
_RANKS = " ".join(f"WHEN '{code}' THEN {rank_of(severity_of(code))}" for code in OWN)
_HEADS = ", ".join(f"'{role}'" for role in sorted(WATCHED_FROM_ABOVE))
_ALL = f"""
    SELECT id, service, raised_at, person, role, organ, from_above, code, object, severity, about FROM alerts
    UNION ALL
    SELECT about, '{ACCESS}', at, who, role, organ, role IN ({_HEADS}), action, object,
        CASE action {_RANKS} END, ARRAY[about]
    FROM access_log WHERE outcome = '{ALERT}'
    """
_ENDED = f"""
    LEFT JOIN access_log c ON c.about = a.id AND c.action = '{CLOSING}' AND c.outcome = '{CLOSED}'
    """
# What nobody of an organ did is every province's, and the cities see it.
_SIGHT = f"""
    WITH told AS (
        SELECT a.*, c.id IS NULL AS open, c.id IS NULL AND a.raised_at < $3 AS late,
            c.at AS closed_at, c.who AS closed_by, c.organ AS closed_in, c.object AS outcome,
            c.sealed AS words, c.as_of AS key,
            a.organ = ANY(CASE WHEN a.from_above THEN $5::text[] ELSE $4::text[] END) AS ours,
            a.organ = ANY(CASE WHEN a.from_above THEN $7::text[] ELSE $6::text[] END) AS below,
            {EXCLUDED.format(stream="ANY(a.about)", person=2)} AS excluded
        FROM ({_ALL}) a {_ENDED}
        WHERE a.person <> $2 AND a.object <> $2
            AND (starts_with(a.organ, $1) AND NOT (a.from_above AND a.organ = $1 AND a.organ <> ALL($5))
                OR a.organ = '' AND '' = ANY($8::text[]))
    )
    """
_LIST = f"""
    {_SIGHT}
    SELECT * FROM told
    WHERE NOT excluded AND ($9::boolean IS NULL OR open = $9) AND ($10::integer IS NULL OR severity = $10)
        AND (NOT $11 OR ours OR late AND below) AND (NOT $12 OR late)
        AND (open::integer, severity, raised_at, id) < ($13, $14, $15, $16)
    ORDER BY open DESC, severity DESC, raised_at DESC, id DESC LIMIT $17
    """
_ONE = f"{_SIGHT} SELECT * FROM told WHERE id = $9"
_LATE = f"SELECT count(*) FROM ({_ALL}) a {_ENDED} WHERE c.id IS NULL AND a.raised_at < $1"
_MATTERS = """
    SELECT matter FROM matters WHERE stream = ANY($1::uuid[])
    UNION SELECT stream FROM streams WHERE stream = ANY($1::uuid[]) AND kind <> 'AuditRecord'
    """


class Place(NamedTuple):
    """The place of an alert in the list: open ones first, then the gravest, then the newest."""

    open: Count
    severity: Count
    raised_at: AwareDatetime
    id: UUID


BEGIN = Place(2, 0, datetime.max.replace(tzinfo=UTC), UUID(int=0))


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """The alerts that a list is narrowed to."""

    open: bool | None = None
    severity: int | None = None
    ours: bool = False
    late: bool = False


class Sight(NamedTuple):
    """An organ, and the organs of whose people it must close the alerts: itself, or the organ below it, once
    they are late. Of either those that are told to the organ above stand apart."""

    organ: str
    ours: Sequence[str]
    ours_from_above: Sequence[str]
    below: Sequence[str]
    below_from_above: Sequence[str]
    seen: Sequence[str]


class Owners:
    """The organ whose internal supervision must close an alert, by the organ tree."""

    def __init__(self, organs: OrganTree) -> None:
        self._organs = organs
        self._of: dict[tuple[str, bool], list[str]] = defaultdict(list)
        for organ in organs:
            for from_above in (False, True):
                self._of[self.of(organ.code, from_above), from_above].append(organ.code)

    def of(self, organ: str, from_above: bool) -> str:
        """The owner of an alert about somebody of an organ; empty where they are of none."""
        if organ not in self._organs:
            return ""
        above = self._organs.get(organ).parent if from_above else None
        return self._organs.ancestor_or_self(above or organ, Level.COUNTY).code

    def sight(self, code: str) -> Sight:
        """The part of all alerts that internal supervision of an organ sees, and closes."""
        organ = self._organs.get(code)
        nobodys = [""] if organ.parent is None else []
        below = self._organs.directly_below(code)
        return Sight(
            code,
            [*self._of[code, False], *nobodys],
            [*self._of[code, True], *nobodys],
            [one for each in below for one in self._of[each, False]],
            [one for each in below for one in self._of[each, True]],
            [""] if organ.level >= Level.CITY else [],
        )


class Alerts:
    """The reading and the closing of alerts."""

    def __init__(
        self, readers: Readers, engine: Any, access: AccessLog, sealer: Sealer, clock: Clock, law: Law
    ) -> None:
        self._readers = readers
        self._engine = engine
        self._access = access
        self._sealer = sealer
        self._clock = clock
        self._law = law
        self._owners = Owners(law.organs)
        self._one_at_a_time = asyncio.Lock()

    @property
    def _days(self) -> int:
        return self._law.policy.int_of(PERIOD)

    def _late_before(self) -> datetime:
        """The instant before which an alert was raised that ought to be closed by now."""
        today = local_date(self._clock.now())
        day = today - timedelta(days=1)
        while self._due(day) >= today:
            day -= timedelta(days=1)
        return end_of_local_day(day)

    def _due(self, raised_on: date) -> date:
        return add_working_days(raised_on, self._days).date

    def _asked(self, token: Token) -> tuple[Any, ...]:
        organ, *owned = self._owners.sight(token.organ)
        return (organ, token.person, self._late_before(), *owned)

    async def late(self) -> int:
        """The number of alerts that ought to be closed by now."""
        async with using(self._engine) as driver:
            return int(await driver.fetchval(_LATE, self._late_before()))

    async def list(self, token: Token, wanted: Wanted, behind: Place, limit: int) -> list[dict[str, Any]]:
        """A page of the alerts that a person of internal supervision sees."""
        narrowed = (wanted.open, wanted.severity, wanted.ours, wanted.late)
        async with self._readers.using() as driver:
            rows = await driver.fetch(_LIST, *self._asked(token), *narrowed, *behind, limit)
        return [self._told(row) for row in rows]

    def _told(self, row: Mapping[str, Any]) -> dict[str, Any]:
        names = ("id", "service", "raised_at", "person", "role", "organ", "code", "object")
        return {
            **{name: row[name] for name in names},
            "severity": SEVERITIES[len(SEVERITIES) - row["severity"]],
            "state": "OPEN" if row["open"] else "CLOSED",
            "owner": self._owners.of(row["organ"], row["from_above"]),
            "due": self._due(local_date(row["raised_at"])),
            "late": row["late"],
            **{name: row[name] for name in ("closed_at", "closed_by", "closed_in", "outcome")},
        }

    async def read(self, token: Token, id: UUID) -> dict[str, Any]:
        """One alert, with the words of whoever closed it; on record (SEC-9). Raises Refusal."""
        async with self._readers.using() as driver:
            row = await driver.fetchrow(_ONE, *self._asked(token), id)
        found = row is not None and not row["excluded"]
        await self._note(token, "alert", id, outcome="told" if found else "E_NOT_FOUND")
        if row is None or not found:
            refuse("E_NOT_FOUND")
        return {**self._told(row), "done": self._words(row)}

    def _words(self, row: Mapping[str, Any]) -> str | None:
        if row["open"]:
            return None
        words: str = orjson.loads(self._sealer.open(row["words"], row["id"], 1, SERVICE))
        return words

    async def close(
        self, token: Token, id: UUID, outcome: AlertOutcome, done: str, key: str | None, screen: Screen
    ) -> dict[str, Any]:
        """Closes an alert, once. The same call under the same key is answered as at first. Raises Refusal,
        which is on record."""
        told = "" if key is None else sha256(f"{token.person}\n{key}".encode()).hexdigest()
        try:
            async with using(self._engine) as driver:
                row = await self._closable(driver, token, id, told)
                if row["open"]:
                    matters = [str(matter) for (matter,) in await driver.fetch(_MATTERS, row["about"])]
            if row["open"]:
                await self._check_words(token, id, done, matters, screen)
                row = await self._end(token, id, outcome, done, told)
            if (row["outcome"], self._words(row)) != (outcome, done):
                refuse("E_IDEMPOTENCY_MISMATCH", "B47")
        except Refusal as refusal:
            await self._note(token, CLOSING, id, outcome=refusal.code)
            raise
        return self._told(row)

    async def _closable(self, driver: Any, token: Token, id: UUID, key: str) -> Any:
        """The alert, if this person may close it, or has closed it under this key."""
        row = await driver.fetchrow(_ONE, *self._asked(token), id)
        if row is None:
            refuse("E_NOT_FOUND")
        if row["excluded"]:
            refuse("E_RECUSAL", "B2")
        if not row["open"]:
            if not key or row["key"] != key:
                refuse("E_STATE", "B47", state="CLOSED")
            return row
        owner = self._owners.of(row["organ"], row["from_above"])
        above = self._law.organs.is_ancestor_or_self(token.organ, owner)
        if not (row["ours"] or (row["late"] and above)):
            refuse("E_FORBIDDEN_ROLE", "B47", allowed=[INTERNAL_SUPERVISOR], required_organ=owner)
        return row

    async def _check_words(
        self, token: Token, id: UUID, done: str, matters: Sequence[str], screen: Screen
    ) -> None:
        """Refuses words that tell of a reporter (SEC-12), and tells the organ above of who typed them."""
        if tells_personal_number(done):
            refuse(LEAK, "B21", fields=["done"], reason="number")
        verdict = await screen.asked(Asker(token.person, token.organ), matters, [done])
        if verdict.alert:
            await self._note(token, LEAK, random_id(), outcome=ALERT, object=str(id))
        if verdict.leak:
            reason = {"reason": verdict.reason} if verdict.reason else {}
            refuse(LEAK, "B54" if reason else "SEC-12", fields=["done"], **reason)

    async def _end(self, token: Token, id: UUID, outcome: AlertOutcome, done: str, key: str) -> Any:
        """Writes the end, if there is none yet: one process at a time looks and writes."""
        async with self._one_at_a_time, using(self._engine) as driver, driver.transaction():
            await driver.execute("SELECT pg_advisory_xact_lock($1)", _lock(id))
            row = await self._closable(driver, token, id, key)
            if row["open"]:
                sealed = self._sealer.seal(orjson.dumps(done), id, 1, SERVICE)
                said = {"object": outcome, "as_of": key, "sealed": sealed}
                await self._note(token, CLOSING, id, outcome=CLOSED, **said)
                row = await driver.fetchrow(_ONE, *self._asked(token), id)
            return row

    async def _note(self, token: Token, action: str, about: UUID, *, outcome: str, **said: Any) -> None:
        said = {"object": "", "role": INTERNAL_SUPERVISOR, **said}
        who, organ = token.person, token.organ
        await self._access.add(
            Access(who=who, organ=organ, action=action, about=about, outcome=outcome, **said)
        )


def _lock(id: UUID) -> int:
    digest = blake2b(b"zhengming.audit.alert" + id.bytes, digest_size=8).digest()
    return int.from_bytes(digest, "big", signed=True)
