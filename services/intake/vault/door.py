"""The vault's only door for other services: NATS request/reply on `zm.vault.screen`, sealed. The answer is a
verdict: whether a text would reveal a reporter, and never whom."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Annotated, Any

import nats.errors
import structlog
from nats.aio.client import Client
from nats.aio.msg import Msg
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from services.intake.vault.screen import VaultScreen
from shared.casework.screen import SUBJECT, WAIT_SECONDS, Asker, opened, sealed
from shared.kernel.bus.connection import connect, disconnect, settled
from shared.kernel.bus.envelope import BadEnvelope, BusKey
from shared.kernel.settings import Settings
from shared.kernel.store.types import StoreUnavailable
from shared.language.refusal import Refusal

log = structlog.get_logger("vault")
ANSWER_SECONDS = WAIT_SECONDS - 0.5


class Question(BaseModel):
    """A question: the author of the texts that are about to be stored, the texts, and the complaints
    concerned."""

    model_config = ConfigDict(extra="forbid")

    person: Annotated[str, Field(min_length=1, max_length=200)]
    organ: Annotated[str, Field(max_length=200)]
    complaint_refs: Annotated[list[str], Field(max_length=200)]
    texts: Annotated[list[str], Field(min_length=1, max_length=200)]

    @property
    def asker(self) -> Asker:
        return Asker(self.person, self.organ)


async def open_door(nc: Client, screen: VaultScreen, key: BusKey) -> None:
    """Answers questions until the connection is drained. An error is answered as such, never as `no`; a
    question that was not asked under the bus key is not answered at all."""

    async def answer(msg: Msg) -> None:
        try:
            id, asked = opened(key, "question", msg.data)
        except BadEnvelope as error:
            log.warning("screen_not_asked", error=type(error).__name__)
            return
        try:
            question = Question.model_validate(asked)
            # Before the asker gives up: a yes that nobody heard would count, and alert nobody.
            async with asyncio.timeout(ANSWER_SECONDS):
                verdict = await screen.asked(question.asker, question.complaint_refs, question.texts)
            reply: dict[str, Any] = verdict._asdict()
        except (ValidationError, ValueError, Refusal):
            reply = {"error": True}
        except (StoreUnavailable, TimeoutError) as error:
            log.warning("screen_unavailable", error=type(error).__name__)
            reply = {"error": True}
        await msg.respond(sealed(key, "answer", id, reply))

    await nc.subscribe(SUBJECT, queue="vault", cb=answer)
    with suppress(nats.errors.Error):  # gone again: it subscribes by itself when it is back
        await settled(nc)


class Door:
    """The vault's own connection to the broker, under an nkey that may answer the screen and nothing else."""

    def __init__(
        self, settings: Settings, screen: VaultScreen, key: BusKey, on_error: Callable[[Exception], None]
    ) -> None:
        self._settings = settings
        self._screen = screen
        self._key = key
        self._on_error = on_error

    async def run(self) -> None:
        """Stands open until it is cancelled."""
        seed = self._settings.vault_nats_seed_file
        client = await connect(
            self._settings.nats_url,
            Path(seed) if seed else None,
            "vault",
            self._on_error,
            lambda: None,
            trust=self._settings.nats_trust,
        )
        try:
            await open_door(client, self._screen, self._key)
            await asyncio.Event().wait()
        finally:
            await disconnect(client)
