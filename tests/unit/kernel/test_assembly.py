"""A service is assembled once: no part is made twice or changed later, and its work ends with it (ADR 38)."""

from __future__ import annotations

import asyncio
import importlib
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import FrozenInstanceError, fields
from typing import Any, NamedTuple

import pytest
from fastapi import FastAPI

from services.audit.access import AccessLog
from services.audit.guard import Guard
from services.audit.ledger import Ledger
from services.audit.proof import Trees
from services.audit.rounds import Rounds
from services.intake.beside import IntakeBeside
from services.intake.clerks.accused_book import AccusedBook
from services.intake.clerks.book import DeskBook
from services.intake.clerks.digest import DigestSender
from services.intake.deposits import IntakeDeposits
from services.intake.lookups import IntakeLookups
from services.intake.platform.envelopes import Envelopes
from services.intake.platform.platforms import Callbacks, Platforms
from services.intake.platform.statuses import StatusBook
from services.intake.reporters.flood import Flood
from services.intake.reporters.public import Reports
from services.intake.vault.blobs import Blobs
from services.intake.vault.check import VaultCheck
from services.intake.vault.door import Door
from services.intake.vault.findings import Findings
from services.intake.vault.forgetting import Forgetting
from services.intake.vault.keys import FileKeys, Periods
from services.intake.vault.letters import Letters
from services.intake.vault.nightly import Nightly
from services.intake.vault.parcels import Parcels
from services.intake.vault.questions import Questions
from services.intake.vault.renewal import Renewal
from services.intake.vault.room import VaultRoom
from services.intake.vault.roots import Roots
from services.intake.vault.screen import VaultScreen
from services.intake.vault.store import Vault
from services.intake.vault.sweep import Sweep
from services.intake.vault.transfers import Transfers
from shared.casework.gate import CommandGate
from shared.casework.http.commands import Face
from shared.casework.http.readgate import CaseReadGate
from shared.casework.http.reads import Reads
from shared.casework.parts import Additions, Core, Parts
from shared.casework.readmodel import CaseBook
from shared.casework.repository import Repository
from shared.casework.scheduler import Scheduler
from shared.casework.service import build
from shared.casework.tokens import TokenVerifier
from shared.kernel.bus.connection import _Connection
from shared.kernel.bus.relay import Relay
from shared.kernel.halts import Halts
from shared.kernel.outgoing.worker import Outgoing
from shared.kernel.settings import AUDIT, PUBLISHERS
from shared.kernel.store.projector import Projector
from shared.kernel.store.recorder import Recorder
from tools.documents import service_of, settings_of

OF_EVERY_SERVICE = (
    *(Core, Additions, Parts, _Connection, Recorder, Repository, CaseBook, Projector),
    *(CommandGate, TokenVerifier, Face, CaseReadGate, Reads),
)
OF_ITS_WORK = (Relay, Scheduler, Outgoing)
OWN: dict[str, tuple[type, ...]] = {
    "intake": (
        *(AccusedBook, DeskBook, StatusBook, FileKeys, Periods, Findings, Vault, Letters, Blobs, Parcels),
        *(
            Transfers,
            VaultRoom,
            VaultScreen,
            Questions,
            Envelopes,
            Platforms,
            Callbacks,
            IntakeBeside,
            IntakeDeposits,
            IntakeLookups,
            VaultCheck,
        ),
        *(Roots, Renewal, Door, DigestSender, Sweep, Forgetting, Nightly, Flood, Reports),
    ),
    AUDIT: (_Connection, Ledger, Trees, AccessLog, Guard, Rounds, TokenVerifier),
}
SERVICES = (*PUBLISHERS, AUDIT)
AWAY = {"ZM_NATS_URL": "nats://127.0.0.1:9"}
"""A broker that nobody can reach, as the database of these settings."""


class Made(NamedTuple):
    app: FastAPI
    parts: Any


@pytest.fixture
def make() -> Iterator[Callable[..., Made]]:
    """Assembles a service as its process does."""
    with ExitStack() as kept:

        def made(service: str, **env: str) -> Made:
            settings = kept.enter_context(settings_of(service, **AWAY, **env))
            if service == AUDIT:
                return Made(*importlib.import_module("services.audit.main").build(settings))
            return Made(*build(service_of(service), settings))

        yield made


