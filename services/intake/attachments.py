"""Files behind a query code: taken as a stream, and shown to staff as copies without metadata (SEC-6)."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from hashlib import sha256
from typing import TYPE_CHECKING

from fastapi import FastAPI
from starlette.requests import Request
from starlette.responses import Response

from services.intake.commands.reporting import AddAttachment
from services.intake.domain.complaint import Complaint
from services.intake.public import Reports, living
from services.intake.reporting.cleaning import cleaned, media_type
from services.intake.reporting.spool import Spool
from services.intake.vault.binding import INCOMPLETE
from services.intake.vault.blobs import Blobs, whole
from shared.gate import Request as GateRequest
from shared.refusal import Refusal, refuse
from shared.security import roles
from shared.service import Parts
from shared.web.describe import BINARY, KEY, answer, array, describe, in_header, in_path
from shared.web.values import idempotency_key, json_response, object_id

if TYPE_CHECKING:
    from hashlib import _Hash as Hash

MOST_BYTES = 20 * 1024 * 1024
MOST_FILES = 20
UPLOADS = "/v1/reports/attachments"
LARGER_BODIES = {UPLOADS: MOST_BYTES + 1024}
MEDIA_TYPES = ("image/jpeg", "image/png", "application/pdf", "text/plain")
ROUGHLY = 64 * 1024
"""To so many bytes a size is rounded up outside the vault: by the very number a file would be known (B53)."""
AT_ONCE = 4
"""Files at one time that have come whole and are sealed and copied; each holds a connection of the vault's
database."""


class Attachments:
    """Upload behind a code; list and copy for assigned petition staff."""

    def __init__(self, parts: Parts, blobs: Blobs, reports: Reports) -> None:
        self.parts = parts
        self.blobs = blobs
        self.reports = reports
        self._turn = asyncio.Semaphore(AT_ONCE)

    def add_to(self, app: FastAPI) -> None:
        for method, path, endpoint, name in (
            ("POST", UPLOADS, self.upload, "AddAttachment"),
            ("GET", "/v1/complaints/{id}/attachments", self.list, "ListAttachments"),
            ("GET", "/v1/complaints/{id}/attachments/{blob}", self.copy, "ReadAttachment"),
        ):
            app.add_api_route(
                path, endpoint, methods=[method], operation_id=name, response_class=Response, tags=["reports"]
            )
        self._describe(app)

    def _describe(self, app: FastAPI) -> None:
        """What the OpenAPI document says of these routes."""
        text, size = {"type": "string"}, {"type": "integer", "minimum": 0}
        complaint = in_path("id", "The complaint.", format="uuid")
        describe(
            app,
            "AddAttachment",
            anyone=True,
            parameters=[
                in_header("Proof-Of-Work", "The challenge with what solves it."),
                in_header("Report-Code", "The query code."),
                in_header(
                    "Idempotency-Key", "Sent again with the same key, the file is kept once.", pattern=KEY
                ),
            ],
            body={"application/octet-stream": BINARY},
            gives=[AddAttachment],
            codes=INCOMPLETE,
            status=201,
            answer=answer(size=size, media_type=text),
        )
        describe(
            app,
            "ListAttachments",
            codes=INCOMPLETE,
            parameters=[complaint],
            answer=answer(items=array(answer(id=text, media_type=text, size=size, copy={"type": "boolean"}))),
        )
        describe(
            app,
            "ReadAttachment",
            codes=INCOMPLETE,
            parameters=[complaint, in_path("blob", "The file.", format="uuid")],
            answer=BINARY,
            media_type=MEDIA_TYPES,
        )

    async def upload(self, request: Request) -> Response:
        """A file as the body: JPEG, PNG, PDF or plain text (UTF-8, UTF-16 or GB 18030), 20 MB at most. The
        query code stands in the header `Report-Code`; name and metadata of the file are not asked for, and
        not kept in the copy."""
        key = idempotency_key(request.headers.get("idempotency-key"))
        await self.reports.flood.check(request.headers.get("proof-of-work", ""))
        complaint = living(await self.reports.opened(request.headers.get("report-code", "")))
        complaint.check_not_sealed()
        digest = sha256()
        with Spool() as spool:
            await spool.fill(_limited(request.stream(), digest))
            kind = media_type(spool.beginning)
            if kind is None:
                refuse("E_MEDIA_TYPE", "SEC-6", allowed=list(MEDIA_TYPES))
            async with self._turn:
                if await self.blobs.count(complaint.id) >= MOST_FILES:
                    refuse("E_BODY_TOO_LARGE", "SEC-6", most_files=MOST_FILES)
                blob = await self.blobs.put(complaint.id, kind, spool.parts())
                content = await asyncio.to_thread(cleaned, await self.blobs.open(blob), kind)
                if content is not None:
                    await self.blobs.put(complaint.id, kind, whole(content), original=blob.id)
        added = AddAttachment(
            attachment=str(blob.id), media_type=kind, size=-(-blob.size // ROUGHLY) * ROUGHLY
        )
        own = self.reports.own_key(complaint.id, key)
        asked = GateRequest(added, None, complaint.id, idempotency_key=own, content=digest.digest())
        try:
            done = await self.parts.gatekeeper.execute(asked)
        except Refusal:
            await self.blobs.erase(blob.id)  # sealed upward in the meantime: nothing names the file
            raise
        if done.repeated:
            await self.blobs.erase(blob.id)  # it is there already
        return json_response({"size": blob.size, "media_type": kind}, 201)

    async def list(self, request: Request) -> Response:
        """The files of a complaint; `copy` says whether there is one that can be read."""
        complaint = await self._readable(request)
        files = await self.blobs.of(complaint.id, list(complaint.in_vault.values()))
        copies = {b.original: b for b in files if b.original is not None}
        items = [
            {"id": str(b.id), "media_type": b.media_type, "size": b.size, "copy": b.id in copies}
            for b in files
            if b.original is None
        ]
        return json_response({"items": items})

    async def copy(self, request: Request) -> Response:
        """The copy without metadata. The original stays sealed."""
        complaint = await self._readable(request)
        wanted = object_id(request.path_params["blob"])
        files = await self.blobs.of(complaint.id, list(complaint.in_vault.values()))
        found = [b for b in files if b.original == wanted]
        if not found:
            refuse("E_NOT_FOUND")
        headers = {"content-disposition": "attachment", "content-security-policy": "sandbox"}
        return Response(await self.blobs.open(found[0]), 200, headers, found[0].media_type)

    async def _readable(self, request: Request) -> Complaint:
        token = await self.parts.face.token(request)
        complaint = await self.parts.repository.get(Complaint, object_id(request.path_params["id"]))
        if complaint is None:
            refuse("E_NOT_FOUND")
        await self.parts.gatekeeper.check_reading(token, complaint)
        if not token.roles & set(roles.PETITION) or token.organ != complaint.organ:
            refuse("E_FORBIDDEN_ROLE", "SEC-2")
        if complaint.state in complaint.sealed:
            refuse("E_SEALED_UPWARD", "A14")
        await self.parts.reads.note_reading(token, complaint, "attachments", request)
        return complaint


async def _limited(stream: AsyncIterator[bytes], digest: Hash) -> AsyncIterator[bytes]:
    """The whole file, as long as it is not too large: then nothing of it is kept."""
    size = 0
    async for part in stream:
        size += len(part)
        digest.update(part)
        if size > MOST_BYTES:
            refuse("E_BODY_TOO_LARGE", "SEC-6", max_bytes=MOST_BYTES)
        yield part
