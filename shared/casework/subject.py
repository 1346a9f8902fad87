"""Messages to the subject of a case: neutral words to their account, and what follows from them (B35).

A person who looks over the subject's shoulder at a telephone learns that there is something to look at, and
not what it is about. The gateway behind `ZM_OUTGOING_SUBJECT_MESSAGE` knows the devices of an account; we
hold neither number nor address of a subject.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from hashlib import sha256
from typing import Any
from uuid import UUID

import structlog

from shared.casework.aggregate import Actor, Aggregate, Context
from shared.casework.parts import Core
from shared.kernel.effect import SUBJECT_MESSAGE, Effect
from shared.kernel.outgoing.adapters import NotDelivered, adapter_for
from shared.kernel.outgoing.worker import OutgoingJob
from shared.kernel.store.types import Append
from shared.language.roles import SYSTEM

log = structlog.get_logger("outgoing")
TEXTS: Mapping[str, str] = {
    "CONSENT_ASKED": "您有一项事务需要本人办理，请登录查看。",
    "CONSENT_REMINDER": "您有一项事务即将到期，请登录查看。",
    "APPROVED": "您有一项事务有新的进展，请登录查看。",
    "VISIT_PLANNED": "您有一项新的安排，请登录查看。",
}


def subject_jobs(
    core: Core,
    kind: type[Any],
    on_done: Callable[[Any, Context, Effect], None] = lambda case, ctx, effect: None,
) -> dict[str, OutgoingJob]:
    """The jobs that carry out messages about cases of a kind. `on_done` has the case note that one
    arrived."""
    settings = core.settings
    folder = settings.outgoing_dir / SUBJECT_MESSAGE
    way = adapter_for(settings.way_out(SUBJECT_MESSAGE), folder, settings.outgoing_trust)
    if way is None:
        log.warning("no_way_out", kind=SUBJECT_MESSAGE)
        return {}

    async def case_of(effect: Effect) -> Any:
        return await core.repository.get(kind, UUID(effect.payload["case"]))

    async def prepare(effect: Effect) -> Effect:
        """Prepares the message. Its carrier learns no id of ours but the account: the key is a digest."""
        case = await case_of(effect)
        if case is None or not case.subject_account:
            raise NotDelivered("NO_ACCOUNT", final=True)
        payload = {"to": {"account": case.subject_account}, "text": TEXTS[effect.payload["template"]]}
        return Effect(sha256(effect.key.encode()).hexdigest(), effect.kind, payload)

    async def done(effect: Effect) -> Append | None:
        case = await case_of(effect)
        if case is None:
            return None
        on_done(case, _context(core, case), effect)
        return Append(events=case.collect_events())

    async def dead(effect: Effect, reason: str) -> Append | None:
        """Records that the message was given up, in the history of the case for its handlers and in the list
        of messages for those who watch over them."""
        case = await case_of(effect)
        if case is None:
            return None
        not_reached = case.own("SubjectNotReached")(notice=effect.payload["template"], reason=reason)
        case.record(_context(core, case), not_reached)
        return Append(events=case.collect_events())

    return {SUBJECT_MESSAGE: OutgoingJob(way, prepare, done, dead)}


def _context(core: Core, case: Aggregate) -> Context:
    now = core.clock.now()
    return Context(
        actor=Actor(SYSTEM, SYSTEM, case.organ),
        now=now,
        occurred_at=now,
        law=core.law,
        command="SendSubjectMessage",
        rule="B35",
        correlation_id=case.correlation_id,
        matters=case.matters,
    )