def counting(monkeypatch: pytest.MonkeyPatch, kinds: tuple[type, ...]) -> Counter[type]:
    """Counts how often each of these is made from now on."""
    made: Counter[type] = Counter()

    def count(kind: type) -> None:
        begin: Any = kind.__init__  # type: ignore[misc]

        def begun(self: Any, *args: Any, **named: Any) -> None:
            made[type(self)] += 1
            begin(self, *args, **named)

        monkeypatch.setattr(kind, "__init__", begun)

    for kind in kinds:
        count(kind)
    return made


@pytest.mark.parametrize("service", SERVICES)
def test_each_part_is_made_once(
    service: str, make: Callable[..., Made], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The parts of every service, once more for the vault within intake; those of its own; its work."""
    of_all = () if service == AUDIT else OF_EVERY_SERVICE
    work = () if service == AUDIT else OF_ITS_WORK
    own = OWN.get(service, ())
    made = counting(monkeypatch, (*dict.fromkeys((*of_all, *work, *own)),))
    make(service)
    rooms = 2 if service == "intake" else 1
    expected = dict.fromkeys(of_all, rooms) | dict.fromkeys((*work, *own), 1)
    if service in ("verification", "audit"):
        expected.pop(Outgoing, None)  # verification sends nothing
    if service == "intake":
        expected[Scheduler] = rooms  # the vault's cases have deadlines too, and no bus
    assert made == expected


def held(parts: Any) -> dict[str, int]:
    """The identity of everything that the parts and their gate hold."""
    of: dict[str, Any] = (
        {"parts": parts} if not isinstance(parts, Parts) else {"parts": parts, "gate": parts.command_gate}
    )
    return {
        f"{name}.{field.name}": id(getattr(each, field.name))
        for name, each in of.items()
        for field in fields(each)
    }


@pytest.mark.parametrize("service", SERVICES)
async def test_nothing_is_set_late_and_all_work_ends(service: str, make: Callable[..., Made]) -> None:
    """A start changes no part, also where no server is there, and leaves no task behind when it ends."""
    app, parts = make(service)
    before, others = held(parts), asyncio.all_tasks()
    async with app.router.lifespan_context(app):
        running = {task.get_coro().__qualname__ for task in asyncio.all_tasks() - others}  # type: ignore[union-attr]
        await asyncio.sleep(0.05)
        assert held(parts) == before
    assert asyncio.all_tasks() == others
    assert running >= WORK[service]


_BY_ALL = {"Scheduler.run", "Inspection.run", "Relay.run", "ClockWatch.run", "Projector._run"}
WORK = {
    "intake": _BY_ALL
    | {f"{kind.__name__}.run" for kind in (DigestSender, Door, Sweep, Forgetting, Nightly, Outgoing)},
    "verification": _BY_ALL,
    "clarification": _BY_ALL | {"Outgoing.run"},
    "followup": _BY_ALL | {"Outgoing.run"},
    AUDIT: {"Rounds.sign", "Rounds.guard", "Rounds.watch", "Outgoing.run", "Inbox.run"},
}


@pytest.mark.parametrize("service", PUBLISHERS)
async def test_a_process_that_only_accepts_does_no_work_of_the_others(
    service: str, make: Callable[..., Made]
) -> None:
    app, _ = make(service, ZM_ROLES="api")
    others = asyncio.all_tasks()
    async with app.router.lifespan_context(app):
        running = {task.get_coro().__qualname__ for task in asyncio.all_tasks() - others}  # type: ignore[union-attr]
    assert not running & (WORK[service] - {"ClockWatch.run"})
    assert "ClockWatch.run" in running


@pytest.mark.parametrize("service", SERVICES)
def test_parts_are_frozen(service: str, make: Callable[..., Made]) -> None:
    parts = make(service).parts
    with pytest.raises(FrozenInstanceError):
        parts.nats = None


def test_a_read_model_that_is_not_declared_is_missed_at_once(make: Callable[..., Made]) -> None:
    intake = make("intake").parts
    assert intake.model(DeskBook) is intake.model(DeskBook)
    with pytest.raises(LookupError, match="declares no read model DeskBook"):
        make("followup").parts.model(DeskBook)


def test_what_halts_in_a_room_is_told_by_the_service_around_it() -> None:
    told: list[tuple[str, str | None]] = []
    halts = Halts(lambda part, reason: told.append((part, reason)))
    room = halts.within("vault")
    room.halt("clock", "it jumped")
    halts.halt("relay", "full")
    assert (halts.names, room.names) == ({"vault clock", "relay"}, {"clock"})
    room.halt("clock", None)
    assert (halts.names, room.names) == ({"relay"}, set())
    assert told == [("vault clock", "it jumped"), ("relay", "full"), ("vault clock", None)]
