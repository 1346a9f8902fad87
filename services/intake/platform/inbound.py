"""Transfers in: single or up to 500 at once, each by itself, once per platform and number (A8, §8.5)."""

from __future__ import annotations

import asyncio
import time
from collections import defaultdict
from typing import Annotated, Any
from uuid import UUID

import orjson
import structlog
from fastapi import FastAPI
from pydantic import BaseModel, ConfigDict, Field
from sqlalchemy import func, select
from starlette.requests import Request
from starlette.responses import Response

from services.intake.commands.integration import ReceivePlatformTransfer
from services.intake.domain.complaint import Complaint
from services.intake.domain.complaint.state import COARSE
from services.intake.platform.envelopes import Envelopes, NotForUs
from services.intake.platform.platforms import Misconfigured, Platforms
from services.intake.platform.statuses import StatusBook
from services.intake.vault.transfers import Transfers
from shared.casework.command import Token
from shared.casework.gate import Submission
from shared.casework.http.describe import (
    BINARY,
    answer,
    array,
    calls_back,
    define,
    describe,
    in_header,
    in_query,
    row_of,
    whole,
)
from shared.casework.http.naming import a_list, named
from shared.casework.http.read import Asked, read
from shared.casework.http.values import json_response, parse, plain_rows
from shared.casework.parts import Parts
from shared.kernel.http.docstrings import Schema
from shared.kernel.http.middleware import language_of, problem_of
from shared.kernel.outgoing.webhooks import NotSigned, verify
from shared.kernel.store.types import Appended, StoreUnavailable
from shared.language import roles
from shared.language.refusal import refuse

log = structlog.get_logger("integration")
SINGLE = "/v1/integration/petition-platform/complaints"
BATCH = SINGLE + "/batch"
BATCH_MAX = 500
BATCH_BYTES = 16 << 20
AT_ONCE = 8
FEED_PAGE = 500
SHOWN = ("platform_no", "status", "change", "occurred_at")
"""The columns of which the platform is told."""
SIGNATURE = [
    in_header("webhook-id", "Standard Webhooks; needed where a secret was agreed on."),
    in_header("webhook-timestamp", "When it was signed, in seconds."),
    in_header("webhook-signature", "`v1,` and the HMAC of id, timestamp and body."),
]
JWK: Schema = {
    "type": "object",
    "description": "A public key (RFC 7517).",
    "required": ["kty", "kid"],
    "properties": {name: {"type": "string"} for name in ("kty", "kid", "use", "alg", "crv", "x", "y")},
}
SIGNED_BY_US = [parameter | {"required": True} for parameter in SIGNATURE]


class Batch(BaseModel):
    """Several transfers at once."""

    model_config = ConfigDict(extra="forbid")

    items: Annotated[list[ReceivePlatformTransfer], Field(min_length=1, max_length=BATCH_MAX)]
    """The transfers; each is taken or refused by itself."""


