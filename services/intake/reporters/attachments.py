"""Files behind a query code: taken as a stream, and shown to staff as copies without metadata (SEC-6)."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from hashlib import sha256
from typing import TYPE_CHECKING, Any

from fastapi import FastAPI
from starlette.requests import Request
from starlette.responses import Response

from services.intake.commands.reporting import AddAttachment
from services.intake.domain.complaint import Complaint
from services.intake.reporters.cleaning import cleaned, media_type
from services.intake.reporters.public import Reports, living
from services.intake.reporters.spool import Spool
from services.intake.vault.binding import INCOMPLETE
from services.intake.vault.blobs import Blobs, whole
from shared.casework.gate import Submission
from shared.casework.http.describe import BINARY, KEY, answer, array, describe, in_header, in_path
from shared.casework.http.read import Asked, read
from shared.casework.http.values import idempotency_key, json_response, object_id
from shared.casework.parts import Parts
from shared.language import roles
from shared.language.refusal import Refusal, refuse

if TYPE_CHECKING:
    from hashlib import _Hash as Hash

MOST_BYTES = 20 * 1024 * 1024
MOST_FILES = 20
UPLOADS = "/v1/reports/attachments"
LARGER_BODIES = {UPLOADS: MOST_BYTES + 1024}
MEDIA_TYPES = ("image/jpeg", "image/png", "application/pdf", "text/plain")
ROUGHLY = 64 * 1024
"""Number of bytes to whose multiples a size is rounded up outside the vault: by the exact size a file would
be known (B53)."""
AT_ONCE = 4
"""Files at one time that have come whole and are sealed and copied; each holds a connection of the vault's
database."""


TEXT, SIZE = {"type": "string"}, {"type": "integer", "minimum": 0}
READ: dict[str, Any] = {
    "rule": "SEC-2",
    "of": Complaint,
    "by": roles.PETITION,
    "own_organ": True,
    "notes": "attachments",
    "codes": tuple(INCOMPLETE),
    "tag": "reports",
}
"""The roles that read files: assigned petition staff of the organ that owns the complaint."""


class Attachments:
    """Upload behind a code; list and copy for assigned petition staff."""

    def __init__(self, parts: Parts, blobs: Blobs, reports: Reports) -> None:
        self.parts = parts
        self.blobs = blobs
        self.reports = reports
        self._turn = asyncio.Semaphore(AT_ONCE)

    def add_to(self, app: FastAPI) -> None:
        self.parts.reads.gate.add(app, self)
        app.add_api_route(
            UPLOADS,
            self.upload,
            methods=["POST"],
            operation_id="AddAttachment",
            response_class=Response,
            tags=["reports"],
        )
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
            answer=answer(size=SIZE, media_type=TEXT),
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
        asked = Submission(added, None, complaint.id, idempotency_key=own, content=digest.digest())
        try:
            done = await self.parts.command_gate.execute(asked)
        except Refusal:
            await self.blobs.erase(blob.id)  # sealed upward in the meantime: nothing names the file
            raise
        if done.repeated:
            await self.blobs.erase(blob.id)  # it is there already
        return json_response({"size": blob.size, "media_type": kind}, 201)

    @read(
        "ListAttachments",
        "/v1/complaints/{id}/attachments",
        **READ,
        answer=answer(items=array(answer(id=TEXT, media_type=TEXT, size=SIZE, copy={"type": "boolean"}))),
    )
    async def list(self, ask: Asked[Complaint]) -> Response:
        """The files of a complaint; `copy` says whether there is one that can be read."""
        files = await self.blobs.of(ask.case.id, [*ask.case.in_vault.values()])
        copies = {b.original: b for b in files if b.original is not None}
        items = [
            {"id": str(b.id), "media_type": b.media_type, "size": b.size, "copy": b.id in copies}
            for b in files
            if b.original is None
        ]
        return json_response({"items": items})

    @read(
        "ReadAttachment",
        "/v1/complaints/{id}/attachments/{blob}",
        **READ,
        parameters=(in_path("blob", "The file.", format="uuid"),),
        answer=BINARY,
        media_type=MEDIA_TYPES,
    )
    async def copy(self, ask: Asked[Complaint]) -> Response:
        """The copy without metadata. The original stays sealed."""
        wanted = object_id(ask.request.path_params["blob"])
        files = await self.blobs.of(ask.case.id, [*ask.case.in_vault.values()])
        found = [b for b in files if b.original == wanted]
        if not found:
            refuse("E_NOT_FOUND")
        headers = {"content-disposition": "attachment", "content-security-policy": "sandbox"}
        return Response(await self.blobs.open(found[0]), 200, headers, found[0].media_type)


async def _limited(stream: AsyncIterator[bytes], digest: Hash) -> AsyncIterator[bytes]:
    """The whole file, as long as it is not too large: then nothing of it is kept."""
    size = 0
    async for part in stream:
        size += len(part)
        digest.update(part)
        if size > MOST_BYTES:
            refuse("E_BODY_TOO_LARGE", "SEC-6", max_bytes=MOST_BYTES)
        yield part
