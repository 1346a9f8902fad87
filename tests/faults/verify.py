"""`verify_all`: holds everything that is stored against what the client was told.

The invariants are those of the fault plan: I1 what was acknowledged exists; I2 no command twice; I3 streams
without holes; I4 one order; I5 every effect exactly once and in order; I6 positions, read models, numbers
and events agree; I7 the bus is a copy of the store; I11 nothing lags behind for good.
"""

from __future__ import annotations

import asyncio
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Iterator
from typing import Any
from uuid import UUID

from shared.casework.readmodel import BESIDE
from shared.casework.staff import DIRECTORY_ID
from shared.kernel.clock import FileClock
from shared.language.contracts import clarification, followup, intake, verification
from shared.language.event import event_class
from shared.language.ids import derived_id
from shared.language.law.working_days import local_date
from tests.faults.breakable import BreakableStack
from tests.faults.client import PATIENCE_SECONDS
from tests.faults.journeys import EVENTS
from tests.faults.ledger import Ledger
from tests.faults.picture import SOURCES, Observatory, Picture, Published, ServicePicture, Stored

MOST_TOLD = 12
CONTRACTS = (intake, verification, clarification, followup)
"""Imported, so that the class of every event is known."""


class Violation(AssertionError):
    """An invariant that does not hold."""


async def rest(stack: BreakableStack) -> None:
    """I11: waits until relays, inboxes, projections and schedulers have nothing left to do."""
    today = local_date(FileClock(stack.data.clock).now())
    loop = asyncio.get_running_loop()
    until = loop.time() + PATIENCE_SECONDS
    behind: dict[str, int] = {}
    async with Observatory(stack).watch() as watch:
        quiet, before = 0, dict[str, int]()
        while quiet < 2:
            if loop.time() > until:
                raise Violation(f"I11 still behind after {PATIENCE_SECONDS:.0f} s: {behind}")
            await asyncio.sleep(0.1)
            heads = await watch.heads()
            behind = await watch.lags(heads, today)
            quiet = 0 if behind else quiet + 1 if heads == before else 1
            before = heads


async def verify_all(
    stack: BreakableStack,
    ledger: Ledger,
    *,
    observatory: Observatory | None = None,
    damaged: Iterable[str] = (),
) -> Picture:
    """Waits for rest, then checks all invariants; raises one `Violation` that names what it found.

    `damaged`: services into whose stream a test itself wrote, where repeats and holes are its own work.
    """
    await rest(stack)
    picture = await (observatory or Observatory(stack)).look()
    today = local_date(FileClock(stack.data.clock).now())
    found = list(violations(picture, ledger, frozenset(damaged)))
    found += _deadlines(picture, today)
    ledger.contradictions.clear()  # told once, to the test in which they came about
    if found:
        more = f"\n… and {len(found) - MOST_TOLD} more" if len(found) > MOST_TOLD else ""
        raise Violation("\n".join(found[:MOST_TOLD]) + more)
    return picture


def violations(picture: Picture, ledger: Ledger, damaged: frozenset[str]) -> Iterator[str]:
    """The invariants that do not hold in a picture of a house at rest."""
    yield from ledger.contradictions
    for name, service in picture.services.items():
        yield from _commands(name, service, ledger)
        yield from _streams(name, service)
        yield from _order(name, service)
        yield from _read_models(name, service)
        yield from _numbers(name, service)
        yield from _copy(name, service, name in damaged)
    yield from _positions(picture)
    yield from _effects(picture, ledger)
    yield from _audit(picture)
    yield from _parked(picture, ledger)


# --- I1, I2: the ledger --------------------------------------------------------------------------


def _commands(name: str, service: ServicePicture, ledger: Ledger) -> Iterator[str]:
    events = defaultdict(list)
    for event in service.events:
        if event.command_id is not None:
            events[event.command_id].append(event)
    acknowledged = {a.sent.id(service.secret): a for a in ledger.acknowledged if a.sent.service == name}
    for id, entry in acknowledged.items():
        what = f"{name} {entry.sent.command} {entry.sent.key}"
        stored, brought = service.commands.get(id), events.get(id, [])
        if stored is None or not brought:
            yield f"I1 acknowledged but not there: {what}"
            continue
        if {name: value for name, value in stored.answer.items() if name != "position"} != entry.answer:
            yield f"I1 answered {entry.answer}, stored {stored.answer}: {what}"
        last = (UUID(entry.answer["id"]), entry.answer["version"])
        if last not in {(e.stream, e.version) for e in brought}:
            yield f"I1 no event at the version that was acknowledged: {what}"
        if stored.answer["position"] != brought[-1].position:
            yield f"I1 no event at the position of the answer: {what}"
        if [e.position for e in brought] != list(range(brought[0].position, brought[-1].position + 1)):
            yield f"I2 not in one transaction: {what}"
        own = [e.name for e in brought if e.stream == last[0]]
        expected = EVENTS.get(entry.sent.command)
        if expected is not None and own != expected:
            yield f"I2 {what} brought about {own}, expected {expected}"
    for refused in ledger.refused:
        if refused.sent.service == name and (
            (id := refused.sent.id(service.secret)) in service.commands or events.get(id)
        ):
            yield f"I2 refused, and yet done: {refused}"
    imported = {c.id for c in service.commands.values() if c.stream == DIRECTORY_ID}
    for id in (service.commands.keys() | events.keys()) - acknowledged.keys() - imported:
        yield f"I2 {name}: command {id} was carried out and never acknowledged"