class PlatformRoutes:
    """The platform's calls, and the clerk's read of what it sent."""

    def __init__(
        self,
        parts: Parts,
        platforms: Platforms,
        envelopes: Envelopes,
        transfers: Transfers,
        book: StatusBook,
    ) -> None:
        self.parts = parts
        self.platforms = platforms
        self.envelopes = envelopes
        self.transfers = transfers
        self.book = book

    def add_to(self, app: FastAPI) -> None:
        self.parts.reads.gate.add(app, self)
        for method, path, endpoint, name in (
            ("POST", SINGLE, self.receive, "ReceivePlatformTransfer"),
            ("POST", BATCH, self.receive_batch, "ReceivePlatformTransfers"),
        ):
            app.add_api_route(
                path,
                endpoint,
                methods=[method],
                operation_id=name,
                response_class=Response,
                tags=["integration"],
            )
        self._describe(app)

    def _describe(self, app: FastAPI) -> None:
        """Describes these routes in the OpenAPI document."""
        text = {"type": "string"}
        unread = array(text) | {"description": "Fields of the reporter block that could not be read."}
        taken = answer(platform_no=text, status=a_list(["RECEIVED"]))
        taken["properties"] |= {"unread": unread}
        describe(
            app,
            "ReceivePlatformTransfer",
            parameters=SIGNATURE,
            body=ReceivePlatformTransfer,
            gives=[ReceivePlatformTransfer],
            status=201,
            answer=taken,
            headers=["Position"],
        )
        result = answer(platform_no={"type": ["string", "null"]})
        result["description"] = "`status` where it was taken, `problem` where it was not."
        result["properties"] |= {
            "status": a_list(["RECEIVED"]),
            "unread": unread,
            "problem": named("Problem"),
        }
        describe(
            app,
            "ReceivePlatformTransfers",
            parameters=SIGNATURE,
            body=Batch,
            answer=answer(items=array(result)),
        )
        calls_back(
            app,
            "PlatformStatusChanged",
            "How a complaint of the platform stands now, at the address and under the secret agreed with it",
            tag="integration",
            headers=[in_header("idempotency-key", "The same as `webhook-id`.", required=True), *SIGNED_BY_US],
            body=named("PlatformStatus"),
        )
        s = self.book.statuses.c
        change = row_of(s.platform_no, s.change, s.occurred_at, status=named("ComplaintStatus"))
        change["description"] = "`change` counts the changes of this complaint: the highest holds."
        define(app, PlatformStatus=change, ComplaintStatus=a_list(sorted({*COARSE.values()})))

    @read(
        "IntegrationKeys",
        "/v1/integration/keys",
        rule="A80",
        anyone=True,
        answer=answer(keys=array(JWK)),
        tag="integration",
    )
    async def keys(self, ask: Asked[Complaint]) -> Response:
        """The public keys to encrypt for, as a JWK set; the first one is the present one."""
        return json_response(self.envelopes.published())

    async def receive(self, request: Request) -> Response:
        """Receives one complaint from the petition platform. Sent again, it is answered the same; sent again
        with other content, it is refused (E_IDEMPOTENCY_MISMATCH)."""
        token, body = await self._signed(request)
        command, appended = await self._take(request, token, body)
        told = {"platform_no": command.platform_no, **await self._received(command, appended)}
        place = self.parts.face.places.seal(token.person, appended.position)
        return json_response(told, 201, {"position": place})

    async def receive_batch(self, request: Request) -> Response:
        """Receives up to 500 complaints, each by itself: one that is refused stops no other. Results stand
        in the order of the items."""
        token, body = await self._signed(request)
        items = _items(body)
        several = asyncio.Semaphore(AT_ONCE)
        # The same number twice: the first one counts, as if they had been sent one after the other.
        one_by_one: dict[str, asyncio.Lock] = defaultdict(asyncio.Lock)

        async def one(item: Any) -> dict[str, Any]:
            number = item.get("platform_no") if isinstance(item, dict) else None
            number = number if isinstance(number, str) else None
            async with one_by_one[number or ""], several:
                told = await self._attempt(request, token, orjson.dumps(item))
            return {"platform_no": number, **told}

        return json_response({"items": await asyncio.gather(*(one(i) for i in items))})

    async def _attempt(self, request: Request, token: Token, body: bytes) -> dict[str, Any]:
        try:
            return await self._received(*await self._take(request, token, body))
        except Exception as error:
            return {"problem": orjson.loads(bytes(problem_of(error, language_of(request), BATCH).body))}

    async def _received(self, command: ReceivePlatformTransfer, appended: Appended) -> dict[str, Any]:
        """The answer to what was taken, the same however often it comes; with the fields of a reporter block
        that could not be read (B19)."""
        told: dict[str, Any] = {"status": "RECEIVED"}
        if command.reporter_blob is None:
            return told
        complaint = await self.parts.repository.get(Complaint, UUID(appended.answer["id"]))
        return told | {"unread": list(complaint.unread)} if complaint and complaint.unread else told

    async def _take(
        self, request: Request, token: Token, body: bytes
    ) -> tuple[ReceivePlatformTransfer, Appended]:
        command = parse(ReceivePlatformTransfer, body)
        assert isinstance(command, ReceivePlatformTransfer)
        appended = await self.parts.command_gate.execute(
            Submission(
                command=command,
                token=token,
                object_id=None,
                # Once per platform and number: the gate binds the key to the account. The hash of the
                # request that it keeps is over ciphertext, so that a known number gives nothing away.
                idempotency_key=f"platform-transfer:{command.platform_no}",
                trace_id=request.scope["state"]["traceparent"].decode()[3:35],
            )
        )
        return command, appended

    async def _signed(self, request: Request) -> tuple[Token, bytes]:
        """The caller and the body of the call, signed where a secret was agreed on (§8.5)."""
        token = await self._platform(request)
        body = await request.body()
        try:
            if secrets := self.platforms.inbound_secrets(token.person):
                verify(secrets, request.headers, body, time.time())
        except NotSigned as wrong:
            refuse("E_UNAUTHENTICATED", "§8.5", reason=str(wrong))
        except Misconfigured as wrong:
            log.error("platforms_misconfigured")
            raise StoreUnavailable(str(wrong)) from wrong
        return token, body

    @read(
        "StatusFeed",
        "/v1/status-feed",
        rule="A80",
        by=(roles.PLATFORM,),
        models=(StatusBook.name,),
        parameters=(
            in_query("after", "`next` of the answer before."),
            whole("limit", "Items in an answer.", minimum=1, maximum=FEED_PAGE, default=FEED_PAGE),
        ),
        answer=lambda self: answer(
            items=array(row_of(*(self.book.statuses.c[name] for name in SHOWN))), next={"type": "string"}
        ),
        tag="integration",
    )
    async def status_feed(self, ask: Asked[Complaint]) -> Response:
        """Coarse states, by cursor, of the complaints that the platform itself sent (client credentials,
        A80). A line moves to the end when its status changes."""
        token, places = ask.token, self.parts.face.places
        after = places.open(token.person, ask.request.query_params.get("after"), "after", 0)
        limit = self.parts.reads.limit(ask, FEED_PAGE, FEED_PAGE)
        s = self.book.statuses.c
        query = (
            select(*(s[name] for name in SHOWN), s.position)
            .where(s.position > after, s.platform.in_(("", token.person)))
            .where(func.starts_with(s.organ, token.organ))
            .order_by(s.position)
            .limit(limit)
        )
        async with self.parts.engine.connect() as connection:
            items = plain_rows((await connection.execute(query)).mappings())
        last = [after, *(item.pop("position") for item in items)][-1]
        return json_response({"items": items, "next": places.seal(token.person, last)})

    @read(
        "ReadTransferredContent",
        "/v1/complaints/{id}/transferred-content",
        rule="SEC-2",
        of=Complaint,
        by=roles.PETITION,
        own_organ=True,
        notes="transferred-content",
        looks_first=True,
        answer=BINARY,
        media_type="application/octet-stream",
        codes=("E_RECORD_INCOMPLETE",),
        tag="integration",
    )
    async def content(self, ask: Asked[Complaint]) -> Response:
        """The original that the platform sent, opened for the petition department of the organ that owns it.
        Every reading leaves a record (SEC-9)."""
        sealed = await self._sealed(ask.case)
        if sealed is None:
            refuse("E_NOT_FOUND")
        await ask.note_reading()
        try:
            opened = self.envelopes.open(sealed)
        except NotForUs as wrong:
            refuse("E_RECORD_INCOMPLETE", "§8.5", reason=str(wrong))
        return Response(opened, media_type="application/octet-stream")

    async def _sealed(self, complaint: Complaint) -> str | None:
        named = complaint.in_vault.get(complaint.original)
        return None if named is None else await self.transfers.sealed(complaint.id, named)

    async def _platform(self, request: Request) -> Token:
        token = await self.parts.face.token(request)
        if roles.PLATFORM not in token.roles:
            refuse("E_FORBIDDEN_ROLE", "A80")
        return token


def _items(body: bytes) -> list[Any]:
    try:
        sent = orjson.loads(body)
    except ValueError:
        refuse("E_SCHEMA", "§8.5", field="body", reason="no JSON")
    items = sent.get("items") if isinstance(sent, dict) and set(sent) == {"items"} else None
    if not isinstance(items, list) or not 1 <= len(items) <= BATCH_MAX:
        refuse("E_SCHEMA", "§8.5", field="items", minimum=1, maximum=BATCH_MAX)
    return items
