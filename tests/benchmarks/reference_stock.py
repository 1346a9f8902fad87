"""Reference: the eventsourcing library as it comes, its PostgreSQL recorder behind a FastAPI endpoint."""

from __future__ import annotations

import os
from datetime import date
from uuid import UUID

import uvicorn
from eventsourcing.application import Application
from eventsourcing.domain import Aggregate, event
from fastapi import FastAPI

from tests.benchmarks.bodies import Body


class Complaint(Aggregate):
    """The same envelope as an aggregate of the library."""

    @event("Received")
    def __init__(
        self,
        channel: str,
        source: str,
        received_on: date,
        pages: int,
        competent_level: str,
        blob_id: str,
        platform_no: str,
        acknowledged_notice_version: str,
    ) -> None:
        self.channel = channel
        self.source = source
        self.received_on = received_on
        self.pages = pages
        self.competent_level = competent_level
        self.blob_id = blob_id
        self.platform_no = platform_no
        self.acknowledged_notice_version = acknowledged_notice_version


class Complaints(Application[UUID]):
    """Stock: transcoder, mapper and recorder are the library's own."""

    def receive(self, body: Body) -> UUID:
        values = body.model_dump(exclude={"reporter"}) | {"received_on": body.received_on.isoformat()}
        complaint = Complaint(**values)
        self.save(complaint)
        return complaint.id


complaints = Complaints()
app = FastAPI()


@app.get("/readyz")
async def readyz() -> bool:
    return True


@app.post("/v1/complaints", status_code=201)
def receive(body: Body) -> dict[str, UUID]:
    return {"id": complaints.receive(body)}


if __name__ == "__main__":
    uvicorn.run(
        app,
        host="127.0.0.1",
        port=int(os.environ["BENCH_PORT"]),
        loop="uvloop",
        http="httptools",
        access_log=False,
        log_level="warning",
        server_header=False,
        backlog=2048,
    )