# --- I3, I4: the log ------------------------------------------------------------------------------


def _streams(name: str, service: ServicePicture) -> Iterator[str]:
    versions = defaultdict(list)
    for event in service.events:
        versions[event.stream].append(event.version)
    for stream, found in versions.items():
        if found != list(range(1, len(found) + 1)):
            yield f"I3 {name} {stream}: versions {found}"


def _order(name: str, service: ServicePicture) -> Iterator[str]:
    if [e.position for e in service.events] != list(range(1, len(service.events) + 1)):
        yield f"I4 {name}: positions have gaps or repeats"
    for before, after in zip(service.events, service.events[1:], strict=False):
        if after.recorded_at < before.recorded_at:
            yield f"I4 {name}: recorded_at falls at position {after.position}"
    if len({e.event_id for e in service.events}) != len(service.events):
        yield f"I4 {name}: an event id twice"


# --- I5: effects ----------------------------------------------------------------------------------

Cause = tuple[str, str]
Effects = Callable[[Stored], list[UUID]]


def _opened_case(cause: Stored) -> list[UUID]:
    return [derived_id("verification-case", cause.stream)]


def _complaints(cause: Stored) -> list[UUID]:
    return [UUID(id) for id in cause.event["complaint_ids"]]


def _clarification(cause: Stored) -> list[UUID]:
    return [derived_id("clarification", cause.event["subject"]["ref"], cause.event["handling_organ"])]


def _register(cause: Stored) -> list[UUID]:
    return [derived_id("accused-register", cause.event["subject"]["ref"])]


def _cases(cause: Stored) -> list[UUID]:
    return [UUID(id) for id in cause.event["case_ids"]]


def _plan(cause: Stored) -> list[UUID]:
    return [derived_id("revisit-plan", cause.stream, cause.event["round"])]


def _directory(cause: Stored) -> list[UUID]:
    return [DIRECTORY_ID]


COPYING = ("verification", "clarification", "followup")
"""The services that take the staff directory over from intake."""
EFFECTS: dict[tuple[str, str, str], tuple[tuple[str, ...], Effects]] = {
    ("intake", "ComplaintTransferredToHandler", "verification"): (("VerificationCaseOpened",), _opened_case),
    ("verification", "VerificationConcluded", "intake"): (("ResultBecameAvailable",), _complaints),
    ("verification", "AllegationsVerifiedUnfounded", "intake"): (("AccusedConclusionNoted",), _register),
    ("verification", "AllegationsVerifiedUnfounded", "clarification"): (
        ("ClarificationOpened",),
        _clarification,
    ),
    ("clarification", "ClarificationAssessed", "verification"): (("ClarificationAssessmentNoted",), _cases),
    ("clarification", "ClarificationCompleted", "followup"): (
        ("RevisitPlanOpened", *["DefaultRevisitScheduled"] * 3, "RevisitLedgerOpened"),
        _plan,
    ),
    **{("intake", "StaffJoined", consumer): (("StaffJoined",), _directory) for consumer in COPYING},
}
"""(source, event, consumer) -> what it brings about, and in which streams. Every accused of the journeys is a
new one, so there is no event whose effect another has had already."""


def _effects(picture: Picture, ledger: Ledger) -> Iterator[str]:
    causes = {str(e.event_id): (name, e) for name, s in picture.services.items() for e in s.events}
    done: dict[tuple[str, str, UUID], Counter[str]] = defaultdict(Counter)
    for name, service in picture.services.items():
        reached: dict[tuple[str, str], int] = defaultdict(int)
        for event in service.events:
            if event.caused_by is None:
                continue
            if event.caused_by not in causes:
                yield f"I5 {name} {event.position} {event.name}: its cause does not exist"
                continue
            source, cause = causes[event.caused_by]
            done[name, event.caused_by, event.stream][event.name] += 1
            line = (source, event.data["meta"]["correlation_id"])
            if cause.position < reached[line]:
                yield f"I5 {name} {event.position} {event.name}: out of the order of {source}"
            reached[line] = max(reached[line], cause.position)
    for (source, topic, consumer), (names, places) in EFFECTS.items():
        for cause in picture.services[source].events:
            if cause.name != topic or (consumer, source, cause.position) in ledger.parked:
                continue
            for stream in places(cause):
                effects = done.pop((consumer, str(cause.event_id), stream), Counter())
                if effects != Counter(names):
                    told = dict(effects)
                    yield f"I5 {source} {cause.position} {topic} -> {consumer} {stream}: {told}"
    for (consumer, cause_id, stream), effects in done.items():
        yield f"I5 {consumer} {stream}: {dict(effects)} without reason by {causes[cause_id][1].topic}"


