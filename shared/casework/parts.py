"""The parts of a writing service: those that every service has, and those that one service adds (ADR 38).

The kernel makes a `Core`; the service's `assemble` makes on it what is its own, the `Additions`; the gates
are made of both, and the routes stand on the finished `Parts`. Each part is made once, and none is changed
afterwards.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Collection, Coroutine, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple, TypeVar

from nats.aio.client import Client
from prometheus_client import CollectorRegistry
from sqlalchemy.ext.asyncio import AsyncEngine

from shared.casework.aggregate import Aggregate, Law
from shared.casework.command import Command
from shared.casework.gate import Beside, CommandGate, Screen, no_others
from shared.casework.http.app import Application
from shared.casework.http.commands import Face
from shared.casework.http.openapi import posted
from shared.casework.http.reads import Reads
from shared.casework.preparation import Deposits, Lookups
from shared.casework.reaction import Reactions
from shared.casework.readmodel import CaseBook
from shared.casework.repository import Repository
from shared.casework.scheduler import OnBreach, OnReminder
from shared.casework.staff import Staff
from shared.kernel.bus.envelope import BusKey
from shared.kernel.clock import Clock
from shared.kernel.halts import Halts
from shared.kernel.http.metrics import BusMetrics
from shared.kernel.outgoing.worker import OutgoingJob
from shared.kernel.settings import Reader, Settings
from shared.kernel.store.projector import Projection, Projector
from shared.kernel.store.reading import Reading
from shared.kernel.store.recorder import Recorder
from shared.language.contracts.common import Accused

M = TypeVar("M", bound=Projection)
Work = Callable[[], Coroutine[Any, Any, None]]
"""Work in the background, until it is cancelled."""


@dataclass(frozen=True, kw_only=True)
class Core:
    """The parts of every service on which its own are built: all that stands below the gates."""

    settings: Settings
    law: Law
    clock: Clock
    engine: AsyncEngine
    recorder: Recorder
    repository: Repository
    projector: Projector
    book: CaseBook
    models: Sequence[Projection]
    """The service's own read models."""
    reading: Reading
    nats: Client
    """The client of the broker; it is connected at the start, within the event loop."""
    bus_key: BusKey
    registry: CollectorRegistry
    observer: BusMetrics
    halts: Halts
    staff: Staff
    """The staff directory; of a room, that of the service around it."""

    def model(self, kind: type[M]) -> M:
        """The one read model of this kind among those that the service declares."""
        for model in self.models:
            if isinstance(model, kind):
                return model
        raise LookupError(f"{self.settings.service} declares no read model {kind.__name__}")


@dataclass(frozen=True, kw_only=True)
class Parts(Core):
    """The parts of a whole service, on which its routes stand."""

    face: Face
    command_gate: CommandGate
    reads: Reads
    rooms: Sequence[Assembled] = ()
    """Services that live within this one (intake's vault)."""


class Assembled(NamedTuple):
    """A service that was assembled and not started; its application's lifespan does that."""

    app: Application
    parts: Parts


def no_routes(app: Application, parts: Parts) -> None:
    """Adds nothing, for a service with the routes that every service has."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Additions:
    """The parts that one service adds."""

    lookups: Lookups = ()
    """Functions of things that are read before a command is decided."""
    deposits: Deposits = ()
    """Functions of things that are written to the vault before a command is decided."""
    beside: dict[str, Beside] = field(default_factory=dict)
    accused_of: Callable[[Aggregate], Awaitable[Collection[Accused]]] = no_others
    """Finds the people accused in the matters of a case, beside those whom it knows itself (B16)."""
    screen: Screen | None = None
    """The screen of texts; None: the vault's, which is asked over the bus."""
    secret: bytes | None = None
    """The secret under which ids of commands are made, where the store's own is not secret enough for what
    they bring."""
    on_breach: OnBreach = field(default_factory=dict)
    on_reminder: OnReminder = field(default_factory=dict)
    jobs: Mapping[str, OutgoingJob] = field(default_factory=dict)
    """The way in which each kind of this service's effects on the outside is carried out."""
    workers: Sequence[Work] = ()
    """Work of the processes that work in the background."""
    rooms: Sequence[Assembled] = ()
    """Services that live within this one; they start before it, and end after it."""
    routes: Callable[[Application, Parts], None] = no_routes
    """Adds the service's own routes."""


def nothing(core: Core) -> Additions:
    """The additions of a service that needs no more than its declarations."""
    return Additions()


@dataclass(frozen=True, slots=True, kw_only=True)
class Service:
    """The declaration of one service: its commands, reactions and contract, and what makes its own parts."""

    name: str
    title: str
    """The service's title, in ASCII: generators call their packages after it."""
    title_zh: str
    commands: Sequence[type[Command]]
    reactions: Reactions = field(default_factory=dict)
    listens_to: Sequence[str] = ()
    models: Sequence[type[Projection]] = ()
    """The read models beside the list of cases; `Core.model` finds each."""
    assemble: Callable[[Core], Additions] = nothing
    """Makes the service's own parts, each once."""
    larger_bodies: Mapping[str, int] = field(default_factory=dict)
    """Paths that take larger bodies than the rest, and how many bytes (attachments, batches)."""
    for_anyone: str = ""
    """Path prefix of the routes that need no token. Together they may take at most half of the requests in
    flight."""
    migrations: Sequence[tuple[str, str]] = ()
    """Further migration folders with the setting that names the owner's URL (intake's vault)."""
    readers: frozenset[str] | None = None
    """The only roles that may know of these cases at all; None: every member of an organ."""
    readers_of_files: Mapping[str, Reader] = field(default_factory=dict)
    """The readers of the files that are settings of this service alone, by setting."""
    within: str = ""
    """The service in whose process and package this one lives (intake's vault)."""

    @property
    def kinds(self) -> list[type[Aggregate]]:
        return list(dict.fromkeys(c.on for c in self.commands))

    @property
    def commands_on(self) -> dict[type[Aggregate], list[type[Command]]]:
        """The commands that people, and not the system, may give on a case that is there, by its kind."""
        given = [c for c in posted(self.commands) if not c.creates and not c.gate.anyone]
        return {kind: [c for c in given if c.on is kind] for kind in self.kinds}