# --- I6: positions, read models, numbers ------------------------------------------------------------


def _positions(picture: Picture) -> Iterator[str]:
    for consumer, sources in SOURCES.items():
        tracked = picture.audit.tracked if consumer == "audit" else picture.services[consumer].tracked
        for source in sources:
            head = picture.services[source].head
            if tracked.get(source, 0) != head:
                yield f"I6 {consumer} has tracked {source} to {tracked.get(source)}, its store ends at {head}"


def _read_models(name: str, service: ServicePicture) -> Iterator[str]:
    for projection, position in service.projections.items():
        if position != service.head:
            yield f"I6 {name}: {projection} stands at {position}, the store ends at {service.head}"
    expected: dict[UUID, dict[str, Any]] = {}
    for event in service.events:
        if event.data["kind"] in (*BESIDE, "Deadline"):
            continue
        row = expected.setdefault(event.stream, {"number": ""})
        row["number"] = row["number"] or event.event.get("number", "")
        row |= {"state": event.data["state"], "version": event.version, "position": event.position}
    for stream in expected.keys() | service.cases.keys():
        shown = service.cases.get(stream, {})
        told = {key: shown.get(key) for key in ("number", "state", "version", "position")}
        if told != expected.get(stream):
            yield f"I6 {name}: the list shows {told} for {stream}, the events say {expected.get(stream)}"


def _numbers(name: str, service: ServicePicture) -> Iterator[str]:
    series = defaultdict(list)
    for event in service.events:
        cls = event_class(event.topic)
        if cls is not None and cls.numbered:
            prefix, _, serial = event.event["number"].rpartition("-")
            series[prefix].append(int(serial))
    for prefix, given in series.items():
        if given != list(range(1, len(given) + 1)):
            yield f"I6 {name}: numbers of {prefix} have gaps or repeats"
    if (last := {prefix: len(given) for prefix, given in series.items()}) != service.counters:
        yield f"I6 {name}: counters {service.counters} are not those of the events, {last}"


def _deadlines(picture: Picture, today: Any) -> Iterator[str]:
    """Faults of deadlines: each that is due was told, once, and no other was."""
    for name, service in picture.services.items():
        told = Counter(
            (e.event["stream"], e.event["deadline"], e.event["due"], e.name)
            for e in service.events
            if e.data["kind"] == "Deadline"
        )
        for key, times in told.items():
            if times != 1:
                yield f"I5 {name}: {key} told {times} times"
        for row in service.deadlines:
            key = (str(row["stream"]), row["deadline"], row["due"].isoformat(), "DeadlineBreached")
            overdue = row["due"] < today and not row["met"]
            if (overdue and not told[key]) or bool(told[key]) != row["breached"]:
                yield f"I6 {name}: {key} is due {row['due']}, told {told[key]} times, shown {row['breached']}"


# --- I7: the bus ------------------------------------------------------------------------------------


def _copy(name: str, service: ServicePicture, damaged: bool) -> Iterator[str]:
    log = [
        Published(event.position, before, str(event.event_id))
        for before, event in zip([0, *(e.position for e in service.events)], service.events, strict=False)
    ]
    if not damaged:
        if service.published != log:
            first = next(
                (n for n, (a, b) in enumerate(zip(service.published, log, strict=False)) if a != b),
                min(len(service.published), len(log)),
            )
            yield (
                f"I7 {name}: the stream has {len(service.published)} messages, the store {len(log)} events;"
                f" they differ from number {first} on"
            )
        return
    true = {(entry.position, entry.event_id) for entry in log}
    for message in service.published:
        if (message.position, message.event_id) not in true:
            yield f"I7 {name}: the stream holds {message}, the store does not"
    if service.published[-1:] != log[-1:]:
        yield f"I7 {name}: the stream does not end where the store does"


# --- audit ------------------------------------------------------------------------------------------


def _audit(picture: Picture) -> Iterator[str]:
    for name, service in picture.services.items():
        log = [(e.position, e.event_id, e.stream, e.version) for e in service.events]
        if picture.audit.ledger[name] != log:
            taken = len(picture.audit.ledger[name])
            yield f"I5 audit has {taken} events of {name}, the store {len(log)}, or other ones"
        if picture.audit.leaves.get(name, 0) != len(log):
            leaves = picture.audit.leaves.get(name)
            yield f"I9 audit's tree of {name} has {leaves} leaves for {len(log)} events"


def _parked(picture: Picture, ledger: Ledger) -> Iterator[str]:
    parked = {name: service.parked for name, service in picture.services.items()}
    found = {
        (name, source, position): reason
        for name, rows in {**parked, "audit": picture.audit.parked}.items()
        for source, position, reason in rows
    }
    for place in ledger.parked ^ found.keys():
        yield f"I5 parked {place}: {found.get(place, 'expected, not there')}"
